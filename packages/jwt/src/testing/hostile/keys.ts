import { createTestKey, type TestKey } from '../test-key.js'
import type { Forge, HostileToken } from './forge.js'

/** Keys that the document lists and that must not verify an access token. They are added to the issuer's document. */
export async function keyTokens(forge: Forge): Promise<readonly HostileToken[]> {
  const { issuer, header, claims, signBy, hostile } = forge
  const decoys: Readonly<Record<string, (key: TestKey) => Readonly<Record<string, unknown>>>> = {
    'for encryption': (key) => ({ ...key.publicJwk, use: 'enc' }),
    'for an unknown use': (key) => ({ ...key.publicJwk, use: 'other' }),
    'that may only sign': (key) => ({ ...key.publicJwk, use: undefined, key_ops: ['sign'] }),
    'with no operation': (key) => ({ ...key.publicJwk, use: undefined, key_ops: [] }),
    'for another algorithm': (key) => ({ ...key.publicJwk, alg: issuer.algorithm === 'PS512' ? 'RS256' : 'PS512' }),
    'for HMAC': (key) => ({ ...key.publicJwk, alg: 'HS256' }),
    'of an unknown type': (key) => ({ ...key.publicJwk, kty: 'XYZ' }),
    'with padded material': (key) => ({
      ...key.publicJwk,
      x: padded(key.publicJwk, 'x'),
      n: padded(key.publicJwk, 'n'),
    }),
    'with other material': (key) => ({ ...key.publicJwk, ...spoil(key.publicJwk) }),
    'with half its material': (key) => ({ ...key.publicJwk, x: half(key.publicJwk, 'x'), n: half(key.publicJwk, 'n') }),
    'with no material': (key) => ({ ...key.publicJwk, x: undefined, n: undefined }),
    'with material that is no text': (key) => ({ ...key.publicJwk, x: 1, n: 1 }),
  }
  const made: HostileToken[] = []
  for (const [id, decoy] of Object.entries(decoys)) {
    const key = await createTestKey(issuer.algorithm, `decoy ${id}`)
    issuer.publish(withoutUndefined(decoy(key)))
    const token = await signBy(key, header({ kid: key.kid }), claims())
    made.push(hostile(`a key ${id}`, token, 'COFFER_JWT_KEY_UNUSABLE'))
  }
  const other = await createTestKey(issuer.algorithm === 'Ed25519' ? 'ES256' : 'Ed25519', 'decoy of another family')
  issuer.publish(other.publicJwk)
  const confused = await signBy(other, header({ kid: other.kid }), claims())
  made.push(hostile('a key of another family', confused, 'COFFER_JWT_KEY_UNUSABLE'))
  const own = await signBy(other, header({ kid: other.kid, alg: other.algorithm }), claims())
  made.push(hostile('a key of another family under its own algorithm', own, 'COFFER_JWT_ALGORITHM_REFUSED'))
  return made
}

function padded(jwk: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = jwk[name]
  return typeof value === 'string' ? `${value}=` : undefined
}

function half(jwk: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = jwk[name]
  return typeof value === 'string' ? value.slice(0, Math.floor(value.length / 8) * 4) : undefined
}

/** A point off the curve; an even modulus; an encoding of small order. */
function spoil({ kty, x, y, n }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (kty === 'EC') return { x: y, y: x }
  if (kty === 'OKP') return { x: 'A'.repeat(43) }
  return { n: `${String(n).slice(0, -1)}A` }
}

function withoutUndefined(jwk: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined))
}
