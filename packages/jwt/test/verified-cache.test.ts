import { createRevocationIndex, createVerifier, type StandardSchema, staticKeys } from '@coffer/jwt'
import { createIssuer, createKeyRing, memoryKeyRingStore } from '@coffer/jwt/issue'
import { describe, expect, test } from 'vitest'
import { gcmSealer, grant } from './issue/support.js'
import { accessToken, audience, codeOf, codeOfAsync, issuer, issuerOf, start, testKey } from './support.js'

const key = testKey('ES256')

function caching(options: { readonly cache?: { readonly max?: number; readonly maxAgeMs?: number } | null } = {}) {
  const clock = { at: start, now: () => clock.at }
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
  const verifier = createVerifier({ issuers: [issuerOf(key)], revocation, clock, ...options })
  return { clock, revocation, verifier }
}

describe('a token seen before', () => {
  test('is the same frozen object, by verifySync and by verify', async () => {
    const { verifier } = caching()
    const text = accessToken(key)
    const first = verifier.verifySync(text)
    expect(verifier.verifySync(text)).toBe(first)
    expect(await verifier.verify(text)).toBe(first)
    expect(verifier.stats()).toMatchObject({ size: 1, hits: 2, misses: 1, verified: 1 })
  })

  test('is verified in full at maxAgeMs, and served before it', () => {
    const { verifier, clock } = caching({ cache: { maxAgeMs: 1_000 } })
    const text = accessToken(key)
    verifier.verifySync(text)
    clock.at = start + 999
    verifier.verifySync(text)
    expect(verifier.stats().verified).toBe(1)
    clock.at = start + 1_000
    verifier.verifySync(text)
    expect(verifier.stats().verified).toBe(2)
  })

  test('has the precise error at its expiry, and when the clock is set back before it was issued', () => {
    const { verifier, clock } = caching({ cache: { maxAgeMs: 3_600_000 } })
    const text = accessToken(key, { exp: start / 1_000 + 60 })
    verifier.verifySync(text)
    clock.at = start + 64_999
    expect(verifier.verifySync(text).jti).toBe('jti-1')
    clock.at = start + 65_000
    expect(codeOf(() => verifier.verifySync(text))).toBe('COFFER_JWT_EXPIRED')
    clock.at = start - 5_001
    expect(codeOf(() => verifier.verifySync(text))).toBe('COFFER_JWT_NOT_YET_VALID')
    clock.at = start - 5_000
    expect(verifier.verifySync(text).jti).toBe('jti-1')
  })

  test.each(['token', 'session', 'subject', 'client', 'issuer'] as const)(
    'is refused at the next call after its %s was revoked, and others are served from the cache',
    async (kind) => {
      const { verifier, revocation } = caching()
      const other = createVerifier({ issuers: [issuerOf(key)] })
      expect(other).toBeDefined()
      const text = accessToken(key, { sid: 'sid-1' })
      const bystander = accessToken(key, {
        sid: 'sid-2',
        sub: 'user-2',
        jti: 'jti-2',
        client_id: 'other',
        iat: start / 1_000 + 2,
        exp: start / 1_000 + 60,
      })
      for (const one of [text, bystander]) verifier.verifySync(one)
      const value = { token: 'jti-1', session: 'sid-1', subject: 'user-1', client: 'web', issuer: '' }[kind]
      const done = revocation.revoke(
        kind === 'issuer' ? { kind, issuer, at: start } : { kind, issuer, value, at: start },
      )
      expect(codeOf(() => verifier.verifySync(text))).toBe('COFFER_JWT_REVOKED')
      await done
      expect(verifier.verifySync(bystander).subject).toBe('user-2')
      expect(verifier.stats()).toMatchObject({ verified: 2, hits: 1 })
    },
  )

  test('is not served after replaceIssuers', () => {
    const { verifier } = caching()
    const text = accessToken(key)
    verifier.verifySync(text)
    verifier.replaceIssuers([{ ...issuerOf(key), audience: 'https://other.example' }])
    expect(codeOf(() => verifier.verifySync(text))).toBe('COFFER_JWT_AUDIENCE_MISMATCH')
  })

  test('is not served after its key left the ring', async () => {
    const clock = { at: start, now: () => clock.at }
    const ring = await createKeyRing({
      issuer,
      algorithm: 'ES256',
      store: memoryKeyRingStore(),
      sealer: gcmSealer(),
      clock,
      timers: null,
    })
    const verifier = createVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256'], keys: ring }], clock })
    const text = (await createIssuer({ issuer, keys: ring, clock }).issue(grant)).toResponse().access_token
    verifier.verifySync(text)
    await ring.revoke(String(ring.status()[0]?.kid))
    expect(codeOf(() => verifier.verifySync(text))).toBe('COFFER_JWT_KEY_UNKNOWN')
  })

  test('and altered in its last character, or shortened, is another text', () => {
    const { verifier } = caching()
    const text = accessToken(key)
    verifier.verifySync(text)
    for (const other of [
      text.slice(0, -1),
      `${text}A`,
      `${text}=`,
      ` ${text}`,
      text.slice(0, -1) + (text.endsWith('A') ? 'Q' : 'A'),
    ]) {
      expect(codeOf(() => verifier.verifySync(other))).toMatch(/ENCODING_INVALID|SIGNATURE_INVALID/)
    }
    expect(verifier.stats().size).toBe(1)
  })
})

test('a cache holds at most max entries, and refusals none', () => {
  const { verifier } = caching({ cache: { max: 64 } })
  for (let i = 0; i < 200; i++) verifier.verifySync(accessToken(key, { jti: `jti-${i}` }))
  expect(verifier.stats().size).toBeLessThanOrEqual(64)
  expect(verifier.stats().size + verifier.stats().evicted).toBe(200)
  const empty = caching().verifier
  expect(codeOf(() => empty.verifySync(accessToken(key, { aud: 'x' })))).toBe('COFFER_JWT_AUDIENCE_MISMATCH')
  expect(empty.stats().size).toBe(0)
})

test('without a cache every call is a full verification', () => {
  const { verifier } = caching({ cache: null })
  const text = accessToken(key)
  verifier.verifySync(text)
  verifier.verifySync(text)
  expect(verifier.stats()).toMatchObject({ size: 0, hits: 0, verified: 2 })
})

test('claims that a caller could change are returned and never cached', () => {
  const dated: StandardSchema<unknown, { at: Date }> = {
    '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { at: new Date(start) } }) },
  }
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: ['ES256'], keys: staticKeys({ keys: [key.jwk] }), claims: dated }],
    clock: { now: () => start },
  })
  const text = accessToken(key)
  expect(verifier.verifySync(text).claims.at.getTime()).toBe(start)
  expect(verifier.verifySync(text)).not.toBe(verifier.verifySync(text))
  expect(verifier.stats()).toMatchObject({ size: 0, uncacheable: 3 })
})

test('under jose, identical tokens in flight share one verification', async () => {
  const verifier = createVerifier({ issuers: [issuerOf(key)], clock: { now: () => start }, engine: 'jose' })
  const text = accessToken(key)
  const before = Array.from({ length: 20 }, () => verifier.verify(text))
  expect(new Set(await Promise.all(before)).size).toBe(1)
  expect(verifier.stats().verified).toBe(1)
  expect(() => verifier.verifySync(text)).toThrow(TypeError)
})

test('under jose, a new policy starts its own verification, and decides those that were in flight', async () => {
  const verifier = createVerifier({ issuers: [issuerOf(key)], clock: { now: () => start }, engine: 'jose' })
  const text = accessToken(key)
  const before = Array.from({ length: 20 }, () => verifier.verify(text))
  verifier.replaceIssuers([{ ...issuerOf(key), audience: 'https://other.example' }])
  const refused = { code: 'COFFER_JWT_AUDIENCE_MISMATCH' }
  await expect(verifier.verify(text)).rejects.toMatchObject(refused)
  for (const each of before) await expect(each).rejects.toMatchObject(refused)
  await expect(verifier.verify(text)).rejects.toMatchObject(refused)
  expect(verifier.stats().verified).toBe(0)
})

test('under jose, a verification begun after a revocation joins none begun before it', async () => {
  const clock = { now: () => start }
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
  let second: Promise<unknown> | undefined
  let validated = 0
  const revoking: StandardSchema<unknown, object> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate() {
        // Runs once the first verdict is fixed, and before its promise has settled.
        if (validated++ === 0)
          queueMicrotask(() => {
            void revocation.revoke({ kind: 'token', issuer, value: 'jti-1', at: start })
            second = codeOfAsync(() => verifier.verify(text))
          })
        return { value: {} }
      },
    },
  }
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: ['ES256'], keys: staticKeys({ keys: [key.jwk] }), claims: revoking }],
    revocation,
    clock,
    engine: 'jose',
  })
  const text = accessToken(key)
  await verifier.verify(text)
  expect(await second).toBe('COFFER_JWT_REVOKED')
})

test('a token that its own schema revokes is refused at the next call', () => {
  const clock = { now: () => start }
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
  const revoking: StandardSchema<unknown, object> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate() {
        void revocation.revoke({ kind: 'token', issuer, value: 'jti-1', at: start })
        return { value: {} }
      },
    },
  }
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: ['ES256'], keys: staticKeys({ keys: [key.jwk] }), claims: revoking }],
    revocation,
    clock,
  })
  const text = accessToken(key)
  verifier.verifySync(text)
  expect(codeOf(() => verifier.verifySync(text))).toBe('COFFER_JWT_REVOKED')
})

test.each(['subject', 'client', 'issuer'] as const)(
  'a %s revocation ends tokens of its own second, also those with a fraction in iat, and none of the next',
  async (kind) => {
    const second = start / 1_000
    const clock = { now: () => start + 2_000 }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const verifier = createVerifier({ issuers: [issuerOf(key)], revocation, clock })
    const at = start + 100
    if (kind === 'issuer') await revocation.revoke({ kind, issuer, at })
    else await revocation.revoke({ kind, issuer, value: kind === 'client' ? 'web' : 'user-1', at })
    for (const iat of [second, second + 0.1, second + 0.999])
      expect(codeOf(() => verifier.verifySync(accessToken(key, { iat })))).toBe('COFFER_JWT_REVOKED')
    expect(verifier.verifySync(accessToken(key, { iat: second + 1 })).subject).toBe('user-1')
  },
)
