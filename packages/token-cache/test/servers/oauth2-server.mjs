// The password and refresh grants of @node-oauth/oauth2-server, over a model in memory that revokes what was spent.
import { once } from 'node:events'
import { createServer } from 'node:https'
import OAuth2Server from '@node-oauth/oauth2-server'

/** Serves the token endpoint on loopback, by TLS. */
export async function serveOAuth2Server(identity) {
  const tokens = new Map()
  let logins = 0
  let presentedAgain = 0
  const spent = new Set()
  const client = {
    id: 'acme',
    grants: ['password', 'refresh_token'],
    accessTokenLifetime: 3600,
    refreshTokenLifetime: 86400,
  }
  const model = {
    getClient: async (id) => (id === 'acme' ? client : false),
    getUser: async (username, password) => {
      logins += 1
      return username === 'ops@acme.example' && password === 'correct horse' ? { id: 'ops' } : false
    },
    saveToken: async (token, owner, user) => {
      const saved = { ...token, client: owner, user }
      tokens.set(token.refreshToken, saved)
      return saved
    },
    getRefreshToken: async (text) => {
      if (spent.has(text)) presentedAgain += 1
      return tokens.get(text) ?? false
    },
    revokeToken: async ({ refreshToken }) => {
      spent.add(refreshToken)
      return tokens.delete(refreshToken)
    },
    validateScope: async (_user, _client, scope) => scope ?? [],
    verifyScope: async () => true,
    getAccessToken: async () => false,
  }
  const oauth = new OAuth2Server({ model, requireClientAuthentication: { password: false, refresh_token: false } })
  const server = createServer(identity, async (incoming, outgoing) => {
    let text = ''
    for await (const chunk of incoming) text += chunk
    const request = new OAuth2Server.Request({
      method: incoming.method,
      headers: incoming.headers,
      query: {},
      body: Object.fromEntries(new URLSearchParams(text)),
    })
    const response = new OAuth2Server.Response({ headers: {} })
    try {
      await oauth.token(request, response)
    } catch {
      // The response carries the error.
    }
    outgoing.writeHead(response.status ?? 500, { ...response.headers, 'content-type': 'application/json' })
    outgoing.end(JSON.stringify(response.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `https://127.0.0.1:${server.address().port}`,
    counts: () => ({ logins, presentedAgain }),
    async close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
