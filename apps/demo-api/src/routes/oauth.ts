import { type TProperties, Type } from 'typebox'
import { readBasicCredentials } from '../auth/basic-credentials.js'
import { type ApiTokenCredentials, defaultClientId } from '../auth/login.js'
import { Problem } from '../http/problem.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import type { RouteDependencies } from './dependencies.js'
import { Closed } from './schemas.js'
import { ClientId, Scope, TokenResponse, tokenAnswer } from './token-response.js'

/** RFC 6749 §3.2: parameters that are not known here are ignored, and none may be given twice. */
function FormOf<const P extends TProperties>(known: P) {
  const others = `^(?!(?:${Object.keys(known).join('|')})$)[A-Za-z0-9._-]{1,64}$`
  return Type.Object(known, { additionalProperties: false, patternProperties: { [others]: Type.String() } })
}

const TokenRequest = FormOf({
  grant_type: Type.String({ maxLength: 64 }),
  scope: Type.Optional(Scope),
  refresh_token: Type.Optional(Type.String({ maxLength: 256 })),
  client_id: Type.Optional(ClientId),
})

const RevocationRequest = FormOf({
  token: Type.String({ minLength: 1, maxLength: 8192 }),
  client_id: Type.Optional(ClientId),
})

/** The token endpoint (RFC 6749 §3.2) and the revocation endpoint (RFC 7009). */
export function oauthRoutes({ login, tokens, revocations }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      url: '/v1/oauth/token',
      summary: 'Exchanges an API token or a refresh token.',
      permission: 'public',
      limit: 'token',
      accepts: 'form',
      errors: 'oauth',
      account: ({ body, authorization }) => accountOf(authorization, body.refresh_token),
      schema: { body: TokenRequest, response: { 200: TokenResponse } },
      handler: async ({ body, authorization }, { clientAddress }) => {
        switch (body.grant_type) {
          case 'client_credentials':
            return tokenAnswer(await login.withApiToken(requireBasic(authorization), body.scope, clientAddress))
          case 'refresh_token': {
            if (body.refresh_token === undefined || authorization !== undefined) throw invalid('invalid_request')
            const clientId = body.client_id ?? defaultClientId
            const scope = body.scope === undefined ? {} : { scope: body.scope.split(' ') }
            return tokenAnswer(await tokens.refresh(body.refresh_token, { clientId, ...scope }, clientAddress))
          }
          default:
            throw invalid('unsupported_grant_type')
        }
      },
    }),
    route({
      method: 'POST',
      url: '/v1/oauth/revoke',
      summary: 'Ends the session of a refresh token, or an access token.',
      permission: 'public',
      limit: 'token',
      accepts: 'form',
      errors: 'oauth',
      account: ({ body, authorization }) => accountOf(authorization, body.token),
      schema: { body: RevocationRequest, response: { 200: Closed({}) } },
      handler: async ({ body, authorization }, { clock }) => {
        const clientId = await revokingClient(authorization, body.client_id)
        await tokens.issuer.revokeToken(body.token, { clientId })
        await revokeAccessToken(body.token, clientId, clock.now())
        return answer(200, {})
      },
    }),
  ]

  /** A confidential client proves itself; a public one is named (RFC 7009 §2.1). */
  async function revokingClient(authorization: string | undefined, clientId: string | undefined): Promise<string> {
    if (authorization === undefined) return clientId ?? defaultClientId
    const credentials = requireBasic(authorization)
    await login.apiTokenAccount(credentials)
    return credentials.tokenId
  }

  /** What does not verify, or belongs to another client, needs no revoking: the answer is the same. */
  async function revokeAccessToken(text: string, clientId: string, at: number): Promise<void> {
    const result = await tokens.verifier.check({ headers: { authorization: `Bearer ${text}` } })
    if (!result.ok || result.token.clientId !== clientId) return
    if (result.token.sessionId !== undefined) return tokens.issuer.revokeSession(result.token.sessionId)
    const { issuer, jti } = result.token
    await revocations.index.revoke({ kind: 'token', issuer, value: jti, at })
  }
}

function requireBasic(authorization: string | undefined): ApiTokenCredentials {
  const credentials = readBasicCredentials(authorization)
  if (credentials !== null) return credentials
  throw new Problem('credentials-invalid', {
    oauthError: 'invalid_client',
    challenge: 'Basic realm="fincode", charset="UTF-8"',
  })
}

function invalid(oauthError: 'invalid_request' | 'unsupported_grant_type'): Problem {
  return new Problem('validation-failed', { oauthError })
}

/** Whom the limit counts: the API token's ID, or the family that a refresh token's first characters name. */
function accountOf(authorization: string | undefined, token: string | undefined): string {
  return readBasicCredentials(authorization)?.tokenId ?? token?.slice(0, 26) ?? ''
}
