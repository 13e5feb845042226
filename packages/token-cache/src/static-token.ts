import { integerIn, nonEmpty, refuseUnknown, secureUrl } from './check-options.js'
import { type Exchange, refusal } from './exchange.js'
import { type Grant, grantOf, type PlainStep } from './grant.js'
import { checkSecretInput, openSecret, type SecretInput } from './secret.js'
import { readToken } from './token-response.js'

export interface StaticToken {
  readonly issuer: string
  readonly subject: string
  readonly token: SecretInput
  /** How often its source is read again. Default 300 000 ms. */
  readonly recheckMs?: number
}

/** A token that is itself the bearer token: read from its source and never exchanged. */
export function staticToken(api: StaticToken): Grant {
  refuseUnknown('api', api, ['issuer', 'subject', 'token', 'recheckMs'])
  const { issuer, subject } = api
  secureUrl('api.issuer', issuer, undefined)
  nonEmpty('api.subject', subject)
  const token = checkSecretInput('api.token', api.token)
  const recheckMs = integerIn('api.recheckMs', api.recheckMs ?? 300_000, 1_000, 86_400_000)
  const step: PlainStep = {
    kind: 'static_token',
    issuer,
    subject,
    identity: ['static_token', '', '', ''],
    reserved: [],
    // Nothing is asked for, so nothing can be asked for in a tenant's name.
    tenant: 'refused',
    timeoutMs: 10_000,
    revoke: undefined,
    role: 'plain',
    async present(): Promise<Exchange> {
      try {
        const { text } = await openSecret(token)
        return readToken({ access_token: text }, { body: 'json', defaultTtlMs: recheckMs, readJwtExpiry: false })
      } catch {
        return refusal('COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE', 'kept', 'nothing')
      }
    },
  }
  return grantOf([step])
}
