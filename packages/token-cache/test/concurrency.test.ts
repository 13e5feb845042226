import { clientCredentials } from '@coffer/token-cache'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { arrange, codeOf, hour, loginChain, minute } from './arrange.js'

describe('single flight', () => {
  test('10 000 concurrent cold calls make one token request', async () => {
    const { issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    const handle = tokens.for({ scope: 'a' })
    const all = await Promise.all(
      Array.from({ length: 10_000 }, (_, index) => (index % 2 ? handle.get() : tokens.get({ scope: 'a' }))),
    )
    expect(new Set(all.map((token) => token.reveal())).size).toBe(1)
    expect(issuer.requests()).toHaveLength(1)
  })

  test('10 000 late 401s for one dead token make one refresh, and every call succeeds', async () => {
    const { issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    const dead = await tokens.get()
    issuer.revoke(dead.reveal())
    const resource: typeof fetch = async (_, init) => {
      const sent = new Headers(init?.headers).get('authorization')?.slice('Bearer '.length) ?? ''
      return new Response(null, { status: issuer.accepts(sent) ? 200 : 401 })
    }
    const api = tokens.for().fetch({ origins: ['https://api.example'], fetch: resource })
    const all = await Promise.all(Array.from({ length: 10_000 }, () => api('https://api.example/')))
    expect(new Set(all.map((response) => response.status))).toEqual(new Set([200]))
    expect(issuer.requests()).toHaveLength(2)
  })

  test('two keys in flight at once each get their own token', async () => {
    const { tokens } = arrange((fake) => clientCredentials(fake.endpoint({ tenantParam: 'tenant' })))
    const [a, b] = await Promise.all([tokens.get({ tenant: 'a' }), tokens.get({ tenant: 'b' })])
    expect(a.reveal()).not.toBe(b.reveal())
    expect((await tokens.get({ tenant: 'a' })).reveal()).toBe(a.reveal())
  })

  test('every subset of callers aborted leaves the others their token', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), async (aborts) => {
        const { issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
        const calls = aborts.map((abort) => {
          const controller = new AbortController()
          const call = codeOf(tokens.get({}, { signal: controller.signal }))
          if (abort) controller.abort('gone')
          return call
        })
        expect(await Promise.all(calls)).toEqual(aborts.map((abort) => (abort ? 'gone' : 'resolved')))
        await vi.waitFor(() => expect(issuer.requests()).toHaveLength(1))
      }),
    )
  })
})

describe('an issuer that is down', () => {
  test('half of every hour, for days, fails no call while a token lives', async () => {
    const { clock, issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()), { random: () => 0.5 })
    await tokens.get()
    const handle = tokens.for()
    const { COFFER_DEEP } = process.env
    const days = COFFER_DEEP === '1' ? 30 : 1
    for (let minutes = 1; minutes <= days * 24 * 60; minutes += 1) {
      const down = minutes % 60 >= 30
      issuer.inject({ fault: 'status-503', times: down ? 1 : 0 })
      clock.tick(minute)
      expect(await codeOf(handle.get())).toBe('resolved')
      await clock.advance(0)
      // What was not used up belongs to this minute alone.
      if (down) await drain(issuer)
    }
  }, 300_000)

  test('for 24 hours meets at most 300 requests per key while a token is held', async () => {
    const { clock, issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()), {
      policy: { staleMs: 24 * hour },
    })
    const handle = tokens.for()
    await handle.get()
    let asked = 0
    clock.tick(45 * minute)
    for (let seconds = 0; seconds < 24 * 3_600; seconds += 10) {
      issuer.inject({ fault: 'connection-refused' })
      clock.tick(10_000)
      expect(await codeOf(handle.get())).toBe('resolved')
      await new Promise<void>((resolve) => queueMicrotask(resolve))
    }
    await clock.advance(0)
    asked = tokens.stats().refreshes
    expect(asked).toBeLessThanOrEqual(300)
  }, 60_000)
})

describe('hooks', () => {
  test('an onEvent that throws is counted, and one that calls get joins the flight', async () => {
    let nested: Promise<unknown> | undefined
    const { issuer, tokens } = arrange((fake) => clientCredentials(fake.endpoint()), {
      onEvent: () => {
        nested ??= tokens.get()
        throw new Error('hook')
      },
    })
    await tokens.get()
    expect(await nested).toBeDefined()
    expect(issuer.requests()).toHaveLength(1)
    expect(tokens.stats().eventFailures).toBeGreaterThan(0)
  })
})

describe('the bound', () => {
  test('the least recently used key goes, with its refresh token, and the event says so', async () => {
    const { issuer, tokens, events } = arrange((fake) => loginChain(fake), { max: 2, loginIntervalMs: 0 })
    for (const scope of ['a', 'b', 'a', 'c']) await tokens.get({ scope })
    expect(tokens.stats()).toMatchObject({ size: 2, evicted: 1 })
    expect(events.find((event) => event.type === 'evicted')).toMatchObject({ refreshToken: true })
    await tokens.get({ scope: 'a' })
    expect(issuer.requests()).toHaveLength(3)
    await tokens.get({ scope: 'b' })
    expect(issuer.requests().at(-1)?.grant).toBe('login')
  })
})

describe('close', () => {
  test('refuses new calls, waits for flights, and revokes what it holds when asked', async () => {
    const { issuer, tokens } = arrange((fake) =>
      clientCredentials(fake.endpoint({ revocationUrl: 'https://issuer.example/revoke' })),
    )
    const token = await tokens.get()
    await tokens.close({ revoke: true })
    expect(issuer.accepts(token.reveal())).toBe(false)
    expect(await codeOf(tokens.get())).toBe('CLOSED')
    expect(tokens.for().peek()).toBeUndefined()
  })
})

/** Uses up the faults that are left, so that they do not meet a later request. */
async function drain(issuer: { readonly fetch: typeof fetch }): Promise<void> {
  for (;;) {
    const response = await issuer.fetch('https://issuer.example/revoke', { method: 'POST', body: '' })
    if (response.status === 200) return
  }
}
