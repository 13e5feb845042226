import type { CanonicalRequest } from './canonical-request.js'
import { nonEmpty, oneOf, refuseUnknown } from './check-options.js'
import type { Exchange } from './exchange.js'
import { type Grant, grantOf, type LoginStep, scopeField } from './grant.js'
import { checkSecretInput, type SecretInput } from './secret.js'
import { stepOf } from './step-of.js'
import { endpointParts, type SendContext, type TokenEndpoint } from './token-endpoint.js'

export interface ApiToken {
  /** Whose token it is; part of the key. */
  readonly subject: string
  readonly token: SecretInput
  /** `'bearer'`: in `Authorization`; or the body field that carries it. Default `'bearer'`. */
  readonly sendAs?: 'bearer' | { readonly field: string }
}

/**
 * Exchanges a long-lived API token for an access token, at an endpoint that takes it as a bearer token or in a field.
 * Where the issuer takes it as a client's secret, use {@link clientCredentials}.
 *
 * @throws {TypeError} for a missing or unusable option, or `'bearer'` beside a client that fills `Authorization` itself.
 */
export function apiToken(endpoint: TokenEndpoint, api: ApiToken): Grant {
  refuseUnknown('api', api, ['subject', 'token', 'sendAs'])
  const parts = endpoint[endpointParts]
  const { sendAs = 'bearer' } = api
  const subject = nonEmpty('api.subject', api.subject)
  const field = typeof sendAs === 'string' ? undefined : nonEmpty('api.sendAs.field', sendAs.field)
  if (typeof sendAs === 'string') oneOf('api.sendAs', sendAs, ['bearer'])
  if (field === undefined && parts.client.method === 'client_secret_basic') {
    throw new TypeError("api.sendAs 'bearer' and clientSecretBasic both fill Authorization")
  }
  const step: LoginStep = {
    ...stepOf(parts, 'api_token', subject, field === undefined ? [] : [field]),
    role: 'login',
    credential: checkSecretInput('api.token', api.token),
    present(token: string, request: CanonicalRequest, context: SendContext): Promise<Exchange> {
      const fields = [...(field === undefined ? [] : [[field, token] as const]), ...scopeField(request.scope)]
      return parts.send(fields, request, context, field === undefined ? token : undefined)
    },
  }
  return grantOf([step])
}
