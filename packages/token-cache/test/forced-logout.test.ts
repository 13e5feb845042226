import { virtualClock } from '@coffer/lease/testing'
import { createTokenCache, memoryStore, type TokenCache, type TokenCacheOptions } from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { hour, loginChain, minute, settled } from './arrange.js'

const perLogout = ['refresh_token', 'login']

/** A person's tokens with every interval at its default, and an API that asks the issuer who is logged in. */
function arrange(shared: boolean) {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation: { graceMs: 10_000 }, ttlMs: hour })
  const store = memoryStore({ max: 10, clock })
  const statuses: number[] = []
  const refusing = { all: false }
  const api: typeof fetch = async (_, init) => {
    const sent = new Headers(init?.headers).get('authorization')?.slice('Bearer '.length) ?? ''
    const status = issuer.accepts(sent) && !refusing.all ? 200 : 401
    statuses.push(status)
    return new Response(null, { status })
  }
  const process = (options: Partial<TokenCacheOptions> = {}) => {
    const tokens: TokenCache = createTokenCache({
      grant: loginChain(issuer),
      max: 10,
      clock,
      timers: clock.timers,
      random: () => 0.5,
      ...(shared && { store }),
      ...options,
    })
    const call = tokens.for().fetch({ origins: ['https://api.example'], fetch: api })
    return async () => (await settled(clock, call('https://api.example/'))).status
  }
  const asked = () => issuer.requests().map(({ grant }) => grant)
  return { clock, issuer, refusing, statuses, asked, process }
}

describe.each([false, true])('forced logouts in a row (shared store: %j)', (shared) => {
  test.each([61_000, 10 * minute, 50 * minute])(
    '%i ms apart each cost one refresh attempt and one login',
    async (apartMs) => {
      const { clock, issuer, statuses, asked, process } = arrange(shared)
      const call = process()
      expect(await call()).toBe(200)
      for (let logout = 1; logout <= 3; logout += 1) {
        clock.tick(apartMs)
        issuer.revokeAll()
        statuses.length = 0
        const before = asked().length
        expect(await call()).toBe(200)
        expect(statuses).toEqual([401, 200])
        expect(asked().slice(before)).toEqual(perLogout)
        expect(await call()).toBe(200)
      }
      expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 4 })
    },
  )

  /** One that a logout was recovered from, and that the next has ended at once. */
  async function endedAgain() {
    const { clock, issuer, asked, process } = arrange(shared)
    const call = process()
    expect(await call()).toBe(200)
    clock.tick(2 * minute)
    issuer.revokeAll()
    expect(await call()).toBe(200)
    issuer.revokeAll()
    const before = asked().length
    return { clock, asked, call, before }
  }

  test('within the intervals return the 401, and past them cost one login', async () => {
    const { clock, asked, call, before } = await endedAgain()
    // Past the interval of rejections, within that of logins: the refresh token is tried, and no login follows.
    clock.tick(31_000)
    expect(await call()).toBe(401)
    expect(asked().slice(before)).toEqual(['refresh_token'])
    clock.tick(2 * minute)
    expect(await call()).toBe(200)
    expect(asked().slice(before)).toEqual(perLogout)
  })

  test('the second within the interval of rejections returns the 401 without a request, and past it is served', async () => {
    const { clock, asked, call, before } = await endedAgain()
    clock.tick(29_000)
    expect(await call()).toBe(401)
    expect(asked()).toHaveLength(before)
    clock.tick(2 * minute)
    expect(await call()).toBe(200)
    expect(asked().slice(before)).toEqual(perLogout)
  })
})

test('two forced logouts in a row cost a fleet one refresh attempt and one login each', async () => {
  const { clock, issuer, asked, process } = arrange(true)
  const calls = [process(), process(), process()]
  for (const call of calls) expect(await call()).toBe(200)
  for (let logout = 1; logout <= 2; logout += 1) {
    clock.tick(10 * minute)
    issuer.revokeAll()
    const before = asked().length
    for (const call of calls) expect(await call()).toBe(200)
    expect(asked().slice(before)).toEqual(perLogout)
  }
})

describe("a peer's token that ended in the same logout", () => {
  test.each([
    ['while it is fresh', 2 * minute, {}],
    ['when its own refresh is due', 50 * minute, {}],
    ['in a process that keeps its tokens warm', 2 * minute, { keepWarm: true }],
  ])('is tried, and the same call is served by one login: %s', async (_, apartMs, options) => {
    const { clock, issuer, statuses, asked, process } = arrange(true)
    const [one, other] = [process(), process(options)]
    expect([await one(), await other()]).toEqual([200, 200])
    clock.tick(2 * minute)
    issuer.revokeAll()
    expect(await one()).toBe(200)
    clock.tick(apartMs)
    issuer.revokeAll()
    statuses.length = 0
    const before = asked().length
    expect(await other()).toBe(200)
    expect(statuses).toEqual([401, 401, 200])
    expect(asked().slice(before)).toEqual(perLogout)
    expect([await one(), await other()]).toEqual([200, 200])
    expect(asked().slice(before)).toEqual(perLogout)
    expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 3 })
  })

  test('met by 1 000 calls at once costs one login, and every call is served', async () => {
    const { clock, issuer, asked, process } = arrange(true)
    const [one, other] = [process(), process()]
    expect([await one(), await other()]).toEqual([200, 200])
    clock.tick(2 * minute)
    issuer.revokeAll()
    expect(await one()).toBe(200)
    clock.tick(2 * minute)
    issuer.revokeAll()
    const before = asked().length
    const all = await settled(clock, Promise.all(Array.from({ length: 1_000 }, other)))
    expect(new Set(all)).toEqual(new Set([200]))
    expect(asked().slice(before)).toEqual(perLogout)
  })
})

test('a resource that refuses every token is asked three times by a call at most, and the issuer once', async () => {
  const { clock, refusing, statuses, asked, process } = arrange(true)
  const [one, other] = [process({ policy: { rejectIntervalMs: 0 } }), process({ policy: { rejectIntervalMs: 0 } })]
  expect([await one(), await other()]).toEqual([200, 200])
  refusing.all = true
  clock.tick(minute)
  expect(await one()).toBe(401)
  clock.tick(minute)
  statuses.length = 0
  const before = asked().length
  expect(await other()).toBe(401)
  expect(statuses).toEqual([401, 401, 401])
  expect(asked().slice(before)).toEqual(['refresh_token'])
  statuses.length = 0
  expect(await other()).toBe(401)
  expect(statuses).toEqual([401, 401])
})

test('a resource that refuses every token costs a fleet one refresh per interval of rejections', async () => {
  const { clock, refusing, asked, process } = arrange(true)
  const calls = [process(), process(), process()]
  for (const call of calls) expect(await call()).toBe(200)
  refusing.all = true
  const before = asked().length
  for (let interval = 1; interval <= 5; interval += 1) {
    clock.tick(31_000)
    for (let round = 0; round < 4; round += 1) for (const call of calls) expect(await call()).toBe(401)
    expect(asked().length - before).toBe(interval)
  }
})
