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

/** Every algorithm, with its share of the tokens in percent: mutations do not depend on it, and the slow ones are slow. */
const shares: Readonly<Record<SignatureAlgorithm, number>> = {
  ES256: 35,
  Ed25519: 35,
  RS256: 10,
  EdDSA: 10,
  ES384: 1.5,
  ES512: 1.5,
  RS384: 1.5,
  RS512: 1.5,
  PS256: 1.5,
  PS384: 1.5,
  PS512: 1.5,
}

/** What jose alone may accept, and why it is refused here. No other code may meet a token that jose takes. */
const stricter: Readonly<Partial<Record<JwtErrorCode, string>>> = {
  COFFER_JWT_ENCODING_INVALID: 'one spelling of base64url (RFC 4648 §3.3, §3.5)',
  COFFER_JWT_MALFORMED: 'I-JSON (RFC 7493 §2): one member of a name, no lone surrogate, no inexact number',
  COFFER_JWT_HEADER_REFUSED: 'members that name keys or change the token (RFC 7515 §4.1), a kid that is no text',
  COFFER_JWT_KEY_UNKNOWN: 'a kid is required',
  COFFER_JWT_CLAIM_MISSING: 'claims of RFC 9068 §2.2',
  COFFER_JWT_CLAIM_INVALID: 'types and values of RFC 9068 §2.2',
  COFFER_JWT_NOT_YET_VALID: 'iat ahead of the clock',
  COFFER_JWT_LIFETIME_EXCEEDED: 'exp - iat is bounded',
  COFFER_JWT_SENDER_CONSTRAINED: 'cnf (RFC 7800 §3)',
}

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
  switch (random.int(10)) {
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
    case 6:
      return crossed(
        random,
        accessToken(key),
        accessToken(key, { jti: 'jti-2', sub: random.pick(['user-1', 'admin']) }),
      )
    case 7:
      return bytesChanged(random, accessToken(key))
    case 8:
      return accessToken(key, { [random.pick(claimNames)]: grown(random, 4) })
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

/** The parts of two good tokens, mixed. */
function crossed(random: Random, one: string, other: string): string {
  const parts = other.split('.')
  return one
    .split('.')
    .map((part, i) => (random.chance(0.5) ? part : parts[i]))
    .join('.')
}

/** Bytes of one part changed before it was encoded; nothing is signed again. */
function bytesChanged(random: Random, token: string): string {
  const parts = token.split('.')
  const at = random.int(3)
  const bytes = Buffer.from(parts[at] ?? '', 'base64url')
  for (let changes = 1 + random.int(3); changes > 0; changes--) bytes[random.int(bytes.length)] = random.int(256)
  parts[at] = encode(random.chance(0.2) ? bytes.subarray(0, random.int(bytes.length)) : bytes)
  return parts.join('.')
}

/** A value of JSON, of any shape. */
function grown(random: Random, depth: number): unknown {
  if (depth === 0 || random.chance(0.4)) return random.pick(values) ?? null
  const items = Array.from({ length: random.int(3) }, () => grown(random, depth - 1))
  return random.chance(0.5) ? items : Object.fromEntries(items.map((item) => [random.pick(claimNames), item]))
}

/** Other spellings of the same bytes, and bytes next to them. */
function respelt(random: Random, token: string): string {
  const parts = token.split('.')
  const at = random.int(3)
  const part = parts[at] ?? ''
  const inside = random.int(part.length)
  const character = part.charCodeAt(inside)
  const forms = [
    `${part}=`,
    `${part}==`,
    `${part}%3D`,
    `${random.pick(spaces)}${part}`,
    `${part}${random.pick(spaces)}`,
    part.slice(0, inside) + random.pick(spaces) + part.slice(inside),
    part.replaceAll('-', '+').replaceAll('_', '/'),
    part.replace(/[-_]/, (one) => (one === '-' ? '+' : '/')),
    part.slice(0, -1) + random.pick([...alphabet]),
    encode(Buffer.from(part, 'base64url').toString('latin1')),
    part.slice(0, -1),
    part + random.pick([...alphabet]),
    // The same low bits in another plane: full width, a byte higher, an astral character.
    part.slice(0, inside) +
      String.fromCharCode(character + random.pick([0xfee0, 0x100, 0x80])) +
      part.slice(inside + 1),
    part.slice(0, inside) + String.fromCodePoint(0x1d400 + (character & 31)) + part.slice(inside + 1),
    part.normalize('NFKD').replace(/[a-z]/, (one) => `${one}\u0301`),
    part.replace(/[A-Za-z]/, (one) => (one < 'a' ? one.toLowerCase() : one.toUpperCase())),
  ]
  parts[at] = random.pick(forms)
  return random.chance(0.03) ? `${token}${random.pick([' ', '.', '\0', '=', '\n'])}` : parts.join('.')
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const spaces = [' ', '\t', '\n', '\r', '\0', '\u00a0', '\u200b', '\u2028', '\ufeff', '=', '~', '!']

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
  const total = isDeep ? 1_000_000 : 1_100
  const counts = new Map<string, number>()
  const joseAlone = new Map<string, number>()
  const clock = { now: () => start }
  for (const [algorithm, percent] of Object.entries(shares) as [SignatureAlgorithm, number][]) {
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
    const share = Math.ceil((total * percent) / 100)
    for (let i = 0; i < share; i++) {
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
        joseAlone.set(ours, (joseAlone.get(ours) ?? 0) + 1)
        if (!Object.hasOwn(stricter, ours)) expect(Object.keys(stricter), token).toContain(ours)
      }
    }
  }
  const judged = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const [ours, theirs] = [counts, joseAlone].map((map) => JSON.stringify(Object.fromEntries(map)))
  console.log(`differential: ${judged} tokens: ${ours}; accepted by jose alone: ${theirs}`)
  expect(judged).toBeGreaterThanOrEqual(total)
  expect(counts.get('accepted')).toBeGreaterThan(total / 100)
  expect(counts.size).toBeGreaterThan(8)
}, 7_200_000)

test('no second spelling of an accepted token is accepted', () => {
  const random = seeded('spelling')
  const keys = (['ES256', 'RS256', 'Ed25519'] as const).map((algorithm) => testKey(algorithm))
  const verifiers = keys.map((key) => createVerifier({ issuers: [issuerOf(key)], clock: { now: () => start } }))
  const held = keys.map((key) => Array.from({ length: 20 }, (_, i) => accessToken(key, { jti: `jti-${i}` })))
  const total = isDeep ? 120_000 : 1_500
  let spellings = 0
  while (spellings < total) {
    const at = random.int(keys.length)
    const [verifier, token] = [verifiers[at], random.pick(held[at] ?? [])]
    if (spellings % 10 === 0) expect(verifier?.verifySync(token).subject).toBe('user-1')
    const other = respelt(random, token)
    if (other === token) continue
    spellings++
    let isAccepted = true
    try {
      verifier?.verifySync(other)
    } catch (error) {
      isAccepted = !isJwtError(error)
    }
    if (isAccepted) expect.unreachable(other)
  }
  console.log(`spelling: ${spellings} other spellings`)
}, 1_200_000)
