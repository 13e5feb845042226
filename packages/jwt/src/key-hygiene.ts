import { type AlgorithmSpec, algorithmSpecs } from './algorithms.js'
import { decodeBase64url } from './base64url.js'
import { isEd25519PublicKey, isOnCurve, toBigInt } from './curves.js'
import { hasRocaFingerprint } from './roca.js'
import { member } from './strict-json.js'

/** A public key in the members that make it (RFC 7638 §3.2), nothing else. */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }

/** A key that passed, and what it may verify. */
export interface FitKey {
  readonly jwk: PublicJwk
  readonly kid: string | undefined
  readonly specs: readonly AlgorithmSpec[]
  /** Exact length of its signatures. */
  readonly signatureBytes: number
}

/** Why one key of a set is ignored while the others serve (RFC 7517 §5). */
export type KeyFault = 'kid' | 'kty' | 'crv' | 'alg' | 'use' | 'key_ops' | 'rsa' | 'point'

type JwkMembers = Readonly<Record<string, unknown>>

/** Members of a private or symmetric key (RFC 7518 §6.2.2, §6.3.2, §6.4): a document that has one is not a public one. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

/** Whether a JWK carries secret material. */
export function isSecretKey(jwk: JwkMembers): boolean {
  return member(jwk, 'kty') === 'oct' || secretMembers.some((name) => Object.hasOwn(jwk, name))
}

/** Judges one public JWK: the key and its algorithms, or the first thing that is wrong with it. */
export function judgeKey(jwk: JwkMembers): FitKey | KeyFault {
  const kid = member(jwk, 'kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > 256)) return 'kid'
  const use = member(jwk, 'use')
  if (use !== undefined && use !== 'sig') return 'use'
  const operations = member(jwk, 'key_ops')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'key_ops'
  const material = judgeMaterial(jwk)
  if (typeof material === 'string') return material
  const alg = member(jwk, 'alg')
  const named = typeof alg === 'string' ? algorithmSpecs.get(alg) : undefined
  if (alg !== undefined && named === undefined) return 'alg'
  const fitting = [...new Set(algorithmSpecs.values())].filter(
    (spec) => spec.kty === material.jwk.kty && spec.crv === ('crv' in material.jwk ? material.jwk.crv : undefined),
  )
  const specs = named === undefined ? fitting : fitting.filter((spec) => spec === named)
  return specs.length === 0 ? 'alg' : { ...material, kid, specs }
}

interface Material {
  readonly jwk: PublicJwk
  readonly signatureBytes: number
}

function judgeMaterial(jwk: JwkMembers): Material | KeyFault {
  switch (member(jwk, 'kty')) {
    case 'RSA':
      return judgeRsa(member(jwk, 'n'), member(jwk, 'e'))
    case 'EC':
      return judgeEc(member(jwk, 'crv'), member(jwk, 'x'), member(jwk, 'y'))
    case 'OKP':
      return judgeEd25519(member(jwk, 'crv'), member(jwk, 'x'))
    default:
      return 'kty'
  }
}

/** RFC 7518 §3.3: 2048 bits or more. Above 8192 a verification is a denial of service; below e = 65537 lie known attacks. */
function judgeRsa(n: unknown, e: unknown): Material | KeyFault {
  const modulusBytes = bytesOf(n)
  const exponentBytes = bytesOf(e)
  if (typeof n !== 'string' || typeof e !== 'string' || !isMinimal(modulusBytes) || !isMinimal(exponentBytes))
    return 'rsa'
  const bits = modulusBytes.length * 8 - Math.clz32(modulusBytes[0] as number) + 24
  if (bits < 2_048 || bits > 8_192 || exponentBytes.length > 5) return 'rsa'
  const modulus = toBigInt(modulusBytes)
  const exponent = toBigInt(exponentBytes)
  if (exponent < 65_537n || exponent > 2n ** 32n || exponent % 2n === 0n || modulus % 2n === 0n) return 'rsa'
  return hasRocaFingerprint(modulus) ? 'rsa' : { jwk: { kty: 'RSA', n, e }, signatureBytes: modulusBytes.length }
}

function judgeEc(crv: unknown, x: unknown, y: unknown): Material | KeyFault {
  const spec = [...algorithmSpecs.values()].find((one) => one.kty === 'EC' && one.crv === crv)
  if (spec?.signatureBytes === undefined || typeof crv !== 'string') return 'crv'
  const [px, py] = [bytesOf(x), bytesOf(y)]
  if (typeof x !== 'string' || typeof y !== 'string' || px === undefined || py === undefined) return 'point'
  return isOnCurve(crv, px, py) ? { jwk: { kty: 'EC', crv, x, y }, signatureBytes: spec.signatureBytes } : 'point'
}

function judgeEd25519(crv: unknown, x: unknown): Material | KeyFault {
  if (crv !== 'Ed25519') return 'crv'
  const point = bytesOf(x)
  if (typeof x !== 'string' || point === undefined || !isEd25519PublicKey(point)) return 'point'
  return { jwk: { kty: 'OKP', crv, x }, signatureBytes: 64 }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' ? decodeBase64url(value) : undefined
}

/** RFC 7518 §2, Base64urlUInt: the fewest octets that hold the value. */
function isMinimal(bytes: Uint8Array | undefined): bytes is Uint8Array {
  return bytes !== undefined && bytes.length > 0 && bytes[0] !== 0
}
