import { type VirtualClock, virtualClock } from '@coffer/lease/testing'
import {
  chain,
  clientCredentials,
  createTokenCache,
  type Grant,
  memoryStore,
  passwordLogin,
  publicClient,
  refreshToken,
  type SecretInput,
  type TokenCache,
  type TokenStore,
  tokenEndpoint,
} from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { codeOf, hour, minute, settled } from './arrange.js'

const subject = 'ops@acme.example'

interface Arranged {
  readonly clock: VirtualClock
  readonly issuer: FakeIssuer
  readonly store: TokenStore
  readonly cache: (grant: Grant, own?: { store?: TokenStore | undefined; max?: number }) => TokenCache
  readonly initial: (token: SecretInput, whose?: string) => Grant
  readonly sent: () => (string | undefined)[]
}

/** Caches over one store, as processes that share it. */
function arrange({ rotation = 'strict' as 'strict' | 'reusable', max = 10 } = {}): Arranged {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation, ttlMs: hour })
  const store = memoryStore({ max, clock })
  return {
    clock,
    issuer,
    store,
    cache: (grant, own = {}) => {
      const used = 'store' in own ? own.store : store
      const shared = used === undefined ? {} : { store: used }
      return createTokenCache({ grant, max: own.max ?? 10, ...shared, clock, timers: clock.timers, random: () => 0 })
    },
    initial: (token, whose = subject) =>
      refreshToken(issuer.endpoint(), { initial: { subject: whose, token, for: {} } }),
    sent: () => issuer.requests().map((one) => one.fields.get('refresh_token')),
  }
}

describe('an initial refresh token belongs to its subject', () => {
  test('two users of one client and one scope on one store get tokens of their own', async () => {
    const { issuer, cache, initial, sent } = arrange()
    const [ofA, ofB] = [issuer.issueRefreshToken(), issuer.issueRefreshToken()]
    const a = await cache(initial(ofA, 'a@acme.example')).get()
    const b = await cache(initial(ofB, 'b@acme.example')).get()
    expect(b.reveal()).not.toBe(a.reveal())
    expect(sent()).toEqual([ofA, ofB])
  })

  test.each([undefined, ''])('%j is no subject', (whose) => {
    const { issuer } = arrange()
    const options = { initial: { subject: whose, token: 'rt', for: {} } }
    expect(() => refreshToken(issuer.endpoint(), options as never)).toThrow(TypeError)
  })

  test('a chain whose login is of another subject is refused', () => {
    const { issuer, initial } = arrange()
    const login = passwordLogin(issuer.endpoint(), { subject: 'b@acme.example', password: 'p' })
    expect(() => chain(initial('rt', 'a@acme.example'), login)).toThrow(TypeError)
  })
})

describe('under strict rotation an initial refresh token is sent once', () => {
  test('though the store evicted the record that came of it', async () => {
    const { clock, issuer, cache, initial, sent } = arrange({ max: 1 })
    const token = issuer.issueRefreshToken()
    // A client is its own subject (RFC 6749 §4.4), so the chain's initial token must be the client's too.
    const tokens = cache(chain(initial(token, 'client'), clientCredentials(issuer.endpoint())), { max: 1 })
    await tokens.get()
    await tokens.get({ scope: 'b' })
    clock.tick(2 * hour)
    await codeOf(settled(clock, tokens.get()))
    expect(sent().filter((one) => one === token)).toHaveLength(1)
    expect(issuer.counts().familiesRevoked).toBe(0)
  })

  test('though a login took its place and was lost in turn', async () => {
    const { clock, issuer, cache, initial, sent } = arrange()
    const token = issuer.issueRefreshToken()
    const login = passwordLogin(issuer.endpoint({ body: 'json' }), { subject, password: 'p' })
    const grant = chain(initial(token), login)
    issuer.inject({ fault: 'reset-after-commit' })
    await cache(grant).get()
    issuer.inject({ fault: 'reset-after-commit' })
    clock.tick(2 * hour)
    await settled(clock, cache(grant).get())
    expect(issuer.counts()).toMatchObject({ logins: 2, presentedAgain: 0 })
    expect(sent().filter((one) => one === token)).toHaveLength(1)
  })
})

describe('a lost refresh token', () => {
  for (const own of [false, true]) {
    test(`is mended by a new initial one, ${own ? 'without a store' : 'with one'}`, async () => {
      const { clock, issuer, store, cache, initial } = arrange()
      const tokens = [issuer.issueRefreshToken(), issuer.issueRefreshToken()]
      let supplied = tokens[0] ?? ''
      const held = cache(
        initial(() => supplied),
        { store: own ? undefined : store },
      )
      await held.get()
      issuer.inject({ fault: 'reset-after-commit' })
      clock.tick(2 * hour)
      expect(await codeOf(held.get())).toBe('REFRESH_LOST')
      clock.tick(hour)
      expect(await codeOf(held.get())).toBe('REFRESH_LOST')
      supplied = tokens[1] ?? ''
      held.reset()
      expect(await codeOf(held.get())).toBe('resolved')
      clock.tick(2 * hour)
      expect(await codeOf(held.get())).toBe('resolved')
      expect(issuer.counts()).toMatchObject({ presentedAgain: 0, familiesRevoked: 0 })
    })
  }

  test('is not mended by the initial one it came of, whichever process still has that', async () => {
    const { clock, issuer, cache, initial, sent } = arrange()
    const [first, second] = [issuer.issueRefreshToken(), issuer.issueRefreshToken()]
    for (const token of [first, second]) {
      issuer.inject({ fault: 'reset-after-commit' })
      expect(await codeOf(cache(initial(token)).get())).toBe('REFRESH_LOST')
      clock.tick(hour)
    }
    for (const token of [first, second, first]) {
      expect(await codeOf(cache(initial(token)).get())).toBe('REFRESH_LOST')
      clock.tick(hour)
    }
    expect(sent()).toEqual([first, second])
  })

  test('a new initial one that was not processed is sent again', async () => {
    const { clock, issuer, cache, initial } = arrange()
    const tokens = cache(initial(issuer.issueRefreshToken()))
    await tokens.get()
    issuer.inject({ fault: 'reset-after-commit' })
    clock.tick(2 * hour)
    expect(await codeOf(tokens.get())).toBe('REFRESH_LOST')
    issuer.inject({ fault: 'connection-refused' })
    const mended = cache(initial(issuer.issueRefreshToken()))
    expect(await codeOf(mended.get())).toBe('ISSUER_UNAVAILABLE')
    clock.tick(minute)
    expect(await codeOf(mended.get())).toBe('resolved')
    expect(issuer.counts().presentedAgain).toBe(0)
  })

  test('a dead one that does not rotate gives way at once', async () => {
    const { clock, issuer, cache, initial } = arrange({ rotation: 'reusable' })
    const old = issuer.issueRefreshToken()
    await cache(initial(old)).get()
    issuer.revoke(old)
    clock.tick(2 * hour)
    expect(await codeOf(cache(initial(old)).get())).toBe('CREDENTIAL_REJECTED')
    clock.tick(hour)
    expect(await codeOf(cache(initial(issuer.issueRefreshToken())).get())).toBe('resolved')
  })
})

describe('a successor', () => {
  const answering = (successor: unknown) => {
    const clock = virtualClock()
    const sent: (string | null)[] = []
    const endpoint = tokenEndpoint({
      issuer: 'https://i.example',
      url: 'https://i.example/t',
      client: publicClient('c'),
      fetch: async (_, init) => {
        sent.push(new URLSearchParams(String(init?.body)).get('refresh_token'))
        const token = { access_token: `at${sent.length}`, token_type: 'Bearer', expires_in: 3_600 }
        return Response.json({ ...token, refresh_token: successor })
      },
    })
    const grant = refreshToken(endpoint, { initial: { subject, token: 'first', for: {} } })
    const store = memoryStore({ max: 10, clock })
    const caches = [false, true].map((shared) =>
      createTokenCache({
        grant,
        max: 10,
        ...(shared && { store }),
        clock,
        timers: clock.timers,
        random: () => 0,
      }),
    )
    return { clock, sent, caches }
  }

  test.each([0, 1])('with a space in it (RFC 6749 §A.17) is sent in place of the old one: %#', async (which) => {
    const { clock, sent, caches } = answering('rt 2')
    await caches[which]?.get()
    clock.tick(2 * hour)
    await caches[which]?.get()
    expect(sent).toEqual(['first', 'rt 2'])
  })

  test.each([
    ['too long', 'x'.repeat(16_385)],
    ['with a line end', 'a\nb'],
    ['that is a number', 7],
  ])('%s leaves none, and the spent one is not sent again', async (_, successor) => {
    for (const which of [0, 1]) {
      const { clock, sent, caches } = answering(successor)
      expect((await caches[which]?.get())?.reveal()).toBe('at1')
      clock.tick(2 * hour)
      expect(await codeOf(caches[which]?.get() ?? Promise.resolve())).not.toBe('resolved')
      expect(sent).toEqual(['first'])
    }
  })

  test.each([undefined, null, ''])('that is %j leaves the old one in use', async (successor) => {
    const { clock, sent, caches } = answering(successor)
    await caches[0]?.get()
    clock.tick(2 * hour)
    await caches[0]?.get()
    expect(sent).toEqual(['first', 'first'])
  })
})
