import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { IssuerOptions, JwtErrorCode, SignatureAlgorithm } from '@coffer/jwt'
import { isJwtError, staticKeys } from '@coffer/jwt'

export const issuer = 'https://id.fincode.example'
export const audience = 'https://api.fincode.example'
/** A moment of the tests' clock: 2026-01-01T00:00:00Z. */
export const start = 1_767_225_600_000

export const clockAt = (now: number) => ({ now: () => now })

export interface TestKey {
  readonly algorithm: SignatureAlgorithm
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

function generate(algorithm: SignatureAlgorithm): KeyObject {
  const curve = curves[algorithm]
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve }).privateKey
  if (algorithm === 'Ed25519' || algorithm === 'EdDSA') return generateKeyPairSync('ed25519').privateKey
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

export function testKey(algorithm: SignatureAlgorithm, kid = `${algorithm}-1`): TestKey {
  const privateKey = generate(algorithm)
  const jwk = privateKey.export({ format: 'jwk' })
  const { kty, crv, x, y, n, e } = jwk
  return { algorithm, kid, privateKey, jwk: JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, kid, use: 'sig' })) }
}

export const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')

export function signBytes(key: TestKey, data: string, algorithm: SignatureAlgorithm = key.algorithm): Buffer {
  const hash = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
  if (algorithm.startsWith('PS')) {
    return sign(hash, Buffer.from(data), {
      key: key.privateKey,
      padding: 6,
      saltLength: Number(algorithm.slice(2)) / 8,
    })
  }
  return sign(hash, Buffer.from(data), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
}

/** Signs whatever it is given as header and payload. */
export function signText(key: TestKey, header: string, payload: string | Uint8Array): string {
  const data = `${encode(header)}.${encode(payload)}`
  return `${data}.${encode(signBytes(key, data))}`
}

export const claimsAt = (now: number): Record<string, unknown> => ({
  iss: issuer,
  sub: 'user-1',
  aud: audience,
  client_id: 'web',
  jti: 'jti-1',
  iat: now / 1_000,
  exp: now / 1_000 + 3_600,
  scope: 'payments:read payments:create',
})

/** A good access token, with members replaced; `undefined` takes one away. */
export function accessToken(
  key: TestKey,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): string {
  return signText(
    key,
    JSON.stringify({ alg: key.algorithm, kid: key.kid, typ: 'at+jwt', ...header }),
    JSON.stringify({ ...claimsAt(start), ...claims }),
  )
}

export function issuerOf<const K extends TestKey>(key: K) {
  return {
    issuer,
    audience,
    algorithms: [key.algorithm],
    keys: staticKeys({ keys: [key.jwk] }),
  } as const satisfies IssuerOptions
}

/** The code that a call refuses with; anything else it does is an error of the test. */
export function codeOf(call: () => unknown): JwtErrorCode {
  try {
    call()
  } catch (error) {
    if (isJwtError(error)) return error.code
    throw error
  }
  throw new Error('was accepted')
}

export async function codeOfAsync(call: () => Promise<unknown>): Promise<JwtErrorCode> {
  try {
    await call()
  } catch (error) {
    if (isJwtError(error)) return error.code
    throw error
  }
  throw new Error('was accepted')
}

export const privateKeyOf = (jwk: object): KeyObject => createPrivateKey({ key: { ...jwk }, format: 'jwk' })
