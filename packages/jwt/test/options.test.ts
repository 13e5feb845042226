import { createRevocationIndex, createVerifier, relaxedAccessToken, remoteKeys, staticKeys } from '@coffer/jwt'
import { createIssuer, createKeyRing, memoryKeyRingStore, memoryRefreshStore } from '@coffer/jwt/issue'
import { postgresKeyRingStore, postgresRefreshStore, postgresTablesSql } from '@coffer/jwt/postgres'
import { hostileTokens, verifyJws } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'
import { gcmSealer, issuing } from './issue/support.js'
import { codeOf, issuer, issuerOf, testKey } from './support.js'

const key = testKey('ES256')
const base = issuerOf(key)
const of = (options: object) => () => createVerifier({ issuers: [base], ...options } as never)
const issuerWith = (options: object) => () => createVerifier({ issuers: [{ ...base, ...options }] } as never)
const many = Array.from({ length: 1_001 }, (_, i) => ({ ...base, issuer: `https://id-${i}.example` }))
const jwt = relaxedAccessToken({ typ: ['JWT'] })

describe('misuse of a verifier is a TypeError that names the option', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['no options', () => createVerifier(undefined as never), /createVerifier/],
    ['a list of options', () => createVerifier([] as never), /createVerifier/],
    ['an unknown option', of({ Cache: null }), /Cache/],
    ['no list of issuers', of({ issuers: base }), /issuers/],
    ['an issuer twice', of({ issuers: [base, base] }), /issuers/],
    ['an empty algorithm list', issuerWith({ algorithms: [] }), /algorithms/],
    ['an algorithm that is no text', issuerWith({ algorithms: [256] }), /algorithms/],
    ['another clock', of({ clock: {} }), /clock/],
    ['an index of another kind', of({ revocation: {} }), /revocation/],
    ['no index', of({ revocation: null }), /revocation/],
    ['a realm with a quote', of({ realm: 'a"b' }), /realm/],
    ['a realm with a backslash', of({ realm: 'a\\b' }), /realm/],
    ['an empty realm', of({ realm: '' }), /realm/],
    ['a realm of 129 characters', of({ realm: 'r'.repeat(129) }), /realm/],
    ['a realm that is no text', of({ realm: 1 }), /realm/],
    ['another engine', of({ engine: 'web' }), /engine/],
    ['a cache of another shape', of({ cache: true }), /cache/],
    ['a cache whose max is no number', of({ cache: { max: '64' } }), /cache\.max/],
    ['limits of another shape', of({ limits: null }), /limits/],
    ['a profile of another kind', issuerWith({ profile: { typ: ['JWT'] } }), /profile/],
    ['no profile', issuerWith({ profile: null }), /profile/],
    ['a schema of another kind', issuerWith({ claims: { parse: () => 1 } }), /claims/],
    ['a schema that is no object', issuerWith({ claims: 'zod' }), /claims/],
    ['a schema without validate', issuerWith({ claims: { '~standard': {} } }), /claims/],
    ['a missing aud beside an audience', issuerWith({ profile: relaxedAccessToken({ allowMissing: ['aud'] }) }), /aud/],
    ['other types, any audience and no schema', issuerWith({ profile: jwt, audience: null }), /claims/],
    ['a relaxation of another kind', () => relaxedAccessToken({ allowMissing: ['exp'] } as never), /allowMissing/],
    ['a relaxation that is no list', () => relaxedAccessToken({ allowMissing: 'aud' } as never), /allowMissing/],
    ['types that are no list', () => relaxedAccessToken({ typ: 'JWT' } as never), /typ/],
    ['no type', () => relaxedAccessToken({ typ: [] }), /typ/],
    ['another scope claim', () => relaxedAccessToken({ scopeClaim: 'scopes' } as never), /scopeClaim/],
    ['an index without onUnavailable', () => createRevocationIndex({} as never), /onUnavailable/],
    ['a feed without load', () => createRevocationIndex({ onUnavailable: 'refuse', feed: {} } as never), /feed/],
    [
      'a listener that is none',
      () => createRevocationIndex({ onUnavailable: 'allow', onEvent: 1 } as never),
      /onEvent/,
    ],
    ['a fetch that is none', () => remoteKeys('https://id.example', { fetch: 1 } as never), /fetch/],
    ['a snapshot without a sealer', () => remoteKeys('https://id.example', { snapshot: {} } as never), /snapshot/],
    ['a prefix that is no identifier', () => postgresTablesSql('a"; DROP TABLE x; --'), /prefix/],
    ['a prefix that is no text', () => postgresTablesSql(1 as never), /prefix/],
    ['a client without query', () => postgresRefreshStore({ client: {} as never, issuer }), /client/],
    [
      'an issuer that is no text',
      () => postgresKeyRingStore({ client: { query: async () => ({ rows: [] }) }, issuer: '' }),
      /issuer/,
    ],
  ])('%s', (_, call, name) => {
    expect(call).toThrow(TypeError)
    expect(call).toThrow(name)
  })

  test.each<[string, () => unknown, string]>([
    ['a verifier', of({ Cache: null }), 'known: issuers, revocation, cache, limits, realm, clock, engine)'],
    ['a member of the cache', of({ cache: { maxAge: 1 } }), 'cache has no option "maxAge" (known: max, maxAgeMs)'],
    [
      'a verifier without options',
      () => createVerifier(undefined as never),
      'the options of createVerifier must be an',
    ],
    ['limits', of({ limits: [] }), 'limits must be an object'],
    ['an http URL', () => remoteKeys('http://localhost:9/jwks'), "needs dangerouslyAllowHttp: 'loopback'"],
  ])('and says what is known, or asked for: %s', (_, call, message) => {
    expect(call).toThrow(TypeError)
    expect(call).toThrow(message)
  })

  test('and nothing of a value is repeated but the name of an unknown option', () => {
    expect(of({ [`${'x'.repeat(80)}canary`]: 1 })).toThrow(/^(?!.*canary)/)
    expect(of({ realm: 'canary"' })).toThrow(/^(?!.*canary)/)
  })
})

describe('a number out of range is a RangeError', () => {
  test.each<[string, () => unknown]>([
    ['1001 issuers', of({ issuers: many })],
    ['an issuer of 513 characters', issuerWith({ issuer: 'i'.repeat(513) })],
    ['a cache of 63', of({ cache: { max: 63 } })],
    ['a cache of 1 000 001', of({ cache: { max: 1_000_001 } })],
    ['a cache of half an entry', of({ cache: { max: 64.5 } })],
    ['a cache age of 999 ms', of({ cache: { maxAgeMs: 999 } })],
    ['a token of 65 537 characters', of({ limits: { tokenChars: 65_537 } })],
    ['a header of 8193 characters', of({ limits: { headerChars: 8_193 } })],
    ['a depth of 65', of({ limits: { depth: 65 } })],
    ['a depth of 0', of({ limits: { depth: 0 } })],
    ['a tolerance of 121 s', issuerWith({ clockTolerance: 121 })],
    ['a reloadMs of 99', () => createRevocationIndex({ onUnavailable: 'refuse', reloadMs: 99 })],
    ['a maxLagMs below twice reloadMs', () => createRevocationIndex({ onUnavailable: 'refuse', maxLagMs: 19_999 })],
    ['a max of 0', () => createRevocationIndex({ onUnavailable: 'refuse', max: 0 })],
    ['a maxStaleMs of a day and more', () => remoteKeys('https://id.example', { maxStaleMs: 86_400_001 })],
    ['a timeout of 5001 ms', () => remoteKeys('https://id.example', { timeoutMs: 5_001 })],
    ['a document of 262 145 bytes', () => remoteKeys('https://id.example', { maxBytes: 262_145 })],
    ['65 keys', () => remoteKeys('https://id.example', { maxKeys: 65 })],
    ['a ttl whose min is above its max', () => remoteKeys('https://id.example', { ttlMs: { min: 2_000, max: 1_000 } })],
    ['a store of no family', () => memoryRefreshStore({ max: 0 })],
  ])('%s', (_, call) => {
    expect(call).toThrow(RangeError)
  })

  test('and the bounds themselves are taken', () => {
    expect(of({ issuers: many.slice(1) })).not.toThrow()
    expect(issuerWith({ issuer: 'i'.repeat(512), maxLifetime: 86_400, clockTolerance: 120 })).not.toThrow()
    expect(of({ cache: { max: 64, maxAgeMs: 1_000 } })).not.toThrow()
    expect(of({ limits: { tokenChars: 65_536, headerChars: 8_192, depth: 64 }, realm: 'r'.repeat(128) })).not.toThrow()
    expect(of({ cache: { max: 1_000_000, maxAgeMs: 3_600_000 } })).not.toThrow()
  })
})

test('an issuer may take any audience of other types where a schema judges them', () => {
  const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const
  expect(issuerWith({ profile: jwt, audience: null, claims: schema })).not.toThrow()
  expect(issuerWith({ profile: relaxedAccessToken({ typ: ['absent'] }), audience: null, claims: schema })).not.toThrow()
  expect(issuerWith({ profile: jwt })).not.toThrow()
})

describe('misuse of issuing', () => {
  test('names the option', async () => {
    const { ring } = await issuing()
    const revocation = { revoke: () => undefined }
    const store = memoryRefreshStore({ max: 9 })
    const secret = new Uint8Array(32)
    const make = (options: object) => () => createIssuer({ issuer, keys: ring, revocation, ...options } as never)
    expect(make({ keys: {} })).toThrow(/keys/)
    expect(make({ issuer: 'https://other.example' })).toThrow(/issuer/)
    expect(make({ revocation: undefined, refresh: { store, secret } })).toThrow(/revocation/)
    expect(make({ refresh: { store: {}, secret } })).toThrow(/refresh\.store/)
    expect(make({ refresh: { store, secret: [] } })).toThrow(RangeError)
    expect(make({ refresh: { store, secret: Array(4).fill(secret) } })).toThrow(RangeError)
    expect(make({ refresh: { store, secret: new Uint8Array(31) } })).toThrow(RangeError)
    expect(make({ refresh: { store, secret: 's'.repeat(32) } })).toThrow(TypeError)
    expect(make({ refresh: { store, secret, authorize: 1 } })).toThrow(/authorize/)
    expect(make({ refresh: { store, secret, retryWindowMs: 60_001 } })).toThrow(RangeError)
    expect(make({ accessTtlMs: 3_600_001 })).toThrow(RangeError)
    expect(make({ accessTtlMs: 59_999 })).toThrow(RangeError)
    const without = createIssuer({ issuer, keys: ring })
    const grant = { subject: 's', clientId: 'c', audience: 'a' }
    await expect(without.issueWithRefresh(grant)).rejects.toThrow(/refresh/)
    await expect(without.revokeSubject('s')).rejects.toThrow(/revocation/)
    await expect(without.revokeSession('s')).rejects.toThrow(/refresh/)
    await expect(without.issue({ ...grant, claims: [] } as never)).rejects.toThrow(/grant\.claims/)
    await expect(without.issue({ ...grant, claims: null } as never)).rejects.toThrow(TypeError)
    await expect(without.issue({ ...grant, sub: 'x' } as never)).rejects.toThrow(/sub/)
    await expect(without.issue(null as never)).rejects.toThrow(TypeError)
  })

  test('of a key ring names the option', async () => {
    const good = { issuer, algorithm: 'ES256', store: memoryKeyRingStore(), sealer: gcmSealer(), timers: null } as const
    const hour = 3_600_000
    for (const [options, kind] of [
      [{ algorithm: 'HS256' }, TypeError],
      [{ store: {} }, TypeError],
      [{ sealer: {} }, TypeError],
      [{ issuer: '' }, TypeError],
      [{ timers: {} }, TypeError],
      [{ rotateEveryMs: 48 * hour - 1 }, RangeError],
      [{ rotateEveryMs: 367 * 24 * hour }, RangeError],
      [{ publishAheadMs: 2 * hour - 1 }, RangeError],
      [{ rotateEveryMs: 48 * hour, publishAheadMs: 24 * hour + 1 }, RangeError],
      [{ jwksMaxAgeMs: 59_999 }, RangeError],
      [{ refreshMs: 3 * hour + 1 }, RangeError],
      [{ accessTtlMs: 3_600_001 }, RangeError],
    ] as const)
      await expect(createKeyRing({ ...good, ...options } as never)).rejects.toThrow(kind)
  })
})

describe('misuse of the test kit', () => {
  test('names the option', async () => {
    const { hostile, jws } = {
      hostile: hostileTokens({} as never, { include: 'some' } as never),
      jws: verifyJws('a.b.c', { keys: [key.jwk] }, { engine: 'web' } as never),
    }
    await expect(hostile).rejects.toThrow(/include/)
    await expect(jws).rejects.toThrow()
    await expect(verifyJws('a.b.c', { keys: [key.jwk] }, { Engine: 'web' } as never)).rejects.toThrow(/Engine/)
    expect(codeOf(() => staticKeys({ keys: [] }))).toBe('COFFER_JWT_KEYS_INVALID')
  })
})
