import type { CanonicalRequest } from './canonical-request.js'
import { nonEmpty, refuseUnknown } from './check-options.js'
import type { Exchange } from './exchange.js'
import { type Grant, grantOf, type LoginStep, scopeField } from './grant.js'
import { checkSecretInput, type SecretInput } from './secret.js'
import { stepOf } from './step-of.js'
import { endpointParts, type SendContext, type TokenEndpoint } from './token-endpoint.js'

export interface PasswordLogin {
  /** The user name or e-mail address; part of the key. */
  readonly subject: string
  readonly password: SecretInput
  /** Default `username`/`password` in a form, `email`/`password` in JSON. */
  readonly fields?: { readonly subject: string; readonly password: string }
}

/**
 * Logs in with a name and a password: the password grant (RFC 6749 §4.3) in a form, a plain login in JSON.
 *
 * The grant is deprecated (RFC 9700 §2.4); prefer {@link clientCredentials} where the issuer has it.
 */
export function passwordLogin(endpoint: TokenEndpoint, login: PasswordLogin): Grant {
  refuseUnknown('login', login, ['subject', 'password', 'fields'])
  const parts = endpoint[endpointParts]
  const json = parts.body === 'json'
  const names = login.fields ?? { subject: json ? 'email' : 'username', password: 'password' }
  const subject = nonEmpty('login.subject', login.subject)
  nonEmpty('login.fields.subject', names.subject)
  nonEmpty('login.fields.password', names.password)
  const step: LoginStep = {
    ...stepOf(parts, 'password', subject, [names.subject, names.password]),
    role: 'login',
    credential: checkSecretInput('login.password', login.password),
    present(password: string, request: CanonicalRequest, context: SendContext): Promise<Exchange> {
      return parts.send(
        [
          ...(json ? [] : [['grant_type', 'password'] as const]),
          [names.subject, subject],
          [names.password, password],
          ...scopeField(request.scope),
        ],
        request,
        context,
      )
    },
  }
  return grantOf([step])
}
