import { Type } from 'typebox'
import { type AnyRoute, route } from '../http/route.js'
import type { RouteDependencies } from './dependencies.js'
import { Closed, Email } from './schemas.js'
import { ClientId, Scope, TokenResponse, tokenAnswer } from './token-response.js'

/** Login by e-mail and password. */
export function authRoutes({ login }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      url: '/v1/auth/login',
      summary: 'Logs a user in: an access token and a refresh token.',
      permission: 'public',
      limit: 'login',
      account: ({ body }) => body.email.normalize('NFKC').trim().toLowerCase(),
      schema: {
        body: Closed({
          email: Email,
          password: Type.String({ minLength: 1, maxLength: 512 }),
          client_id: Type.Optional(ClientId),
          scope: Type.Optional(Scope),
        }),
        response: { 200: TokenResponse },
      },
      handler: async ({ body }, { clientAddress }) => {
        const { email, password, client_id: clientId, scope } = body
        return tokenAnswer(await login.withPassword({ email, password, clientId, scope }, clientAddress))
      },
    }),
  ]
}
