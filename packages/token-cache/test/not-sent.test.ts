import { virtualClock } from '@coffer/lease/testing'
import {
  createTokenCache,
  memoryStore,
  type Rotation,
  refreshToken,
  type TokenCacheEvent,
  type TokenStore,
} from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { codeOf, hour, minute, settled } from './arrange.js'

const scope = { scope: 'a' }

/** A process with one refresh token, on a store whose intents are slow and whose renewals can fail. */
function arrange(rotation: Rotation) {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation, ttlMs: hour })
  const inner = memoryStore({ max: 10, clock })
  const faults = { slowMs: 0, noteFirst: false, renewals: 0 }
  const calls: string[] = []
  let key = ''
  let tell = () => {}
  const reached = () =>
    new Promise<void>((resolve) => {
      tell = resolve
    })
  const store: TokenStore = {
    persistence: 'process',
    read: (...call) => inner.read(...call),
    acquire: async (...call) => {
      key = call[0]
      return await inner.acquire(...call)
    },
    renew: async (...call) => {
      faults.renewals -= 1
      if (faults.renewals >= 0) throw new Error('connection reset')
      return await inner.renew(...call)
    },
    intend: async (...call) => {
      const early = faults.noteFirst ? await inner.intend(...call) : undefined
      if (faults.slowMs > 0) {
        const waited = new Promise<void>((resolve) => clock.timers.set(resolve, faults.slowMs))
        tell()
        await waited
      }
      calls.push('intend')
      return early ?? (await inner.intend(...call))
    },
    commit: async (...call) => {
      calls.push('commit')
      return await inner.commit(...call)
    },
    release: async (...call) => {
      calls.push('release')
      await inner.release(...call)
    },
  }
  const events: TokenCacheEvent[] = []
  const initial = { subject: 'ops@acme.example', token: issuer.issueRefreshToken(), for: scope }
  const tokens = createTokenCache({
    grant: refreshToken(issuer.endpoint(), { initial }),
    max: 10,
    store,
    clock,
    timers: clock.timers,
    random: () => 0,
    onEvent: (event) => events.push(event),
  })
  const ask = () => codeOf(tokens.get(scope))
  const get = () => settled(clock, ask())
  const types = () => new Set(events.map(({ type }) => type))
  return { clock, issuer, inner, faults, calls, reached, ask, get, types, key: () => key }
}

describe('a refresh token whose intent was written slowly', () => {
  test('is sent all the same when one renewal failed and the next did not', async () => {
    const { clock, issuer, faults, get } = arrange('strict')
    expect(await get()).toBe('resolved')
    clock.tick(hour)
    Object.assign(faults, { slowMs: 6_000, renewals: 1 })
    expect(await get()).toBe('resolved')
    expect(issuer.requests()).toHaveLength(2)
  })

  test('and was not sent, because no renewal went through, is not spent', async () => {
    const { clock, issuer, inner, faults, get, types, key } = arrange('strict')
    expect(await get()).toBe('resolved')
    clock.tick(hour)
    Object.assign(faults, { slowMs: 6_000, renewals: 100 })
    expect(await get()).toBe('STORE_UNAVAILABLE')
    expect(types()).not.toContain('fence.refused')
    expect((await inner.read(key()))?.intent).toBeUndefined()
    Object.assign(faults, { slowMs: 0, renewals: 0 })
    clock.tick(2 * minute)
    expect(await get()).toBe('resolved')
    expect(issuer.requests()).toHaveLength(2)
    expect(issuer.counts().presentedAgain).toBe(0)
  })

  test.each<[Rotation, 1 | 2, string]>([
    ['until-used', 1, 'resolved'],
    // A grace counts from the first attempt, and an intent written again would be younger than that.
    [{ graceMs: hour }, 2, 'REFRESH_LOST'],
  ])('a second time, %j, and was not sent: attempt %i stands, then %s', async (rotation, attempt, code) => {
    const { clock, issuer, inner, faults, get, key } = arrange(rotation)
    expect(await get()).toBe('resolved')
    clock.tick(hour)
    issuer.inject({ fault: 'reset-after-commit' })
    expect(await get()).toBe('ISSUER_UNAVAILABLE')
    clock.tick(minute)
    Object.assign(faults, { slowMs: 6_000, renewals: 100 })
    expect(await get()).toBe('STORE_UNAVAILABLE')
    expect((await inner.read(key()))?.intent).toMatchObject({ attempt, dead: false })
    Object.assign(faults, { slowMs: 0, renewals: 0 })
    clock.tick(2 * minute)
    expect(await get()).toBe(code)
    expect(issuer.counts().familiesRevoked).toBe(0)
  })
})

test.each([false, true])(
  'a process that is fenced writes nothing more (its intent before that: %j)',
  async (noteFirst) => {
    const { clock, issuer, inner, faults, calls, reached, ask, get, types, key } = arrange('strict')
    expect(await get()).toBe('resolved')
    clock.tick(hour)
    // Renewals fail until the lease has lapsed and a peer has the next fence.
    Object.assign(faults, { slowMs: 20_000, noteFirst, renewals: 3 })
    calls.length = 0
    const intending = reached()
    const late = ask()
    await intending
    await clock.advance(16_000)
    const peer = await inner.acquire(key(), 'peer', hour)
    await inner.intend(key(), peer?.fence ?? 0, { digest: 'of the peer', attempt: 1 })
    const before = await inner.read(key())
    expect(before?.fence).toBe(3)
    expect(await settled(clock, late)).toBe('BUSY')
    expect(types()).toContain('fence.refused')
    expect(calls).toEqual(['intend'])
    const after = await inner.read(key())
    expect(after).toMatchObject({ fence: before?.fence, generation: 1, intent: { digest: 'of the peer', attempt: 1 } })
    expect(await inner.acquire(key(), 'another', hour)).toBeUndefined()
    expect(issuer.requests()).toHaveLength(1)
  },
)
