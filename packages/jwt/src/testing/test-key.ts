import { generateKeyPair } from 'jose'
import { type AlgorithmSpec, checkAlgorithm, type SignatureAlgorithm } from '../algorithms.js'
import { asciiBytes, encodeBase64url } from '../base64url.js'

/** A key pair that signs whatever it is given, for tokens that no honest library would make. */
export interface TestKey {
  readonly kid: string
  readonly algorithm: SignatureAlgorithm
  readonly publicJwk: Readonly<Record<string, unknown>>
  sign(data: string): Promise<Uint8Array>
}

/** Makes a key pair; its `kid` is what the caller says. */
export async function createTestKey(algorithm: SignatureAlgorithm, kid: string): Promise<TestKey> {
  const spec = checkAlgorithm(algorithm, 'algorithm')
  const { publicKey, privateKey } = await generateKeyPair(spec.name, { extractable: true })
  const exported = await crypto.subtle.exportKey('jwk', publicKey)
  const { kty, crv, x, y, n, e } = exported
  const members = Object.entries({ kty, crv, x, y, n, e, kid, use: 'sig', alg: algorithm })
  return Object.freeze({
    kid,
    algorithm,
    publicJwk: Object.freeze(Object.fromEntries(members.filter(([, value]) => value !== undefined))),
    sign: async (data: string) =>
      new Uint8Array(await crypto.subtle.sign(parametersOf(spec), privateKey, Uint8Array.from(asciiBytes(data)))),
  })
}

function parametersOf(spec: AlgorithmSpec): AlgorithmIdentifier | RsaPssParams | EcdsaParams {
  if (spec.kty === 'OKP') return { name: 'Ed25519' }
  if (spec.kty === 'EC')
    return { name: 'ECDSA', hash: `SHA-${spec.name === 'ES256' ? 256 : spec.name === 'ES384' ? 384 : 512}` }
  return spec.saltLength === undefined
    ? { name: 'RSASSA-PKCS1-v1_5' }
    : { name: 'RSA-PSS', saltLength: spec.saltLength }
}

/** base64url of text or bytes. */
export function encodePart(part: string | Uint8Array): string {
  return encodeBase64url(typeof part === 'string' ? new TextEncoder().encode(part) : part)
}
