import { systemClock } from '@coffer/lease'
import { virtualClock } from '@coffer/lease/testing'
import {
  chain,
  clientCredentials,
  clientSecretBasic,
  createTokenCache,
  passwordLogin,
  publicClient,
  refreshToken,
  type TokenEndpointOptions,
  tokenEndpoint,
} from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, hour } from './arrange.js'
import { type ServedOAuth2Server, serveOAuth2Server } from './servers/oauth2-server.mjs'
import { type ServedProvider, serveOidcProvider } from './servers/oidc-provider.mjs'
import { throwawayIdentity, trusting } from './servers/tls.js'

const identity = await throwawayIdentity()
const trusted = trusting(identity.ca)
afterAll(() => trusted.close())

/** A fetch that loses the answers it is told to lose, after the server has given them. */
function losing(): { readonly fetch: typeof fetch; loseNext(): void } {
  let lose = false
  return {
    loseNext: () => {
      lose = true
    },
    fetch: async (input, init) => {
      const response = await trusted.fetch(input, init)
      if (!lose) return response
      lose = false
      await response.text()
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) })
    },
  }
}

describe('oidc-provider by TLS, whose strict rotation revokes the family', () => {
  let server: ServedProvider
  beforeAll(async () => {
    server = await serveOidcProvider(identity)
  })
  afterAll(() => server.close())

  const endpoint = (options: Partial<TokenEndpointOptions> = {}) =>
    tokenEndpoint({
      issuer: server.url,
      url: server.tokenUrl,
      client: clientSecretBasic('integrator', 'sesame-sesame-sesame-sesame-sesame'),
      revocationUrl: server.revocationUrl,
      fetch: trusted.fetch,
      ...options,
    })

  test('client credentials: 50 concurrent calls are one request', async () => {
    const before = server.requests()
    const tokens = createTokenCache({ grant: clientCredentials(endpoint()), max: 10 })
    const all = await Promise.all(Array.from({ length: 50 }, () => tokens.get({ scope: 'payments' })))
    expect(new Set(all.map((token) => token.reveal())).size).toBe(1)
    expect(server.requests() - before).toBe(1)
    await tokens.close({ revoke: true })
  })

  test('a refused client is CREDENTIAL_REJECTED', async () => {
    const grant = clientCredentials(endpoint({ client: clientSecretBasic('integrator', 'wrong') }))
    expect(await codeOf(createTokenCache({ grant, max: 1 }).get())).toBe('CREDENTIAL_REJECTED')
  })

  test('a server whose authority is not trusted gets no request, and the refresh token is kept', async () => {
    const clock = virtualClock(Date.now())
    const { token, familyLives } = await server.issueRefreshToken()
    let trust = false
    const wire: typeof fetch = (input, init) => (trust ? trusted.fetch : fetch)(input, init)
    const tokens = createTokenCache({
      grant: refreshToken(endpoint({ fetch: wire }), { initial: { subject: 'ops@acme.example', token, for: {} } }),
      max: 1,
      clock,
      timers: clock.timers,
    })
    const before = server.requests()
    await expect(tokens.get()).rejects.toMatchObject({
      code: 'COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE',
      reason: 'tls',
      terminal: false,
    })
    expect(server.requests()).toBe(before)
    trust = true
    clock.tick(hour)
    expect(await codeOf(tokens.get())).toBe('resolved')
    expect(await familyLives()).toBe(true)
  })

  test('ten rotations keep the family; presenting a spent token, as a control, ends it', async () => {
    const clock = virtualClock(Date.now())
    const { token, familyLives } = await server.issueRefreshToken()
    const grant = refreshToken(endpoint(), { initial: { subject: 'ops@acme.example', token, for: {} } })
    const tokens = createTokenCache({ grant, max: 1, clock, timers: clock.timers })
    for (let round = 0; round < 10; round += 1) {
      await tokens.get()
      clock.tick(hour)
    }
    expect(await familyLives()).toBe(true)
    const again = createTokenCache({
      grant: refreshToken(endpoint(), { initial: { subject: 'ops@acme.example', token, for: {} } }),
      max: 1,
    })
    expect(await codeOf(again.get())).toBe('CREDENTIAL_REJECTED')
    expect(await familyLives()).toBe(false)
  })

  test('a lost answer ends in REFRESH_LOST, and the family lives: the token was not sent again', async () => {
    const clock = virtualClock(Date.now())
    const { token, familyLives } = await server.issueRefreshToken()
    const wire = losing()
    const grant = refreshToken(endpoint({ fetch: wire.fetch }), {
      initial: { subject: 'ops@acme.example', token, for: {} },
    })
    const tokens = createTokenCache({ grant, max: 1, clock, timers: clock.timers })
    await tokens.get()
    clock.tick(hour)
    wire.loseNext()
    expect(await codeOf(tokens.get())).toBe('REFRESH_LOST')
    clock.tick(hour)
    expect(await codeOf(tokens.get())).toBe('REFRESH_LOST')
    expect(await familyLives()).toBe(true)
  })
})

describe('the password and refresh grants', () => {
  let real: ServedOAuth2Server
  const clock = virtualClock(Date.now())
  const fake = createFakeIssuer({ clock: systemClock, rotation: 'strict', ttlMs: hour })
  beforeAll(async () => {
    real = await serveOAuth2Server(identity)
  })
  afterAll(() => real.close())

  const servers = [
    [
      '@node-oauth/oauth2-server',
      () => ({ url: `${real.url}/token`, fetch: trusted.fetch, counts: () => real.counts() }),
    ],
    ['the fake issuer', () => ({ url: `${fake.issuer}/token`, fetch: fake.fetch, counts: () => fake.counts() })],
  ] as const
  test.each(servers)('of %s: one login, then refreshes; a lost answer costs one more login', async (_, open) => {
    const { url, fetch: transport, counts } = open()
    let lose = false
    const wire: typeof fetch = async (input, init) => {
      const response = await transport(input, init)
      if (!lose) return response
      lose = false
      throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })
    }
    const point = tokenEndpoint({
      issuer: new URL(url).origin,
      url,
      client: publicClient('acme'),
      fetch: wire,
    })
    const login = passwordLogin(point, { subject: 'ops@acme.example', password: 'correct horse' })
    const tokens = createTokenCache({ grant: chain(refreshToken(point), login), max: 1, clock, timers: clock.timers })
    for (let round = 0; round < 4; round += 1) {
      await tokens.get({ scope: 'a' })
      clock.tick(hour)
    }
    expect(counts()).toMatchObject({ logins: 1, presentedAgain: 0 })
    lose = true
    await tokens.get({ scope: 'a' })
    expect(counts()).toMatchObject({ logins: 2, presentedAgain: 0 })
  })

  test('a wrong password is CREDENTIAL_REJECTED', async () => {
    const point = tokenEndpoint({
      issuer: real.url,
      url: `${real.url}/token`,
      client: publicClient('acme'),
      fetch: trusted.fetch,
    })
    const grant = passwordLogin(point, { subject: 'ops@acme.example', password: 'wrong' })
    expect(await codeOf(createTokenCache({ grant, max: 1 }).get())).toBe('CREDENTIAL_REJECTED')
  })
})
