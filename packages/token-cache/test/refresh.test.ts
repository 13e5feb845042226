import { clientCredentials, customGrant, passwordLogin, refreshToken, staticToken } from '@coffer/token-cache'
import type { Fault } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { arrange, codeOf, hour, loginChain, minute, settled } from './arrange.js'

describe('under strict rotation, with a login behind the refresh token', () => {
  const recovered: readonly (readonly [Fault, number])[] = [
    ['reset-after-commit', 2],
    ['status-502-after-commit', 2],
    ['truncated', 2],
    ['html', 2],
    ['oversized', 2],
    ['redirect', 2],
    ['hang-after-commit', 2],
    ['status-500', 2],
    ['error-with-200', 2],
  ]
  test.each(recovered)(
    'after %s the refresh token is not sent again, and one login replaces it',
    async (fault, logins) => {
      const { clock, issuer, tokens } = arrange((fake) => loginChain(fake))
      await tokens.get({ scope: 'a' })
      issuer.inject({ fault })
      clock.tick(hour)
      await settled(clock, tokens.get({ scope: 'a' }))
      expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins })
      clock.tick(hour)
      await tokens.get({ scope: 'a' })
      expect(issuer.counts().logins).toBe(logins)
    },
  )

  const retried: readonly Fault[] = ['connection-refused', 'status-503', 'status-429']
  test.each(retried)(
    'after %s, which says nothing was processed, the same refresh token is sent once more',
    async (fault) => {
      const { clock, issuer, tokens } = arrange((fake) => loginChain(fake))
      await tokens.get({ scope: 'a' })
      issuer.inject({ fault })
      clock.tick(hour)
      expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('ISSUER_UNAVAILABLE')
      clock.tick(2 * minute)
      await tokens.get({ scope: 'a' })
      expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 1 })
    },
  )
})

describe('a refresh token with nothing behind it', () => {
  const initial = { subject: 'ops@acme.example', for: { scope: 'a' } }
  test('is REFRESH_LOST once it may be spent, and is not sent again', async () => {
    const { clock, issuer, tokens } = arrange((fake) =>
      refreshToken(fake.endpoint(), { initial: { ...initial, token: fake.issueRefreshToken() } }),
    )
    issuer.inject({ fault: 'reset-after-commit' })
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('REFRESH_LOST')
    clock.tick(hour)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('REFRESH_LOST')
    expect(issuer.counts().presentedAgain).toBe(0)
    expect(issuer.requests()).toHaveLength(1)
  })

  test('is CREDENTIAL_REJECTED once the issuer refused it', async () => {
    const { clock, issuer, tokens } = arrange((fake) =>
      refreshToken(fake.endpoint(), { initial: { ...initial, token: 'rt-unknown' } }),
    )
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('CREDENTIAL_REJECTED')
    clock.tick(hour)
    expect(await codeOf(tokens.get({ scope: 'a' }))).not.toBe('resolved')
    expect(issuer.requests()).toHaveLength(1)
  })

  test('serves the one request it is for', async () => {
    const { tokens, issuer } = arrange((fake) =>
      refreshToken(fake.endpoint(), { initial: { ...initial, token: fake.issueRefreshToken() } }),
    )
    expect(await codeOf(tokens.get({ scope: 'b' }))).toBe('CREDENTIAL_REJECTED')
    await tokens.get({ scope: 'a' })
    expect(issuer.requests()).toHaveLength(1)
  })

  test.each([
    [{ graceMs: 30_000 }, 29_999, 'resolved'],
    [{ graceMs: 30_000 }, 30_000, 'REFRESH_LOST'],
    ['until-used', 23 * hour, 'resolved'],
  ] as const)('under %j, %i ms after an unknown outcome: %s', async (rotation, ms, outcome) => {
    const { clock, issuer, tokens } = arrange(
      (fake) => refreshToken(fake.endpoint(), { initial: { ...initial, token: fake.issueRefreshToken() } }),
      {},
      { rotation },
    )
    issuer.inject({ fault: 'reset-after-commit' })
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('ISSUER_UNAVAILABLE')
    clock.tick(ms)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe(outcome)
    expect(issuer.counts().familiesRevoked).toBe(0)
  })

  test('an unknown outcome of the one further attempt is the last', async () => {
    const { clock, issuer, tokens } = arrange(
      (fake) => refreshToken(fake.endpoint(), { initial: { ...initial, token: fake.issueRefreshToken() } }),
      {},
      { rotation: 'until-used' },
    )
    issuer.inject({ fault: 'reset-after-commit', times: 3 })
    await codeOf(tokens.get({ scope: 'a' }))
    clock.tick(hour)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('REFRESH_LOST')
    clock.tick(hour)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('REFRESH_LOST')
    expect(issuer.requests()).toHaveLength(2)
  })

  test("'reusable' is sent as often as needed, without an intent", async () => {
    const { clock, issuer, tokens, events } = arrange(
      (fake) => refreshToken(fake.endpoint(), { initial: { ...initial, token: fake.issueRefreshToken() } }),
      {},
      { rotation: 'reusable' },
    )
    issuer.inject({ fault: 'reset-after-commit', times: 2 })
    for (let round = 0; round < 3; round += 1) {
      await codeOf(tokens.get({ scope: 'a' }))
      clock.tick(minute)
    }
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('resolved')
    expect(events.some((event) => event.type === 'intent.found')).toBe(false)
  })
})

describe('what a response brings', () => {
  test('an omitted refresh token keeps the old one', async () => {
    const { clock, issuer, tokens } = arrange((fake) => loginChain(fake), {}, { rotation: 'reusable' })
    await tokens.get({ scope: 'a' })
    for (let round = 0; round < 3; round += 1) {
      clock.tick(hour)
      await tokens.get({ scope: 'a' })
    }
    expect(issuer.counts().logins).toBe(1)
  })

  test('a new refresh token is kept even when the access token beside it is refused', async () => {
    const { clock, issuer, tokens } = arrange((fake) => loginChain(fake))
    await tokens.get({ scope: 'a' })
    issuer.inject({ fault: 'unusable-access-token' })
    clock.tick(hour)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('RESPONSE_INVALID')
    clock.tick(minute)
    await tokens.get({ scope: 'a' })
    expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 1 })
  })

  test('the same token again is served while it lasts, and never in a spin', async () => {
    const { clock, issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    const first = await tokens.get()
    issuer.inject({ fault: 'same-access-token', times: 100 })
    clock.tick(hour - 10 * minute)
    for (let second = 0; second < 540; second += 1) {
      expect((await tokens.get()).reveal()).toBe(first.reveal())
      clock.tick(1_000)
    }
    await clock.advance(0)
    // At first it extends the life; the issuer's own end of it is a 401's to tell.
    expect(issuer.requests().length).toBeLessThan(12)
  })

  test('a token that is over on arrival is RESPONSE_INVALID', async () => {
    const { issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    issuer.inject({ fault: 'expired-on-arrival' })
    expect(await codeOf(tokens.get())).toBe('RESPONSE_INVALID')
  })

  test('an unreadable life is defaultTtlMs, never for ever', async () => {
    const { clock, issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    issuer.inject({ fault: 'bad-expires-in' })
    const token = await tokens.get()
    expect(token.expiresAt).toBe(clock.now() + 300_000)
  })

  test.each(['accept', 'refuse'] as const)('less scope than asked, narrowedScope %s', async (narrowedScope) => {
    const grant = customGrant({
      identity: { kind: 'test', issuer: 'https://issuer.example', subject: 's' },
      request: async () => ({ access_token: 'x', expires_in: 60, scope: 'a' }),
    })
    const { tokens, events } = arrange(() => grant, { narrowedScope })
    expect(await codeOf(tokens.get({ scope: 'a b' }))).toBe(narrowedScope === 'accept' ? 'resolved' : 'SCOPE_NARROWED')
    expect(events.map((event) => event.type)).toContain('scope.narrowed')
  })
})

describe('logins', () => {
  test('a refused password is presented once, until the hold ends', async () => {
    const login = (password: () => string) => (fake: Parameters<typeof loginChain>[0]) =>
      passwordLogin(fake.endpoint({ body: 'json' }), { subject: 'ops@acme.example', password })
    const { clock, issuer, tokens } = arrange(
      login(() => 'wrong'),
      {},
      { password: 'right' },
    )
    const all = ['a', 'b', 'c'].map((scope) => codeOf(tokens.get({ scope })))
    expect(await Promise.all(all)).toEqual(['CREDENTIAL_REJECTED', 'CREDENTIAL_REJECTED', 'CREDENTIAL_REJECTED'])
    clock.tick(899_999)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('CREDENTIAL_REJECTED')
    expect(issuer.counts().logins).toBe(1)
    clock.tick(minute)
    expect(await codeOf(tokens.get({ scope: 'a' }))).toBe('CREDENTIAL_REJECTED')
    expect(issuer.counts().logins).toBe(2)
  })

  test('a new version of the password is presented at once after the terminal hold', async () => {
    let secret = { reveal: () => 'wrong', version: '1' }
    const { clock, issuer, tokens } = arrange(
      (fake) => passwordLogin(fake.endpoint({ body: 'json' }), { subject: 'ops@acme.example', password: () => secret }),
      {},
      { password: 'right' },
    )
    expect(await codeOf(tokens.get())).toBe('CREDENTIAL_REJECTED')
    clock.tick(24 * hour)
    expect(await codeOf(tokens.get())).toBe('CREDENTIAL_REJECTED')
    expect(issuer.counts().logins).toBe(1)
    secret = { reveal: () => 'right', version: '2' }
    tokens.reset()
    expect(await codeOf(tokens.get())).toBe('resolved')
  })

  test.each([
    [59_999, 1],
    [60_000, 2],
  ])('a second login of a key %i ms after one that may have been processed: %i requests', async (ms, logins) => {
    const { clock, issuer, tokens } = arrange((fake) =>
      passwordLogin(fake.endpoint({ body: 'json' }), { subject: 'ops@acme.example', password: 'x' }),
    )
    issuer.inject({ fault: 'reset-after-commit' })
    expect(await codeOf(tokens.get())).toBe('ISSUER_UNAVAILABLE')
    clock.tick(ms)
    await codeOf(tokens.get())
    expect(issuer.counts().logins).toBe(logins)
  })

  test('a secret that cannot be read is CREDENTIAL_UNAVAILABLE, sends nothing and is tried again', async () => {
    let broken = true
    const { clock, issuer, tokens } = arrange((fake) =>
      passwordLogin(fake.endpoint({ body: 'json' }), {
        subject: 'ops@acme.example',
        password: () => {
          if (broken) throw new Error('vault sealed: hunter2')
          return 'x'
        },
      }),
    )
    expect(await codeOf(tokens.get())).toBe('CREDENTIAL_UNAVAILABLE')
    expect(issuer.requests()).toHaveLength(0)
    broken = false
    clock.tick(minute)
    expect(await codeOf(tokens.get())).toBe('resolved')
  })
})

describe('a static token', () => {
  test('is read again every recheckMs and never exchanged', async () => {
    let text = 'first'
    const grant = staticToken({ issuer: 'https://issuer.example', subject: 's', token: () => text, recheckMs: minute })
    const { clock, tokens } = arrange(() => grant)
    expect((await tokens.get()).reveal()).toBe('first')
    text = 'second'
    clock.tick(minute)
    expect((await tokens.get()).reveal()).toBe('second')
  })
})
