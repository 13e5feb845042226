import { virtualClock } from '@coffer/lease/testing'
import { createTokenCache, memoryStore } from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { hour, loginChain } from './arrange.js'

/** Processes with a login chain on one store, or on none, and a resource that asks the issuer. */
function arrange(shared: boolean) {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
  const store = memoryStore({ max: 10, clock })
  const resource: typeof fetch = async (_, init) => {
    const sent = new Headers(init?.headers).get('authorization')?.slice('Bearer '.length) ?? ''
    return new Response(null, { status: issuer.accepts(sent) ? 200 : 401 })
  }
  const process = () => {
    const tokens = createTokenCache({
      grant: loginChain(issuer),
      max: 10,
      clock,
      timers: clock.timers,
      random: () => 0,
      loginIntervalMs: 0,
      ...(shared && { store }),
    })
    const handle = tokens.for({ scope: 'a' })
    const api = handle.fetch({ origins: ['https://api.example'], fetch: resource })
    return { handle, call: async () => (await api('https://api.example/')).status }
  }
  return { clock, issuer, process }
}

describe.each([false, true])('a token that a resource refuses (shared store: %j)', (shared) => {
  test('is not taken from the store again: one refresh, and the call succeeds', async () => {
    const { issuer, process } = arrange(shared)
    const { handle, call } = process()
    const dead = await handle.get()
    issuer.revoke(dead.reveal())
    expect(await call()).toBe(200)
    expect(issuer.requests().map(({ grant }) => grant)).toEqual(['login', 'refresh_token'])
  })

  test('with its whole session costs one login, and the call succeeds', async () => {
    const { clock, issuer, process } = arrange(shared)
    const { handle, call } = process()
    await handle.get()
    clock.tick(hour)
    const dead = await handle.get()
    issuer.revokeAll()
    expect(issuer.accepts(dead.reveal())).toBe(false)
    expect(await call()).toBe(200)
    expect(issuer.requests().map(({ grant }) => grant)).toEqual(['login', 'refresh_token', 'refresh_token', 'login'])
    expect(issuer.counts()).toMatchObject({ presentedAgain: 0, familiesRevoked: 0 })
  })

  test('10 000 times late costs one refresh', async () => {
    const { issuer, process } = arrange(shared)
    const { handle, call } = process()
    issuer.revoke((await handle.get()).reveal())
    const all = await Promise.all(Array.from({ length: 10_000 }, call))
    expect(new Set(all)).toEqual(new Set([200]))
    expect(issuer.requests()).toHaveLength(2)
  })
})

test('a token that a resource refuses in two processes is refreshed by one and adopted by the other', async () => {
  const { issuer, process } = arrange(true)
  const [one, other] = [process(), process()]
  issuer.revoke((await one.handle.get()).reveal())
  await other.handle.get()
  expect([await one.call(), await other.call()]).toEqual([200, 200])
  expect(issuer.requests()).toHaveLength(2)
})
