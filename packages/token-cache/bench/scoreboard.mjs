// The faults that were observed in libraries that hold tokens, run again on the pinned releases. What this package does
// in the same place is held by test/peer-faults.test.ts. A peer that was fixed changes the table, not the exit code.
// Run: node bench/scoreboard.mjs

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { bearerTokenAuthenticationPolicy, createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline'
import { ConfidentialClientApplication } from '@azure/msal-node'
import { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client'
import { createAppAuth } from '@octokit/auth-app'
import { createOAuthUserAuth } from '@octokit/auth-oauth-user'
import { doesIdentityRequireRefresh, isIdentityExpired, memoizeIdentityProvider } from '@smithy/core'
import { OAuth2Client as GoogleClient } from 'google-auth-library'
import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'

const hour = 3_600_000
const minute = 60_000
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const outcome = async (run) => {
  try {
    return { value: await run() }
  } catch (error) {
    return { error: error instanceof Error ? error.message.slice(0, 60) : String(error) }
  }
}

let unhandled = 0
process.on('unhandledRejection', () => {
  unhandled += 1
})

/** A token endpoint whose answers the probe decides. */
async function tokenServer(answer) {
  let requests = 0
  const server = createServer(async (incoming, outgoing) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    requests += 1
    const { status = 200, json, drop = false } = answer(new URLSearchParams(body), requests)
    if (drop) return outgoing.destroy()
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}`
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url, requests: () => requests, close }
}

async function withServer(answer, run) {
  const server = await tokenServer(answer)
  try {
    return await run(server)
  } finally {
    server.close()
  }
}

const rotating = (_, count) => ({
  json: { access_token: `at${count}`, token_type: 'Bearer', expires_in: 3_600, refresh_token: `rt${count}` },
})

/** Runs with Node's own warnings and a peer's console output out of the table. */
async function quietly(run) {
  const { warn, error } = console
  console.warn = () => {}
  console.error = () => {}
  try {
    return await run()
  } finally {
    console.warn = warn
    console.error = error
  }
}

function badgateway(url, token, more = {}) {
  const client = new OAuth2Client({ server: url, clientId: 'c', clientSecret: 's', tokenEndpoint: '/token' })
  return new OAuth2Fetch({ client, getNewToken: () => token, ...more })
}

const authority = 'https://login.microsoftonline.com/tenant'
function msal(post) {
  const metadata = {
    token_endpoint: `${authority}/oauth2/v2.0/token`,
    issuer: `${authority}/v2.0`,
    authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
    jwks_uri: `${authority}/discovery/v2.0/keys`,
  }
  return new ConfidentialClientApplication({
    auth: {
      clientId: 'c',
      clientSecret: 's',
      authority,
      authorityMetadata: JSON.stringify(metadata),
      cloudDiscoveryMetadata: JSON.stringify({
        tenant_discovery_endpoint: authority,
        'api-version': '1.1',
        metadata: [],
      }),
      knownAuthorities: ['login.microsoftonline.com'],
    },
    system: {
      networkClient: {
        sendGetRequestAsync: async () => ({ status: 404, headers: {}, body: {} }),
        sendPostRequestAsync: post,
      },
    },
  })
}

function azure(getToken) {
  const policy = bearerTokenAuthenticationPolicy({ credential: { getToken }, scopes: ['s'] })
  return (status = 200, options = {}) => {
    const request = createPipelineRequest({ url: 'https://api.example/', ...options })
    const next = async (sent) => ({ status, headers: createHttpHeaders(), request: sent })
    return policy.sendRequest(request, next).then((response) => response.request.headers.get('authorization'))
  }
}

const probes = {
  P1: [
    '@badgateway/oauth2-client',
    'refreshes in 2 s of a 30-day token',
    async () =>
      withServer(
        (_, count) => ({ json: { ...rotating(_, count).json, expires_in: 30 * 86_400 } }),
        async ({ url, requests }) => {
          const token = { accessToken: 'at', refreshToken: 'rt', expiresAt: Date.now() + 30 * 24 * hour }
          const wrapper = badgateway(url, token, { getNewToken: () => token })
          await wrapper.getAccessToken()
          await sleep(2_000)
          const observed = requests()
          wrapper.options.scheduleRefresh = false
          clearTimeout(wrapper.refreshTimer)
          return [observed, observed > 0]
        },
      ),
  ],
  P2: [
    '@badgateway/oauth2-client',
    'refreshes after 4 late 401s for one token',
    async () =>
      withServer(rotating, async ({ url, requests }) => {
        const token = { accessToken: 'dead', refreshToken: 'rt', expiresAt: Date.now() + hour }
        const call = badgateway(url, token, { scheduleRefresh: false }).mw()
        const late = (index) =>
          call(new Request('https://api.example/'), async (request) => {
            await sleep(index * 60)
            return new Response(null, { status: request.headers.get('authorization') === 'Bearer dead' ? 401 : 200 })
          })
        await Promise.all([1, 2, 3, 4].map(late))
        return [requests(), requests() > 1]
      }),
  ],
  P3: [
    '@badgateway/oauth2-client',
    'a reset on refresh keeps the refresh token',
    async () =>
      withServer(
        (_, count) => (count === 1 ? { drop: true } : rotating(_, count)),
        async ({ url }) => {
          const token = { accessToken: 'at', refreshToken: 'rt', expiresAt: Date.now() - 1 }
          const available = [token]
          const wrapper = badgateway(url, token, {
            scheduleRefresh: false,
            getNewToken: () => available.shift() ?? null,
          })
          await outcome(() => wrapper.getToken())
          const { error } = await quietly(() => outcome(() => wrapper.refreshToken()))
          return [error === undefined ? 'kept' : `thrown away: ${error}`, error !== undefined]
        },
      ),
  ],
  P4: [
    '@badgateway/oauth2-client',
    'unhandled rejections when the token loader rejects',
    async () => {
      const before = unhandled
      badgateway('https://issuer.example', null, { getStoredToken: () => Promise.reject(new Error('loader')) })
      await sleep(20)
      return [unhandled - before, unhandled > before]
    },
  ],
  P5: [
    '@azure/msal-node',
    'requests for 20 concurrent cold calls',
    async () => {
      let requests = 0
      const client = msal(async () => {
        requests += 1
        await sleep(20)
        return { status: 200, headers: {}, body: { access_token: 'at', token_type: 'Bearer', expires_in: 3_600 } }
      })
      await Promise.all(Array.from({ length: 20 }, () => client.acquireTokenByClientCredential({ scopes: ['s'] })))
      return [requests, requests > 1]
    },
  ],
  P6: [
    '@azure/msal-node',
    'an early refresh that fails with an hour left',
    async () => {
      let requests = 0
      const client = msal(async () => {
        requests += 1
        if (requests > 1) throw new Error('down')
        return {
          status: 200,
          headers: {},
          body: { access_token: 'at', token_type: 'Bearer', expires_in: 3_600, refresh_in: 1 },
        }
      })
      await client.acquireTokenByClientCredential({ scopes: ['s'] })
      await sleep(2_100)
      const before = unhandled
      const { error } = await outcome(() => client.acquireTokenByClientCredential({ scopes: ['s'] }))
      await sleep(50)
      const observed = error !== undefined ? `throws: ${error}` : unhandled > before ? 'unhandled rejection' : 'serves'
      return [observed, observed !== 'serves']
    },
  ],
  P7: [
    '@azure/core-rest-pipeline',
    'unhandled rejections of a failed background refresh',
    async () => {
      let calls = 0
      const send = azure(async () => {
        calls += 1
        if (calls === 1) return { token: 'at', expiresOnTimestamp: Date.now() + 1_500 }
        throw new Error('down')
      })
      const before = unhandled
      await send()
      await send()
      await sleep(6_000)
      return [unhandled - before, unhandled > before]
    },
  ],
  P8: [
    '@azure/core-rest-pipeline',
    'tenants A and B in flight: B gets',
    async () => {
      const policyToken = async (_, { tenantId }) => {
        await sleep(20)
        return { token: `of-${tenantId}`, expiresOnTimestamp: Date.now() + hour }
      }
      const { createTokenCycler } = await import(
        new URL('../node_modules/@azure/core-rest-pipeline/dist/esm/util/tokenCycler.js', import.meta.url).href
      )
      const get = createTokenCycler({ getToken: policyToken })
      const [, b] = await Promise.all([get(['s'], { tenantId: 'A' }), get(['s'], { tenantId: 'B' })])
      return [b.token, b.token !== 'of-B']
    },
  ],
  P9: [
    '@azure/core-rest-pipeline',
    "the first caller's abort: the second caller",
    async () => {
      const send = azure(async (_, { abortSignal }) => {
        await sleep(20)
        if (abortSignal?.aborted) throw new Error('aborted')
        return { token: 'at', expiresOnTimestamp: Date.now() + hour }
      })
      const controller = new AbortController()
      const first = outcome(() => send(200, { abortSignal: controller.signal }))
      const second = outcome(() => send())
      controller.abort()
      await first
      const { error } = await second
      return [error === undefined ? 'has its token' : `fails: ${error}`, error !== undefined]
    },
  ],
  P10: [
    '@azure/core-rest-pipeline',
    'a revoked token and three plain 401s: tokens asked for',
    async () => {
      let calls = 0
      const send = azure(async () => ({ token: `at${++calls}`, expiresOnTimestamp: Date.now() + hour }))
      for (let call = 0; call < 3; call += 1) await send(401)
      return [calls, calls < 2]
    },
  ],
  P11: [
    '@smithy/core',
    'refresh fails in the last 5 min: calls of the source in 5 calls',
    async () => {
      let calls = 0
      const get = memoizeIdentityProvider(
        async () => {
          calls += 1
          if (calls > 1) throw new Error('down')
          return { expiration: new Date(Date.now() + 4 * minute) }
        },
        isIdentityExpired,
        doesIdentityRequireRefresh,
      )
      await outcome(() => get())
      let thrown = 0
      for (let call = 0; call < 5; call += 1) if ((await outcome(() => get())).error !== undefined) thrown += 1
      return [`${calls - 1}, ${thrown} thrown`, thrown > 0]
    },
  ],
  P12: [
    '@smithy/core',
    'calls of the source in 5 calls, ttl 5 min',
    async () => {
      let calls = 0
      const get = memoizeIdentityProvider(
        async () => {
          calls += 1
          return { expiration: new Date(Date.now() + 5 * minute - 1) }
        },
        isIdentityExpired,
        doesIdentityRequireRefresh,
      )
      for (let call = 0; call < 5; call += 1) await get()
      return [calls, calls > 1]
    },
  ],
  P13: [
    'google-auth-library',
    'refresh handler calls for 20 concurrent calls',
    async () => {
      let calls = 0
      const client = new GoogleClient()
      client.refreshHandler = async () => {
        calls += 1
        await sleep(20)
        return { access_token: 'at', expiry_date: Date.now() + hour }
      }
      await Promise.all(Array.from({ length: 20 }, () => client.getAccessToken()))
      return [calls, calls > 1]
    },
  ],
  P14: [
    'google-auth-library',
    'a rotated refresh token is',
    async () =>
      withServer(rotating, async ({ url }) => {
        const client = new GoogleClient({
          clientId: 'c',
          clientSecret: 's',
          endpoints: { oauth2TokenUrl: `${url}/token` },
        })
        client.setCredentials({ refresh_token: 'rt0', access_token: 'at0', expiry_date: Date.now() - 1 })
        await client.getAccessToken()
        const kept = client.credentials.refresh_token
        return [kept === 'rt0' ? 'dropped' : 'kept', kept === 'rt0']
      }),
  ],
  P15: [
    'google-auth-library',
    'refresh fails with 4 min left',
    async () =>
      withServer(
        () => ({ status: 400, json: { error: 'temporarily_unavailable' } }),
        async ({ url }) => {
          const client = new GoogleClient({
            clientId: 'c',
            clientSecret: 's',
            endpoints: { oauth2TokenUrl: `${url}/token` },
          })
          client.setCredentials({ refresh_token: 'rt', access_token: 'at', expiry_date: Date.now() + 4 * minute })
          const { error } = await outcome(() => client.getAccessToken())
          return [error === undefined ? 'serves' : `throws: ${error}`, error !== undefined]
        },
      ),
  ],
  P16: [
    'simple-oauth2',
    'an omitted refresh token becomes',
    async () =>
      withServer(
        (_, count) => (count === 1 ? rotating(_, count) : { json: { access_token: 'at', expires_in: 60 } }),
        async ({ url }) => {
          const client = new ResourceOwnerPassword({
            client: { id: 'c', secret: 's' },
            auth: { tokenHost: url, tokenPath: '/token' },
          })
          const first = await client.getToken({ username: 'u', password: 'p' })
          const second = await first.refresh()
          return [String(second.token.refresh_token), second.token.refresh_token !== 'rt1']
        },
      ),
  ],
  P17: [
    'simple-oauth2',
    '200 with an error, and expires_in "soon"',
    async () =>
      withServer(
        (_, count) => ({ json: count === 1 ? { error: 'invalid_grant' } : { access_token: 'at', expires_in: 'soon' } }),
        async ({ url }) => {
          const client = new ClientCredentials({
            client: { id: 'c', secret: 's' },
            auth: { tokenHost: url, tokenPath: '/token' },
          })
          const first = await outcome(() => client.getToken({}))
          const second = await outcome(() => client.getToken({}))
          const eternal = second.value !== undefined && !second.value.expired(10 ** 9)
          const observed = `${first.error === undefined ? 'accepted' : 'refused'}, ${eternal ? 'never expires' : 'expires'}`
          return [observed, first.error === undefined || eternal]
        },
      ),
  ],
  P18: [
    '@octokit/auth-app',
    'one installation id on two hosts: the second gets',
    async () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
      const authFor = (host) => {
        const request = Object.assign(
          async () => {
            await sleep(20)
            return {
              data: {
                token: `of-${host}`,
                expires_at: new Date(Date.now() + hour).toISOString(),
                permissions: {},
                repository_selection: 'all',
              },
            }
          },
          { endpoint: { DEFAULTS: { baseUrl: `https://${host}` } } },
        )
        return createAppAuth({ appId: 1, privateKey: pem, request })
      }
      const ask = (auth) => auth({ type: 'installation', installationId: 7 })
      const [, other] = await Promise.all([ask(authFor('one.example')), ask(authFor('two.example'))])
      return [other.token, other.token !== 'of-two.example']
    },
  ],
  P19: [
    '@octokit/auth-oauth-user',
    'times one refresh token is sent by 3 concurrent calls',
    async () => {
      let sent = 0
      const request = Object.assign(
        async () => {
          sent += 1
          await sleep(20)
          return {
            headers: { date: new Date().toUTCString() },
            data: { access_token: 'at', refresh_token: 'rt2', expires_in: 3_600, refresh_token_expires_in: 7_200 },
          }
        },
        { endpoint: { DEFAULTS: { baseUrl: 'https://api.github.com' } } },
      )
      const auth = createOAuthUserAuth({
        clientId: 'lv1.0123456789abcdef',
        clientSecret: 's',
        clientType: 'github-app',
        token: 'at',
        refreshToken: 'rt',
        expiresAt: new Date(Date.now() - 1).toISOString(),
        refreshTokenExpiresAt: new Date(Date.now() + hour).toISOString(),
        request,
      })
      await Promise.all([auth(), auth(), auth()])
      return [sent, sent > 1]
    },
  ],
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
}

for (const [id, [name, fault, probe]] of Object.entries(probes)) {
  const { value, error } = await quietly(() => outcome(probe))
  const version = versionOf(name)
  const verdict = value === undefined ? `probe failed: ${error}` : value[1] ? 'still fails' : `fixed in ${version}`
  console.log(`${id.padEnd(4)} ${`${name} ${version}`.padEnd(34)} ${fault}: ${value?.[0] ?? '?'}  ->  ${verdict}`)
}
process.exit(0)
