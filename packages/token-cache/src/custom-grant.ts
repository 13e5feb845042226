import type { CanonicalRequest } from './canonical-request.js'
import { nonEmpty, refuseUnknown, secureUrl } from './check-options.js'
import { isTokenCacheError } from './errors.js'
import { type Exchange, refusal } from './exchange.js'
import { type Grant, grantOf, type PlainStep } from './grant.js'
import type { SendContext } from './token-endpoint.js'
import { isFields, readToken, type TokenResponse } from './token-response.js'

export interface CustomGrant {
  /** Who asks whom, and how: part of the key. */
  readonly identity: { readonly kind: string; readonly issuer: string; readonly subject: string }
  /** One request. Everything that decides the answer must be in `identity` or in `request`. */
  readonly request: (request: CanonicalRequest, context: { readonly signal: AbortSignal }) => Promise<TokenResponse>
}

/**
 * A way to a token that this package does not know. Its response is checked as any other; what it throws is a
 * transient failure, or with `terminal: true` a refusal, and its text goes no further.
 */
export function customGrant(options: CustomGrant): Grant {
  refuseUnknown('options', options, ['identity', 'request'])
  refuseUnknown('options.identity', options.identity, ['kind', 'issuer', 'subject'])
  const { identity, request: ask } = options
  const kind = `custom:${nonEmpty('options.identity.kind', identity.kind)}`
  secureUrl('options.identity.issuer', identity.issuer, undefined)
  if (typeof ask !== 'function') throw new TypeError('options.request must be a function')
  const step: PlainStep = {
    kind,
    issuer: identity.issuer,
    subject: nonEmpty('options.identity.subject', identity.subject),
    identity: [kind, '', '', ''],
    reserved: [],
    tenant: 'allowed',
    timeoutMs: 10_000,
    revoke: undefined,
    role: 'plain',
    async present(request: CanonicalRequest, { signal }: SendContext): Promise<Exchange> {
      try {
        const response: unknown = await ask(request, { signal })
        if (!isFields(response)) return refusal('COFFER_TOKEN_CACHE_RESPONSE_INVALID', 'unknown', 'nothing')
        return readToken(response, { body: 'json', defaultTtlMs: 300_000, readJwtExpiry: false })
      } catch (error) {
        return thrown(error)
      }
    },
  }
  return grantOf([step])
}

function thrown(error: unknown): Exchange {
  const terminal = typeof error === 'object' && error !== null && 'terminal' in error && error.terminal === true
  if (isTokenCacheError(error)) return refusal(error.code, 'unknown', terminal ? 'grant' : 'nothing')
  return terminal
    ? refusal('COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED', 'unknown', 'grant')
    : refusal('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', 'unknown', 'nothing')
}
