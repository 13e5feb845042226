import { virtualClock } from '@coffer/lease/testing'
import {
  clientCredentials,
  clientSecretBasic,
  createTokenCache,
  customGrant,
  passwordLogin,
  refreshToken,
  tokenEndpoint,
} from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer } from '@coffer/token-cache/testing'
import { describe, expect, test, vi } from 'vitest'
import { arrange, codeOf, hour, loginChain, minute } from './arrange.js'

// Each fault was observed in a library that holds tokens; the numbers are those of bench/scoreboard.ts.
const plain = (issuer: FakeIssuer) => clientCredentials(issuer.endpoint())

describe('faults observed elsewhere', () => {
  test('P1: a token of 30 days starts no storm of refreshes, and no timer past 2^31-1 ms', async () => {
    const clock = virtualClock()
    const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: 30 * 24 * hour })
    const longest: number[] = []
    const timers = {
      set: (run: () => void, ms: number) => {
        longest.push(ms)
        return clock.timers.set(run, ms)
      },
      clear: clock.timers.clear,
    }
    const tokens = createTokenCache({
      grant: plain(issuer),
      max: 1,
      clock,
      timers,
      keepWarm: true,
      policy: { maxTtlMs: 30 * 24 * hour },
    })
    await tokens.get()
    await clock.advance(24 * hour)
    expect(issuer.requests()).toHaveLength(1)
    expect(Math.max(...longest)).toBeLessThan(2 ** 31)
    await tokens.close()
  })

  test('P2: four late 401s for one token are one refresh', async () => {
    const { issuer, tokens } = arrange(plain)
    const handle = tokens.for()
    const dead = await handle.get()
    issuer.revoke(dead.reveal())
    const late = Array.from({ length: 4 }, async () => {
      handle.invalidate(dead)
      return await handle.get()
    })
    expect(new Set((await Promise.all(late)).map((token) => token.reveal())).size).toBe(1)
    expect(issuer.requests()).toHaveLength(2)
  })

  test('P3: a reset during a refresh costs at most one login', async () => {
    const { clock, issuer, tokens } = arrange((fake) => loginChain(fake))
    await tokens.get()
    clock.tick(hour)
    issuer.inject({ fault: 'reset-after-commit' })
    expect(await codeOf(tokens.get())).toBe('resolved')
    expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 2 })
  })

  test('P4: a secret that cannot be loaded is a typed error and no unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { clock, tokens } = arrange((fake) =>
      clientCredentials(fake.endpoint({ client: clientSecretBasic('id', () => Promise.reject(new Error('canary'))) })),
    )
    expect(await codeOf(tokens.get())).toBe('CREDENTIAL_UNAVAILABLE')
    await clock.advance(0)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('P5, P13: twenty concurrent cold calls are one request', async () => {
    const { issuer, tokens } = arrange(plain)
    await Promise.all(Array.from({ length: 20 }, () => tokens.get()))
    expect(issuer.requests()).toHaveLength(1)
  })

  test('P6, P7: an early refresh that fails serves the live token and leaves nothing unhandled', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { clock, issuer, tokens } = arrange(plain)
    const first = await tokens.get()
    clock.tick(50 * minute)
    issuer.inject({ fault: 'connection-refused' })
    expect((await tokens.get()).reveal()).toBe(first.reveal())
    await clock.advance(0)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('P8: two tenants in flight at once each get their own token', async () => {
    const { tokens } = arrange((fake) => clientCredentials(fake.endpoint({ tenantParam: 'tenant' })))
    const [a, b] = await Promise.all([tokens.get({ tenant: 'a' }), tokens.get({ tenant: 'b' })])
    expect(a.reveal()).not.toBe(b.reveal())
  })

  test('P9: the first caller’s abort is the first caller’s alone', async () => {
    const { tokens } = arrange(plain)
    const controller = new AbortController()
    const first = codeOf(tokens.get({}, { signal: controller.signal }))
    const second = codeOf(tokens.get())
    controller.abort('mine')
    expect([await first, await second]).toEqual(['mine', 'resolved'])
  })

  test('P10: a revoked token that meets a plain 401 is replaced once', async () => {
    const { issuer, tokens } = arrange(plain)
    issuer.revoke((await tokens.get()).reveal())
    const api = tokens.for().fetch({
      origins: ['https://api.example'],
      fetch: async (_, init) => {
        const sent = new Headers(init?.headers).get('authorization')?.slice(7) ?? ''
        return new Response(null, { status: issuer.accepts(sent) ? 200 : 401 })
      },
    })
    expect((await api('https://api.example/')).status).toBe(200)
    expect(issuer.requests()).toHaveLength(2)
  })

  test.each([
    ['P11', 58],
    ['P15', 56],
  ])('%s: a refresh that fails in minute %i of 60 serves the live token and backs off', async (_, at) => {
    const { clock, issuer, tokens } = arrange(plain)
    await tokens.get()
    clock.tick(at * minute)
    issuer.inject({ fault: 'status-503', times: 100 })
    const before = tokens.stats().refreshes
    for (let call = 0; call < 20; call += 1) expect(await codeOf(tokens.get())).toBe('resolved')
    await clock.advance(0)
    expect(tokens.stats().refreshes - before).toBe(1)
  })

  test('P12: a token of five minutes or less is cached', async () => {
    const { clock, issuer, tokens } = arrange(plain, {}, { ttlMs: 5 * minute })
    for (let call = 0; call < 20; call += 1) {
      await tokens.get()
      clock.tick(1_000)
    }
    expect(issuer.requests()).toHaveLength(1)
  })

  test('P14: a rotated refresh token is kept and used next', async () => {
    const { clock, issuer, tokens } = arrange((fake) => loginChain(fake))
    for (let round = 0; round < 3; round += 1) {
      await tokens.get()
      clock.tick(hour)
    }
    const sent = issuer.requests().flatMap((one) => one.fields.get('refresh_token') ?? [])
    expect(new Set(sent).size).toBe(2)
    expect(issuer.counts().familiesRevoked).toBe(0)
  })

  test('P16: an omitted refresh token keeps the old one', async () => {
    const { clock, issuer, tokens } = arrange(
      (fake) =>
        refreshToken(fake.endpoint(), {
          initial: { subject: 'ops@acme.example', token: fake.issueRefreshToken(), for: {} },
        }),
      {},
      { rotation: 'reusable' },
    )
    for (let round = 0; round < 3; round += 1) {
      expect(await codeOf(tokens.get())).toBe('resolved')
      clock.tick(hour)
    }
    expect(issuer.requests()).toHaveLength(3)
  })

  test('P17: a 200 that carries an error is that error, and a bad expires_in is no eternal token', async () => {
    const { clock, issuer, tokens } = arrange(plain)
    issuer.inject({ fault: 'error-with-200' })
    expect(await codeOf(tokens.get())).toBe('CREDENTIAL_REJECTED')
    clock.tick(hour)
    issuer.inject({ fault: 'bad-expires-in' })
    const token = await tokens.get()
    clock.tick(5 * minute)
    expect((await tokens.get()).reveal()).not.toBe(token.reveal())
  })

  test('P18: one client id at two issuers has two tokens, even in one store', async () => {
    const { memoryStore } = await import('@coffer/token-cache')
    const clock = virtualClock()
    const store = memoryStore({ max: 10, clock })
    const tokenAt = async (issuer: string) => {
      const grant = customGrant({
        identity: { kind: 'app', issuer, subject: 'installation-1' },
        request: async () => ({ access_token: `of-${new URL(issuer).hostname}`, expires_in: 3_600 }),
      })
      return (await createTokenCache({ grant, max: 1, store, clock, timers: clock.timers }).get()).reveal()
    }
    expect(await tokenAt('https://one.example')).toBe('of-one.example')
    expect(await tokenAt('https://two.example')).toBe('of-two.example')
  })

  test('P19: three concurrent calls send one refresh token once', async () => {
    const { clock, issuer, tokens } = arrange((fake) => loginChain(fake))
    await tokens.get()
    clock.tick(hour)
    await Promise.all([tokens.get(), tokens.get(), tokens.get()])
    expect(issuer.requests().filter((one) => one.grant === 'refresh_token')).toHaveLength(1)
    expect(issuer.counts().presentedAgain).toBe(0)
  })
})

describe('one spelling of a request', () => {
  test('one refresh token is never sent under two client authentication styles', async () => {
    const seen: (string | null)[] = []
    const endpoint = tokenEndpoint({
      issuer: 'https://issuer.example',
      url: 'https://issuer.example/token',
      client: clientSecretBasic('id', 'sesame'),
      fetch: async (_, init) => {
        seen.push(new Headers(init?.headers).get('authorization'))
        return Response.json({ error: 'invalid_client' }, { status: 401 })
      },
    })
    const { tokens } = arrange(() => passwordLogin(endpoint, { subject: 's', password: 'p' }))
    expect(await codeOf(tokens.get())).toBe('CREDENTIAL_REJECTED')
    expect(seen).toHaveLength(1)
  })
})
