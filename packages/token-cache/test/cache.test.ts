import { virtualClock } from '@coffer/lease/testing'
import {
  chain,
  clientCredentials,
  clientSecretBasic,
  createTokenCache,
  passwordLogin,
  refreshToken,
} from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { expect, test } from 'vitest'

const hour = 3_600_000

test('a token is asked for once and served until its refresh time', async () => {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
  const grant = clientCredentials(issuer.endpoint({ client: clientSecretBasic('integrator', 'sesame') }))
  const tokens = createTokenCache({ grant, max: 10, clock, timers: clock.timers, random: () => 0 })
  const handle = tokens.for({ scope: 'b a' })
  const first = await handle.get()
  clock.tick(hour - 15 * 60_000 - 1)
  expect(await handle.get()).toBe(first)
  expect(handle.peek()).toBe(first)
  clock.tick(1)
  expect(handle.peek()).toBeUndefined()
  expect(await handle.get()).toBe(first)
  await clock.advance(0)
  expect((await handle.get()).reveal()).not.toBe(first.reveal())
  expect(issuer.requests()).toHaveLength(2)
  expect(issuer.requests()[0]?.fields.get('scope')).toBe('a b')
})

test('a login is followed by refreshes, and happens again when the refresh token is refused', async () => {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
  const login = passwordLogin(issuer.endpoint({ body: 'json' }), { subject: 'ops@acme.example', password: 'pw' })
  const grant = chain(refreshToken(issuer.endpoint()), login)
  const tokens = createTokenCache({ grant, max: 10, clock, timers: clock.timers, random: () => 0 })
  await tokens.get({ scope: 'a' })
  for (let round = 0; round < 3; round += 1) {
    clock.tick(hour)
    await tokens.get({ scope: 'a' })
  }
  expect(issuer.requests().map((one) => one.grant)).toEqual([
    'login',
    'refresh_token',
    'refresh_token',
    'refresh_token',
  ])
  issuer.inject({ fault: 'reset-after-commit' })
  clock.tick(hour)
  await tokens.get({ scope: 'a' })
  expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 2 })
})
