import {
  apiToken,
  chain,
  clientCredentials,
  clientSecretBasic,
  clientSecretPost,
  createTokenCache,
  customGrant,
  type Grant,
  passwordLogin,
  publicClient,
  refreshToken,
  staticToken,
  type TokenCacheOptions,
  type TokenEndpointOptions,
  tokenEndpoint,
} from '@coffer/token-cache'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { arrange, codeOf, settled } from './arrange.js'

const { COFFER_DEEP, COFFER_SEED } = process.env
const numRuns = COFFER_DEEP === '1' ? 100_000 : 300
const seed = COFFER_SEED === undefined ? Date.now() : Number(COFFER_SEED)

/** An endpoint whose server gives one answer, and what it was asked. */
function answering(answer: () => Response | Promise<Response>, options: Partial<TokenEndpointOptions> = {}) {
  const seen: { url: string; headers: Headers; body: string; init: RequestInit | undefined }[] = []
  const endpoint = tokenEndpoint({
    issuer: 'https://issuer.example',
    url: 'https://issuer.example/token',
    client: publicClient('acme'),
    fetch: async (input, init) => {
      seen.push({ url: String(input), headers: new Headers(init?.headers), body: String(init?.body), init })
      return await answer()
    },
    ...options,
  })
  return { endpoint, seen }
}

const good = (): Response => Response.json({ access_token: 'mF_9.B5f-4.1JqM', token_type: 'Bearer', expires_in: 3_600 })

async function outcome(grant: Grant, options: Partial<TokenCacheOptions> = {}): Promise<string> {
  const { clock, tokens } = arrange(() => grant, options)
  return await settled(clock, codeOf(tokens.get({ scope: 'a' })))
}

describe('a token request', () => {
  test('is the example of RFC 6749 §4.4.2, byte for byte', async () => {
    const client = clientSecretBasic('s6BhdRkqt3', 'gX1fBat3bV')
    const { endpoint, seen } = answering(good, { client })
    const { tokens } = arrange(() => clientCredentials(endpoint))
    await tokens.get()
    expect(seen[0]?.body).toBe('grant_type=client_credentials')
    expect(seen[0]?.headers.get('authorization')).toBe('Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW')
    expect(seen[0]?.headers.get('content-type')).toBe('application/x-www-form-urlencoded')
    expect(seen[0]?.headers.get('accept')).toBe('application/json')
    expect(seen[0]?.init).toMatchObject({ method: 'POST', redirect: 'manual', cache: 'no-store' })
  })

  test('is the example of RFC 6749 §4.3.2', async () => {
    const client = clientSecretBasic('s6BhdRkqt3', 'gX1fBat3bV')
    const { endpoint, seen } = answering(good, { client })
    const { tokens } = arrange(() => passwordLogin(endpoint, { subject: 'johndoe', password: 'A3ddj3w' }))
    await tokens.get()
    expect(seen[0]?.body).toBe('grant_type=password&username=johndoe&password=A3ddj3w')
  })

  test('is the example of RFC 6749 §6, the secret in the body (§2.3.1)', async () => {
    const client = clientSecretPost('s6BhdRkqt3', '7Fjfp0ZBr1KtDRbnfVdmIw')
    const { endpoint, seen } = answering(good, { client })
    const { tokens } = arrange(() =>
      refreshToken(endpoint, { initial: { subject: 'ops@acme.example', token: 'tGzv3JOkF0XG5Qx2TlKWIA', for: {} } }),
    )
    await tokens.get()
    expect([...new URLSearchParams(seen[0]?.body)].sort()).toEqual([
      ['client_id', 's6BhdRkqt3'],
      ['client_secret', '7Fjfp0ZBr1KtDRbnfVdmIw'],
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'tGzv3JOkF0XG5Qx2TlKWIA'],
    ])
  })

  test('form-encodes id and secret before Basic, so that a colon ends neither', async () => {
    const { endpoint, seen } = answering(good, { client: clientSecretBasic('a:b', 'c d%') })
    await outcome(clientCredentials(endpoint))
    expect(atob(seen[0]?.headers.get('authorization')?.slice(6) ?? '')).toBe('a%3Ab:c+d%25')
  })

  test('of a JSON login has the login’s names as members, and no grant_type', async () => {
    const { endpoint, seen } = answering(good, { body: 'json' })
    await outcome(passwordLogin(endpoint, { subject: 'ops@acme.example', password: 'x' }))
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      client_id: 'acme',
      email: 'ops@acme.example',
      password: 'x',
      scope: 'a',
    })
    expect(seen[0]?.headers.get('content-type')).toBe('application/json')
  })

  test.each([
    ['bearer', undefined, 'Bearer api-token', null],
    ['a field', { field: 'api_key' }, null, 'api-token'],
  ] as const)('of an API token carries it as %s', async (_, sendAs, authorization, field) => {
    const { endpoint, seen } = answering(good)
    await outcome(apiToken(endpoint, { subject: 's', token: 'api-token', ...(sendAs && { sendAs }) }))
    expect(seen[0]?.headers.get('authorization')).toBe(authorization)
    expect(new URLSearchParams(seen[0]?.body).get('api_key')).toBe(field)
  })

  test('carries several audiences under the name the endpoint uses (RFC 8707)', async () => {
    const { endpoint, seen } = answering(good, { audienceParam: 'resource' })
    const { tokens } = arrange(() => clientCredentials(endpoint))
    await tokens.get({ audience: ['https://b.example', 'https://a.example'] })
    expect(new URLSearchParams(seen[0]?.body).getAll('resource')).toEqual(['https://a.example', 'https://b.example'])
  })
})

describe('a token response', () => {
  const token = { access_token: 'x', token_type: 'Bearer', expires_in: 60 }
  const json =
    (members: unknown, status = 200) =>
    () =>
      Response.json(members, { status })
  const cases: readonly (readonly [string, () => Response, string])[] = [
    ['a token', json(token), 'resolved'],
    ['bearer in lower case', json({ ...token, token_type: 'bearer' }), 'resolved'],
    ['no token_type', json({ ...token, token_type: undefined }), 'RESPONSE_INVALID'],
    ['another token_type', json({ ...token, token_type: 'mac' }), 'RESPONSE_INVALID'],
    ['16 384 characters', json({ ...token, access_token: 'x'.repeat(16_384) }), 'resolved'],
    ['16 385 characters', json({ ...token, access_token: 'x'.repeat(16_385) }), 'RESPONSE_INVALID'],
    ['an empty token', json({ ...token, access_token: '' }), 'RESPONSE_INVALID'],
    ['a token with CR LF', json({ ...token, access_token: 'x\r\nX-Admin: 1' }), 'RESPONSE_INVALID'],
    ['a token with a space', json({ ...token, access_token: 'x y' }), 'RESPONSE_INVALID'],
    ['a token above ASCII', json({ ...token, access_token: 'é' }), 'RESPONSE_INVALID'],
    ['a token that is a number', json({ ...token, access_token: 7 }), 'RESPONSE_INVALID'],
    ['decimal digits as expires_in', json({ ...token, expires_in: '60' }), 'resolved'],
    ['expires_in of zero', json({ ...token, expires_in: 0 }), 'RESPONSE_INVALID'],
    ['expires_in below zero', json({ ...token, expires_in: -5 }), 'RESPONSE_INVALID'],
    ['an array', json([token]), 'RESPONSE_INVALID'],
    ['null', json(null), 'RESPONSE_INVALID'],
    ['no body', () => new Response(null), 'RESPONSE_INVALID'],
    ['bytes that are no UTF-8', () => new Response(new Uint8Array([0x7b, 0xff])), 'RESPONSE_INVALID'],
    ['a body of exactly the limit', () => new Response(JSON.stringify(token).padEnd(65_536)), 'resolved'],
    ['a body one byte over the limit', () => new Response(JSON.stringify(token).padEnd(65_537)), 'RESPONSE_INVALID'],
    ['a redirect', () => new Response(null, { status: 307, headers: { location: '/x' } }), 'RESPONSE_INVALID'],
    ['invalid_client', json({ error: 'invalid_client' }, 401), 'CREDENTIAL_REJECTED'],
    ['unauthorized_client', json({ error: 'unauthorized_client' }, 400), 'CREDENTIAL_REJECTED'],
    ['invalid_grant', json({ error: 'invalid_grant' }, 400), 'CREDENTIAL_REJECTED'],
    ['an error with 200', json({ ...token, error: 'invalid_grant' }), 'CREDENTIAL_REJECTED'],
    ['invalid_scope', json({ error: 'invalid_scope' }, 400), 'REQUEST_REFUSED'],
    ['unsupported_grant_type', json({ error: 'unsupported_grant_type' }, 400), 'REQUEST_REFUSED'],
    ['an error of no known name', json({ error: 'consent_required' }, 400), 'REQUEST_REFUSED'],
    ['temporarily_unavailable', json({ error: 'temporarily_unavailable' }, 400), 'ISSUER_UNAVAILABLE'],
    ['server_error', json({ error: 'server_error' }, 400), 'ISSUER_UNAVAILABLE'],
    ['401 without an error', () => new Response('no', { status: 401 }), 'CREDENTIAL_REJECTED'],
    ['403 of a gateway', () => new Response('no', { status: 403 }), 'REQUEST_REFUSED'],
    ['404', () => new Response('no', { status: 404 }), 'REQUEST_REFUSED'],
    ...[408, 421, 425, 429, 500, 502, 503, 504].map(
      (status) => [`${status}`, () => new Response('x', { status }), 'ISSUER_UNAVAILABLE'] as const,
    ),
  ]
  test.each(cases)('with %s: %s', async (_, answer, expected) => {
    expect(await outcome(clientCredentials(answering(answer).endpoint))).toBe(expected)
  })

  test('of a JSON login may lack token_type', async () => {
    const { endpoint } = answering(json({ access_token: 'x', expires_in: 60 }), { body: 'json' })
    expect(await outcome(passwordLogin(endpoint, { subject: 's', password: 'p' }))).toBe('resolved')
  })

  test('that does not end is given up after timeoutMs, and reading stops at the limit', async () => {
    const { clock, tokens } = arrange(() =>
      clientCredentials(answering(() => new Response(new ReadableStream()), { timeoutMs: 500 }).endpoint),
    )
    const from = clock.now()
    expect(await codeOf(settled(clock, tokens.get()))).toBe('ISSUER_UNAVAILABLE')
    // The timer starts once the key's digest is made; virtual time steps by 25 ms meanwhile.
    expect(clock.now() - from).toBeGreaterThanOrEqual(500)
    let chunks = 0
    const endless = new ReadableStream({
      pull: (controller) => {
        chunks += 1
        controller.enqueue(new Uint8Array(16_384))
      },
    })
    expect(await outcome(clientCredentials(answering(() => new Response(endless)).endpoint))).toBe('RESPONSE_INVALID')
    expect(chunks).toBeLessThan(10)
  })

  test('announced as too large is not read', async () => {
    const answer = () => new Response('{}', { headers: { 'content-length': '99999999' } })
    expect(await outcome(clientCredentials(answering(answer).endpoint))).toBe('RESPONSE_INVALID')
  })

  test('readJwtExpiry takes the shorter of expires_in and exp - iat, and ignores what is no JWT', async () => {
    const jwt = (claims: object): string => `x.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.x`
    for (const [text, ms] of [
      [jwt({ iat: 0, exp: 30 }), 30_000],
      [jwt({ iat: 0, exp: 90 }), 60_000],
      ['x.!.x', 60_000],
      ['x', 60_000],
      [jwt({ exp: 'x' }), 60_000],
    ] as const) {
      const { endpoint } = answering(json({ ...token, access_token: text }), { readJwtExpiry: true })
      const { clock, tokens } = arrange(() => clientCredentials(endpoint))
      expect((await tokens.get()).expiresAt - clock.now()).toBe(ms)
    }
  })

  test(`of any shape gives a token that ends, or a refusal by code (seed ${seed})`, async () => {
    const wrong = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.boolean(),
      fc.double(),
      fc.string(),
      fc.constantFrom('1e99', '0x10', 'Infinity', '-1', '3600', ' 3600'),
      fc.array(fc.integer()),
      fc.object(),
    )
    const members = fc.record({
      access_token: fc.oneof(fc.constant('x'), wrong),
      token_type: fc.oneof(fc.constant('Bearer'), wrong),
      expires_in: wrong,
      scope: wrong,
      refresh_token: wrong,
      error: fc.option(wrong),
    })
    await fc.assert(
      fc.asyncProperty(members, async (body) => {
        const { clock, tokens } = arrange(() =>
          clientCredentials(answering(() => new Response(JSON.stringify(body))).endpoint),
        )
        try {
          const { expiresAt } = await tokens.get()
          expect(expiresAt).toBeGreaterThan(clock.now())
          expect(expiresAt).toBeLessThanOrEqual(clock.now() + 86_400_000)
        } catch (error) {
          expect(error).toHaveProperty('code', expect.stringMatching(/^COFFER_TOKEN_CACHE_/))
        }
      }),
      { numRuns, seed },
    )
  }, 3_600_000)
})

describe('a failure to send', () => {
  const thrown = (cause: unknown) => (): never => {
    throw new TypeError('fetch failed', { cause })
  }
  const initial = { subject: 'ops@acme.example', token: 'rt', for: { scope: 'a' } }
  test.each([
    ['refused', { code: 'ECONNREFUSED' }, 'ISSUER_UNAVAILABLE'],
    ['unknown host', { code: 'ENOTFOUND' }, 'ISSUER_UNAVAILABLE'],
    ['a bad certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'ISSUER_UNAVAILABLE'],
    [
      'refused by every address',
      { code: 'X', errors: [{ code: 'ECONNREFUSED' }, { code: 'EHOSTUNREACH' }] },
      'ISSUER_UNAVAILABLE',
    ],
    ['reset by one of two addresses', { errors: [{ code: 'ECONNREFUSED' }, { code: 'ECONNRESET' }] }, 'REFRESH_LOST'],
    ['reset', { code: 'ECONNRESET' }, 'REFRESH_LOST'],
    ['an alert after the handshake', { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }, 'REFRESH_LOST'],
    ['no code at all', undefined, 'REFRESH_LOST'],
  ])('%s: under strict rotation, %j', async (_, cause, expected) => {
    expect(await outcome(refreshToken(answering(thrown(cause)).endpoint, { initial }))).toBe(expected)
  })
})

describe('misuse', () => {
  const valid: TokenEndpointOptions = {
    issuer: 'https://i.example',
    url: 'https://i.example/t',
    client: publicClient('c'),
  }
  test.each<[string, object, new () => Error]>([
    ['no issuer', { issuer: undefined }, TypeError],
    ['an empty issuer', { issuer: '' }, TypeError],
    ['an http URL', { url: 'http://i.example/t' }, TypeError],
    ['an http URL beyond loopback', { url: 'http://i.example/t', dangerouslyAllowHttp: 'loopback' }, TypeError],
    ['a URL with a password', { url: 'https://a:b@i.example/t' }, TypeError],
    ['an http revocation URL', { revocationUrl: 'http://i.example/r' }, TypeError],
    ['a client of somebody else', { client: { id: 'c' } }, TypeError],
    ['an unknown option', { retries: 3 }, TypeError],
    ['an unknown rotation', { rotation: 'never' }, TypeError],
    ['a grace of NaN', { rotation: { graceMs: Number.NaN } }, TypeError],
    ['a grace of 0', { rotation: { graceMs: 0 } }, RangeError],
    ['a body of another kind', { body: 'xml' }, TypeError],
    ['a timeout of 0', { timeoutMs: 0 }, RangeError],
    ['a timeout that is text', { timeoutMs: '10' }, TypeError],
    ['a limit of half a byte', { maxResponseBytes: 0.5 }, RangeError],
  ])('%s is refused', (_, options, type) => {
    expect(() => tokenEndpoint({ ...valid, ...options } as TokenEndpointOptions)).toThrow(type)
  })

  const grant = clientCredentials(tokenEndpoint(valid))
  test.each<[string, object, new () => Error]>([
    ['no max', { grant }, TypeError],
    ['max of 0', { grant, max: 0 }, RangeError],
    ['max above ten million', { grant, max: 10_000_001 }, RangeError],
    ['no grant', { max: 1 }, TypeError],
    ['a grant of somebody else', { grant: {}, max: 1 }, TypeError],
    ['an unknown option', { grant, max: 1, ttl: 1 }, TypeError],
    ['an unknown policy', { grant, max: 1, policy: { jitter: 1 } }, TypeError],
    ['a hook that is none', { grant, max: 1, onEvent: 'x' }, TypeError],
    ['a word that is none', { grant, max: 1, narrowedScope: 'ask' }, TypeError],
    ['a wait of NaN', { grant, max: 1, busyWaitMs: Number.NaN }, TypeError],
  ])('a cache with %s is refused', (_, options, type) => {
    expect(() => createTokenCache(options as TokenCacheOptions)).toThrow(type)
  })

  test('grants of two issuers or two subjects are no chain', () => {
    const other = clientCredentials(tokenEndpoint({ ...valid, issuer: 'https://other.example' }))
    const login = (subject: string) => passwordLogin(tokenEndpoint(valid), { subject, password: 'x' })
    expect(() => chain(grant, other)).toThrow(TypeError)
    expect(() => chain(login('a'), login('b'))).toThrow(TypeError)
    expect(() => chain(login('a'), refreshToken(tokenEndpoint(valid)))).not.toThrow()
  })

  test('two grants that present refresh tokens are no chain', () => {
    const refresh = refreshToken(tokenEndpoint(valid))
    const elsewhere = refreshToken(tokenEndpoint({ ...valid, url: 'https://issuer.example/other' }))
    expect(() => chain(refresh, elsewhere)).toThrow(TypeError)
    expect(() => chain(refresh, chain(refresh, grant))).toThrow(TypeError)
  })

  test('an API token as bearer beside HTTP Basic, and empty names, are refused', () => {
    const endpoint = tokenEndpoint({ ...valid, client: clientSecretBasic('a', 'b') })
    expect(() => apiToken(endpoint, { subject: 's', token: 't' })).toThrow(TypeError)
    expect(() => publicClient('')).toThrow(TypeError)
    expect(() => clientSecretPost('a', '')).toThrow(TypeError)
    expect(() => passwordLogin(endpoint, { subject: '', password: 'x' })).toThrow(TypeError)
    expect(() => staticToken({ issuer: 'http://i.example', subject: 's', token: 't' })).toThrow(TypeError)
    const identity = { kind: 'k', issuer: 'https://i.example', subject: '' }
    expect(() => customGrant({ identity, request: async () => ({ access_token: 'x' }) })).toThrow(TypeError)
  })
})

describe('a custom grant', () => {
  const identity = { kind: 'k', issuer: 'https://i.example', subject: 's' }
  test.each([
    ['a response that is none', async () => 'token', 'RESPONSE_INVALID'],
    ['an error', async () => Promise.reject(new Error('canary')), 'ISSUER_UNAVAILABLE'],
    [
      'a terminal error',
      async () => Promise.reject(Object.assign(new Error('canary'), { terminal: true })),
      'CREDENTIAL_REJECTED',
    ],
  ])('that gives %s: %#', async (_, request, expected) => {
    const custom = customGrant({ identity, request: request as never })
    expect(await outcome(custom)).toBe(expected)
  })
})
