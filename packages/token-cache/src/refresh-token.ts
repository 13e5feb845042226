import type { CanonicalRequest, TokenRequest } from './canonical-request.js'
import { nonEmpty, refuseUnknown } from './check-options.js'
import type { Exchange } from './exchange.js'
import { type Grant, grantOf, type RefreshStep, scopeField } from './grant.js'
import { checkSecretInput, type SecretInput } from './secret.js'
import { stepOf } from './step-of.js'
import { endpointParts, type SendContext, type TokenEndpoint } from './token-endpoint.js'

export interface RefreshTokenOptions {
  /**
   * A refresh token obtained elsewhere. It belongs to one request, because one rotating token cannot serve two keys,
   * and to one `subject`, which is part of the key: two users of one client must not meet in a store.
   */
  readonly initial?: { readonly subject: string; readonly token: SecretInput; readonly for: TokenRequest }
}

/** The refresh grant (RFC 6749 §6), with the refresh token that a login of the same chain left, or an initial one. */
export function refreshToken(endpoint: TokenEndpoint, options: RefreshTokenOptions = {}): Grant {
  refuseUnknown('options', options, ['initial'])
  const parts = endpoint[endpointParts]
  const { initial } = options
  if (initial !== undefined) {
    refuseUnknown('options.initial', initial, ['subject', 'token', 'for'])
    nonEmpty('options.initial.subject', initial.subject)
    checkSecretInput('options.initial.token', initial.token)
    if (initial.for === undefined) throw new TypeError('options.initial.for must be the request it serves')
  }
  const step: RefreshStep = {
    ...stepOf(parts, 'refresh_token', initial?.subject),
    role: 'refresh',
    rotation: parts.rotation,
    initial,
    present(
      token: string,
      scope: readonly string[] | undefined,
      request: CanonicalRequest,
      context: SendContext,
    ): Promise<Exchange> {
      const fields = [['grant_type', 'refresh_token'], ['refresh_token', token], ...scopeField(scope)] as const
      return parts.send(fields, request, context)
    },
  }
  return grantOf([step])
}
