import { createRevocationIndex, createVerifier, type Revocation } from '@coffer/jwt'
import { createIssuer, createKeyRing, memoryKeyRingStore, memoryRefreshStore } from '@coffer/jwt/issue'
import { fakeClock, fakeIssuer } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'
import { day, gcmSealer, grant, hour, movingClock, refreshTokenOf, secret } from './issue/support.js'
import { accessToken, codeOf, codeOfAsync, issuer, issuerOf, start, testKey } from './support.js'

const key = testKey('ES256')
/** What is said a millisecond before a moment, at it, and a millisecond after. */
async function around(at: number, say: (now: number) => unknown): Promise<unknown[]> {
  return [await say(at - 1), await say(at), await say(at + 1)]
}
const codeOrGood = async (call: () => unknown): Promise<string> => codeOfAsync(async () => call()).catch(() => 'good')

describe('one millisecond before, at, and one after', () => {
  const end = start + 600_000 + 5_000
  test.each([
    ['exp', end, { exp: start / 1_000 + 600 }, ['good', 'COFFER_JWT_EXPIRED', 'COFFER_JWT_EXPIRED']],
    ['nbf', start + 95_000, { nbf: start / 1_000 + 100 }, ['COFFER_JWT_NOT_YET_VALID', 'good', 'good']],
    ['iat', start + 95_000, { iat: start / 1_000 + 100 }, ['COFFER_JWT_NOT_YET_VALID', 'good', 'good']],
  ] as const)('%s, cached or not', async (_, at, claims, expected) => {
    const token = accessToken(key, claims)
    for (const cache of [null, { maxAgeMs: 3_600_000 }]) {
      const clock = movingClock(start + 100_000)
      const verifier = createVerifier({ issuers: [issuerOf(key)], clock, cache })
      verifier.verifySync(token)
      const said = await around(at, (now) => {
        clock.at = now
        return codeOrGood(() => verifier.verifySync(token))
      })
      expect(said).toEqual(expected)
    }
  })

  test('a clock that gives no number lets no token pass, cached or not', async () => {
    for (const cache of [null, { maxAgeMs: 3_600_000 }]) {
      const clock = movingClock(start)
      const verifier = createVerifier({ issuers: [issuerOf(key)], clock, cache })
      const token = accessToken(key)
      verifier.verifySync(token)
      clock.at = Number.NaN
      expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_EXPIRED')
      expect(codeOf(() => verifier.verifySync(accessToken(key, { jti: 'never seen' })))).toBe('COFFER_JWT_EXPIRED')
    }
  })

  test('maxAgeMs of the cache', async () => {
    const said = await around(start + 60_000, (now) => {
      const clock = movingClock()
      const verifier = createVerifier({ issuers: [issuerOf(key)], clock, cache: { maxAgeMs: 60_000 } })
      verifier.verifySync(accessToken(key))
      const token = accessToken(key, { jti: 'j' })
      verifier.verifySync(token)
      clock.at = now
      verifier.verifySync(token)
      return verifier.stats().hits
    })
    expect(said).toEqual([1, 0, 0])
  })

  test('the ttl of keys, and maxStaleMs past it', async () => {
    const at = async (ms: number, isDown: boolean) => {
      const clock = fakeClock()
      const source = await fakeIssuer({ clock })
      const keys = source.keys({ maxStaleMs: 100_000, random: () => 0, timers: clock.timers })
      const policy = { issuer: source.issuer, audience: source.audience, algorithms: ['ES256'], keys } as const
      const verifier = createVerifier({ issuers: [policy], clock })
      await verifier.ready()
      if (isDown) source.outage('refuse')
      else keys.close()
      await clock.advance(ms)
      const token = await source.token()
      return [keys.health().state, await codeOrGood(() => verifier.verifySync(token))]
    }
    const gone = 'COFFER_JWT_KEYS_UNAVAILABLE'
    expect(await around(600_000, (ms) => at(ms, true))).toEqual([
      ['ahead', 'good'],
      ['stale', 'good'],
      ['stale', 'good'],
    ])
    expect(await around(700_000, (ms) => at(ms, true))).toEqual([
      ['stale', 'good'],
      ['expired', gone],
      ['expired', gone],
    ])
    // Nobody tried to refresh: nothing is stale, it is gone.
    expect(await around(600_000, (ms) => at(ms, false))).toEqual([
      ['ahead', 'good'],
      ['empty', gone],
      ['empty', gone],
    ])
  })

  test('retentionMs of a revocation', async () => {
    const said = await around(start + 7_300_000, async (now) => {
      const clock = movingClock()
      const index = createRevocationIndex({ onUnavailable: 'refuse', clock, retentionMs: 7_300_000 })
      await index.revoke({ kind: 'token', issuer, value: 'jti-1', at: start })
      clock.at = now
      // One that the index takes in shows what it has dropped; it drops by the minute, and never early.
      await index.revoke({ kind: 'token', issuer, value: 'other', at: now })
      return index.status().size
    })
    expect(said).toEqual([2, 2, 2])
    const clock = movingClock()
    const feed = { load: async (): Promise<Revocation[]> => [{ kind: 'token', issuer, value: 'j', at: start }] }
    const sizes = await around(start + 7_300_000, async (now) => {
      clock.at = now
      const index = createRevocationIndex({
        onUnavailable: 'refuse',
        clock,
        retentionMs: 7_300_000,
        feed,
        timers: null,
      })
      await index.ready()
      return index.status().size
    })
    expect(sizes).toEqual([1, 0, 0])
  })

  test('reloadMs and maxLagMs of a feed', async () => {
    const states = (at: number) =>
      around(at, async (now) => {
        const clock = movingClock()
        const feed = { load: async (): Promise<Revocation[]> => [] }
        const index = createRevocationIndex({ onUnavailable: 'refuse', clock, feed, timers: null })
        const verifier = createVerifier({ issuers: [issuerOf(key)], clock, revocation: index })
        await index.ready()
        index.close()
        clock.at = now
        return [index.status().state, await codeOrGood(() => verifier.verifySync(accessToken(key)))]
      })
    const none = 'COFFER_JWT_REVOCATION_UNAVAILABLE'
    expect(await states(start + 10_000)).toEqual([
      ['live', 'good'],
      ['lagging', 'good'],
      ['lagging', 'good'],
    ])
    expect(await states(start + 60_000)).toEqual([
      ['lagging', 'good'],
      ['unavailable', none],
      ['unavailable', none],
    ])
  })

  async function ringed() {
    const clock = movingClock()
    const keys = await createKeyRing({
      issuer,
      algorithm: 'ES256',
      store: memoryKeyRingStore(),
      sealer: gcmSealer(),
      clock,
      timers: null,
    })
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const refresh = { store: memoryRefreshStore({ max: 9, clock }), secret, idleMs: 60_000, ttlMs: 90_000 }
    return { clock, keys, tokens: createIssuer({ issuer, keys, revocation, clock, refresh }) }
  }

  test('retryWindowMs', async () => {
    const said = await around(10_000, async (ms) => {
      const { clock, tokens } = await ringed()
      const held = refreshTokenOf(await tokens.issueWithRefresh(grant))
      await tokens.refresh(held, { clientId: 'web' })
      clock.advance(ms)
      return codeOrGood(() => tokens.refresh(held, { clientId: 'web' }))
    })
    expect(said).toEqual(['good', 'COFFER_JWT_REFRESH_REUSED', 'COFFER_JWT_REFRESH_REUSED'])
  })

  test('idleMs and ttlMs of a family', async () => {
    const refreshed = (first: number) => (ms: number) =>
      ringed().then(async ({ clock, tokens }) => {
        let held = refreshTokenOf(await tokens.issueWithRefresh(grant))
        if (first > 0) {
          clock.advance(first)
          held = refreshTokenOf(await tokens.refresh(held, { clientId: 'web' }))
        }
        clock.advance(ms - first)
        return codeOrGood(() => tokens.refresh(held, { clientId: 'web' }))
      })
    const gone = ['good', 'COFFER_JWT_REFRESH_INVALID', 'COFFER_JWT_REFRESH_INVALID']
    expect(await around(60_000, refreshed(0))).toEqual(gone)
    expect(await around(90_000, refreshed(50_000))).toEqual(gone)
  })

  test('activeFrom, erasure and retirement of a key', async () => {
    const states = async (at: number) =>
      around(at, async (now) => {
        const { clock, keys } = await ringed()
        clock.at = start + 29 * day
        await keys.maintain()
        clock.at = Math.min(now, start + 30 * day)
        await keys.maintain()
        clock.at = now
        return keys.status().map((one) => one.state)
      })
    expect(await states(start + 30 * day)).toEqual([
      ['active', 'pending'],
      ['retiring', 'active'],
      ['retiring', 'active'],
    ])
    expect(await states(start + 30 * day + hour + 240_000)).toEqual([
      ['retiring', 'active'],
      ['retired', 'active'],
      ['retired', 'active'],
    ])
  })

  test('publishAheadMs / 2 without the store', async () => {
    const said = await around(12 * hour, async (ms) => {
      const { clock, keys } = await ringed()
      clock.advance(ms)
      try {
        return keys.jwks().headers['content-type']
      } catch (error) {
        return codeOf(() => {
          throw error
        })
      }
    })
    const gone = 'COFFER_JWT_KEY_RING_UNAVAILABLE'
    expect(said).toEqual(['application/jwk-set+json', gone, gone])
  })
})
