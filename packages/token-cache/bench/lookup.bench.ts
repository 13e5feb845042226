// How long does a call spend to get a token that is already there?
import assert from 'node:assert/strict'
import { ConfidentialClientApplication } from '@azure/msal-node'
import { createTokenCache, customGrant } from '@coffer/token-cache'
import { OAuth2Client } from 'google-auth-library'
import { measure } from 'mitata'

const identity = { kind: 'bench', issuer: 'https://issuer.example', subject: 'client' }
const grant = customGrant({ identity, request: async () => ({ access_token: 'ours', expires_in: 3_600 }) })
const handle = createTokenCache({ grant, max: 10 }).for({ scope: 'payments' })
assert.equal((await handle.get()).reveal(), 'ours')
assert.equal(handle.peek()?.reveal(), 'ours')

const authority = 'https://login.microsoftonline.com/tenant'
const metadata = {
  token_endpoint: `${authority}/oauth2/v2.0/token`,
  issuer: `${authority}/v2.0`,
  authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
  jwks_uri: `${authority}/discovery/v2.0/keys`,
}
let requests = 0
const msal = new ConfidentialClientApplication({
  auth: {
    clientId: 'client',
    clientSecret: 'secret',
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
      sendGetRequestAsync: async () => ({ headers: {}, body: {} as never, status: 404 }),
      sendPostRequestAsync: async <T>() => {
        requests += 1
        return {
          headers: {},
          status: 200,
          body: { access_token: 'theirs', token_type: 'Bearer', expires_in: 3_600 } as T,
        }
      },
    },
  },
})
const asked = { scopes: ['https://api.example/.default'] }
assert.equal((await msal.acquireTokenByClientCredential(asked))?.accessToken, 'theirs')
const cached = await msal.acquireTokenByClientCredential(asked)
assert.equal(cached?.fromCache, true)
assert.equal(requests, 1)

const google = new OAuth2Client({ clientId: 'client', clientSecret: 'secret' })
google.setCredentials({ access_token: 'theirs', refresh_token: 'rt', expiry_date: Date.now() + 3_600_000 })
assert.equal((await google.getAccessToken()).token, 'theirs')

const resolved = Promise.resolve('token')

/** The median of five measurements' averages, so that one pause of the machine decides nothing. */
async function nanoseconds(run: () => unknown): Promise<number> {
  const averages: number[] = []
  for (let round = 0; round < 5; round += 1) averages.push((await measure(run, { min_cpu_time: 150_000_000 })).avg)
  return averages.sort((a, b) => a - b)[2] ?? Number.NaN
}

const peek = await nanoseconds(() => handle.peek())
const get = await nanoseconds(async () => await handle.get())
const bare = await nanoseconds(async () => await resolved)
const silent = await nanoseconds(async () => await msal.acquireTokenByClientCredential(asked))
const theirs = await nanoseconds(async () => await google.getAccessToken())

const row = (bench: string, ours_ns: number, peer: string, peer_ns: number, target: string): void => {
  console.log(JSON.stringify({ bench, ours_ns, peer, peer_ns, ratio: peer_ns / ours_ns, target }))
}
row('peek() of a cached token', peek, '@azure/msal-node 7.2.1 silent lookup', silent, '>= 20')
row('peek() of a cached token', peek, 'google-auth-library 10.9.1 getAccessToken', theirs, '>= 3')
row('get() of a fresh token', get, 'await of a resolved promise', bare, '>= 0.25')
