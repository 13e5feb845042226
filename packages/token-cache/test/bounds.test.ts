import { virtualClock } from '@coffer/lease/testing'
import {
  apiToken,
  clientCredentials,
  createTokenCache,
  type Grant,
  memoryStore,
  publicClient,
  type TokenCacheEvent,
  tokenEndpoint,
} from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { arrange, codeOf, hour, settled } from './arrange.js'

describe('a tenant', () => {
  test.each(['.', '..', '\ud800', 'a\udc00'])('%j names no tenant, in a path or in a parameter', (tenant) => {
    const inPath = arrange((one) => clientCredentials(one.endpoint({ url: 'https://issuer.example/{tenant}/token' })))
    const inField = arrange((one) => clientCredentials(one.endpoint({ tenantParam: 'tenant' })))
    for (const { tokens } of [inPath, inField]) expect(() => tokens.for({ tenant })).toThrow(TypeError)
  })

  test.each(['...', '.a', '\u{1F600}'])('%j does', async (tenant) => {
    const { tokens, issuer } = arrange((one) =>
      clientCredentials(one.endpoint({ url: 'https://issuer.example/realms/{tenant}/token' })),
    )
    await tokens.get({ tenant })
    expect(issuer.requests()[0]?.url).toBe(`https://issuer.example/realms/${encodeURIComponent(tenant)}/token`)
  })
})

test('after a burst beyond max, the next key brings the cache back to max', async () => {
  const { tokens } = arrange((one) => clientCredentials(one.endpoint()), { max: 2 })
  await Promise.all(Array.from({ length: 50 }, (_, index) => tokens.get({ scope: `s${index}` })))
  await tokens.get({ scope: 'one-more' })
  expect(tokens.stats()).toMatchObject({ size: 2, evicted: 49 })
})

describe('close with revoke', () => {
  const cacheOf = async (keys: number, answer: () => Promise<Response>) => {
    const clock = virtualClock()
    let issued = 0
    let revocations = 0
    const endpoint = tokenEndpoint({
      issuer: 'https://i.example',
      url: 'https://i.example/t',
      revocationUrl: 'https://i.example/r',
      client: publicClient('c'),
      fetch: async (input) => {
        if (String(input).endsWith('/t'))
          return Response.json({ access_token: `at${++issued}`, token_type: 'Bearer', expires_in: 3_600 })
        revocations += 1
        return await answer()
      },
    })
    const grant = clientCredentials(endpoint)
    const tokens = createTokenCache({ grant, max: 100, clock, timers: clock.timers })
    for (let key = 0; key < keys; key += 1) await tokens.get({ scope: `s${key}` })
    return { clock, tokens, revoked: () => revocations }
  }

  test('ends within 30 s though the issuer answers none of a hundred', async () => {
    const { clock, tokens } = await cacheOf(100, () => new Promise(() => {}))
    let closed = false
    const closing = tokens.close({ revoke: true }).then(() => {
      closed = true
    })
    await clock.advance(29_999)
    expect(closed).toBe(false)
    await clock.advance(1)
    await closing
  })

  test('revokes each of thirty once at an issuer that answers', async () => {
    const { clock, tokens, revoked } = await cacheOf(30, async () => new Response(null, { status: 200 }))
    await settled(clock, tokens.close({ revoke: true }))
    expect(revoked()).toBe(30)
  })
})

describe('two ways to write one request have two keys', () => {
  const audience = 'https://x.example'
  test.each<[string, (one: FakeIssuer) => Grant, (one: FakeIssuer) => Grant, object]>([
    [
      'audienceParam',
      (one) => clientCredentials(one.endpoint()),
      (one) => clientCredentials(one.endpoint({ audienceParam: 'resource' })),
      { audience },
    ],
    [
      'tenantParam',
      (one) => clientCredentials(one.endpoint({ tenantParam: 'a' })),
      (one) => clientCredentials(one.endpoint({ tenantParam: 'b' })),
      { tenant: 't' },
    ],
    [
      'body',
      (one) => clientCredentials(one.endpoint()),
      (one) => clientCredentials(one.endpoint({ body: 'json' })),
      {},
    ],
    [
      'sendAs',
      (one) => apiToken(one.endpoint({ body: 'json' }), { subject: 's', token: 't', sendAs: { field: 'a' } }),
      (one) => apiToken(one.endpoint({ body: 'json' }), { subject: 's', token: 't', sendAs: { field: 'b' } }),
      {},
    ],
  ])('%s', async (_, first, second, request) => {
    const clock = virtualClock()
    const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
    const store = memoryStore({ max: 10, clock })
    const texts: string[] = []
    for (const grant of [first(issuer), second(issuer)]) {
      const tokens = createTokenCache({ grant, max: 10, store, clock, timers: clock.timers, loginIntervalMs: 0 })
      texts.push((await settled(clock, tokens.get(request))).reveal())
    }
    expect(new Set(texts).size).toBe(2)
  })
})

describe('why an issuer is unavailable', () => {
  const failing = (cause: unknown) => async (): Promise<never> => {
    throw new TypeError('fetch failed', { cause })
  }
  const cases: readonly (readonly [string, typeof fetch, string])[] = [
    ['no listener', failing({ code: 'ECONNREFUSED' }), 'connect'],
    ['no listener at any address', failing({ errors: [{ code: 'ECONNREFUSED' }] }), 'connect'],
    ['no such host', failing({ code: 'ENOTFOUND' }), 'dns'],
    ['a certificate of nobody known', failing({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'tls'],
    ['a certificate of another host', failing({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'tls'],
    ['an unknown authority', failing({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }), 'tls'],
    ['a reset', failing({ code: 'ECONNRESET' }), 'reset'],
    ['headers that do not come', failing({ code: 'UND_ERR_HEADERS_TIMEOUT' }), 'timeout'],
    ['no answer', () => new Promise(() => {}), 'timeout'],
    ['a 503', async () => new Response('', { status: 503 }), 'status'],
    ['a 500', async () => new Response('', { status: 500 }), 'status'],
    ['a code that quotes a secret', failing({ code: 'canary-secret' }), 'unknown'],
  ]
  test.each(cases)('%s', async (_, send, reason) => {
    const clock = virtualClock()
    const events: TokenCacheEvent[] = []
    const endpoint = tokenEndpoint({
      issuer: 'https://i.example',
      url: 'https://i.example/t',
      client: publicClient('c'),
      fetch: send,
    })
    const tokens = createTokenCache({
      grant: clientCredentials(endpoint),
      max: 1,
      clock,
      timers: clock.timers,
      onEvent: (event) => events.push(event),
    })
    const expected = { code: 'COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', reason }
    await expect(settled(clock, tokens.get())).rejects.toMatchObject(expected)
    // The back-off that follows says why, too.
    await expect(tokens.get()).rejects.toMatchObject(expected)
    expect(events.find((event) => event.type === 'refresh.failed')).toMatchObject(expected)
  })

  test('no other refusal has a reason', async () => {
    const { tokens, issuer } = arrange((one) => clientCredentials(one.endpoint()))
    issuer.inject({ fault: 'html' })
    expect(await codeOf(tokens.get())).toBe('RESPONSE_INVALID')
    await expect(tokens.get()).rejects.toMatchObject({ reason: undefined })
  })
})
