import { createVerifier, isJwtError, type JwtErrorCode, type SignatureAlgorithm } from '@coffer/jwt'
import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import {
  accessToken,
  audience,
  claimsAt,
  encode,
  issuer,
  issuerOf,
  signText,
  start,
  type TestKey,
  testKey,
} from '../support.js'
import { isDeep, type Random, seeded } from './random.js'

const algorithms: readonly SignatureAlgorithm[] = ['ES256', 'RS256', 'Ed25519', 'PS256', 'ES384', 'ES512']
/** Judged by both by one rule: where jose accepts, none of these may be the answer. A missing kid is refused here alone. */
const shared: readonly JwtErrorCode[] = [
  'COFFER_JWT_SIGNATURE_INVALID',
  'COFFER_JWT_ALGORITHM_REFUSED',
  'COFFER_JWT_KEY_UNUSABLE',
  'COFFER_JWT_ISSUER_UNKNOWN',
  'COFFER_JWT_AUDIENCE_MISMATCH',
  'COFFER_JWT_EXPIRED',
  'COFFER_JWT_TYP_MISMATCH',
]

const values: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  -1,
  1.5,
  true,
  '',
  'x',
  [],
  {},
  [audience],
  issuer,
  audience,
  start / 1_000,
  2 ** 53,
  '\ud800',
  start,
]
const claimNames = [
  'iss',
  'sub',
  'aud',
  'client_id',
  'jti',
  'iat',
  'exp',
  'nbf',
  'scope',
  'sid',
  'acr',
  'amr',
  'auth_time',
  'cnf',
  'constructor',
  'x',
]
const headerNames = ['alg', 'kid', 'typ', 'crit', 'jku', 'jwk', 'b64', 'zip', 'cty', 'x5c', 'x5t', 'x']
const headerValues: readonly unknown[] = [
  ...values,
  'none',
  'HS256',
  'ES256',
  'RS256',
  'at+jwt',
  'AT+JWT',
  'application/at+jwt',
  'JWT',
  ['exp'],
]
const junk = [...'AZaz09-_.=+/ \n\t"{}[],:\\', '\0', 'é', '\u200b']

/** A token with something changed, signed again where the change is inside what is signed and the coin says so. */
function mutated(random: Random, key: TestKey): string {
  switch (random.int(7)) {
    case 0:
      return accessToken(key, { [random.pick(claimNames)]: random.pick(values) })
    case 1:
      return accessToken(key, {}, { [random.pick(headerNames)]: random.pick(headerValues) })
    case 2:
      return signText(
        key,
        JSON.stringify({ alg: key.algorithm, kid: key.kid, typ: 'at+jwt' }),
        spliced(random, JSON.stringify(claimsAt(start))),
      )
    case 3:
      return signText(
        key,
        spliced(random, JSON.stringify({ alg: key.algorithm, kid: key.kid, typ: 'at+jwt' })),
        JSON.stringify(claimsAt(start)),
      )
    case 4:
      return spliced(random, accessToken(key))
    case 5:
      return respelt(random, accessToken(key))
    default:
      return accessToken(key, {
        exp: start / 1_000 + random.pick([-6, -5, -4, 0, 5, 3_600, 3_601]),
        iat: start / 1_000 - random.pick([0, 7, 3_600, -5, -6]),
      })
  }
}

function spliced(random: Random, text: string): string {
  const at = random.int(text.length + 1)
  const rest = text.slice(at + random.int(3))
  return (
    text.slice(0, at) +
    (random.chance(0.7) ? random.pick(junk) : text.slice(random.int(text.length), random.int(text.length))) +
    rest
  )
}

/** Other spellings of the same bytes, and bytes next to them. */
function respelt(random: Random, token: string): string {
  const parts = token.split('.')
  const at = random.int(3)
  const part = parts[at] ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const forms = [
    `${part}=`,
    ` ${part}`,
    `${part}\n`,
    part.replaceAll('-', '+').replaceAll('_', '/'),
    part.slice(0, -1) + random.pick([...alphabet]),
    encode(Buffer.from(part, 'base64url').toString('latin1')),
    part.slice(0, -1),
    part + random.pick([...alphabet]),
  ]
  parts[at] = random.pick(forms)
  return parts.join('.')
}

async function verdict(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    if (isJwtError(error)) return error.code
    throw error
  }
}

test('two engines give one verdict, and nothing is accepted here that jose refuses under the same policy', async () => {
  const random = seeded('differential')
  const total = isDeep ? 1_000_000 : 900
  const counts = new Map<string, number>()
  let joseAlone = 0
  const clock = { now: () => start }
  for (const algorithm of algorithms) {
    const key = testKey(algorithm)
    const node = createVerifier({ issuers: [issuerOf(key)], clock, engine: 'node' })
    const web = createVerifier({ issuers: [issuerOf(key)], clock, engine: 'jose' })
    const jwks = createLocalJWKSet({
      keys: [{ ...key.jwk, kty: String(Object.getOwnPropertyDescriptor(key.jwk, 'kty')?.value) }],
    })
    const policy = {
      issuer,
      audience,
      algorithms: [algorithm],
      typ: 'at+jwt',
      clockTolerance: 5,
      currentDate: new Date(start),
      requiredClaims: ['sub', 'client_id', 'jti', 'iat', 'exp'],
    }
    for (let i = 0; i < total / algorithms.length; i++) {
      const token = mutated(random, key)
      const ours = await verdict(() => node.verifySync(token))
      const other = await verdict(() => web.verify(token))
      if (other !== ours) expect(other, token).toBe(ours)
      counts.set(ours, (counts.get(ours) ?? 0) + 1)
      const theirs = await jwtVerify(token, jwks, policy).then(
        () => true,
        (error: unknown) => {
          if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof SyntaxError)
            return false
          throw error
        },
      )
      if (ours === 'accepted') expect(theirs, token).toBe(true)
      else if (theirs) {
        joseAlone++
        expect(shared, token).not.toContain(ours)
      }
    }
  }
  console.log(`differential: ${JSON.stringify(Object.fromEntries(counts))}, jose alone accepted ${joseAlone}`)
  expect(counts.get('accepted')).toBeGreaterThan(total / 100)
  expect(counts.size).toBeGreaterThan(8)
}, 7_200_000)

test('no second spelling of an accepted token is accepted', () => {
  const random = seeded('spelling')
  const key = testKey('ES256')
  const verifier = createVerifier({ issuers: [issuerOf(key)], clock: { now: () => start } })
  for (let i = 0; i < (isDeep ? 100_000 : 1_000); i++) {
    const token = accessToken(key, { jti: `jti-${i % 50}` })
    const other = respelt(random, token)
    if (other === token) continue
    expect(() => verifier.verifySync(other), other).toThrow()
    if (i % 10 === 0) expect(verifier.verifySync(token).subject).toBe('user-1')
  }
}, 600_000)
