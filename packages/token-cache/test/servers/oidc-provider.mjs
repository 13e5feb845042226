// A certified authorization server with strict rotation: a refresh token presented twice ends everything that came of it.
import { once } from 'node:events'
import { createServer } from 'node:https'
import { Provider } from 'oidc-provider'

/** Serves the provider on loopback, by TLS. */
export async function serveOidcProvider(identity) {
  const server = createServer(identity)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${server.address().port}`
  const provider = new Provider(url, {
    clients: [
      {
        client_id: 'integrator',
        client_secret: 'sesame-sesame-sesame-sesame-sesame',
        grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
        redirect_uris: ['https://client.example/callback'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    scopes: ['openid', 'offline_access', 'payments'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      revocation: { enabled: true },
    },
    rotateRefreshToken: true,
    findAccount: async (_, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    ttl: {
      AccessToken: 3600,
      ClientCredentials: 3600,
      Grant: 86400,
      IdToken: 3600,
      RefreshToken: 86400,
      Session: 86400,
      Interaction: 600,
    },
    cookies: { keys: ['a-key-for-tests'] },
    jwks: { keys: [await signingKey()] },
  })
  let requests = 0
  const handle = provider.callback()
  server.on('request', (request, response) => {
    if (request.method === 'POST') requests += 1
    handle(request, response)
  })
  return {
    url,
    tokenUrl: `${url}/token`,
    revocationUrl: `${url}/token/revocation`,
    requests: () => requests,
    /** A refresh token as an authorization code would have left it, and whether its family still lives. */
    async issueRefreshToken() {
      const grant = new provider.Grant({ accountId: 'user', clientId: 'integrator' })
      grant.addOIDCScope('openid offline_access')
      const grantId = await grant.save()
      const client = await provider.Client.find('integrator')
      const now = Math.floor(Date.now() / 1000)
      const refresh = new provider.RefreshToken({
        client,
        accountId: 'user',
        authTime: now,
        grantId,
        gty: 'authorization_code',
        iiat: now,
        rotations: 0,
        scope: 'openid offline_access',
        sessionUid: 'session',
        expiresWithSession: false,
      })
      const token = await refresh.save()
      return { token, familyLives: async () => (await provider.Grant.find(grantId)) !== undefined }
    },
    async close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function signingKey() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  return { ...(await crypto.subtle.exportKey('jwk', pair.privateKey)), alg: 'ES256', use: 'sig', key_ops: undefined }
}
