import type { CanonicalRequest } from './canonical-request.js'
import type { Exchange } from './exchange.js'
import { type Grant, grantOf, type PlainStep, scopeField } from './grant.js'
import { stepOf } from './step-of.js'
import { endpointParts, type SendContext, type TokenEndpoint } from './token-endpoint.js'

/** The client credentials grant (RFC 6749 §4.4): the client's own id and secret, or an API token's. */
export function clientCredentials(endpoint: TokenEndpoint): Grant {
  const parts = endpoint[endpointParts]
  const step: PlainStep = {
    ...stepOf(parts, 'client_credentials', parts.client.id),
    role: 'plain',
    present(request: CanonicalRequest, context: SendContext): Promise<Exchange> {
      return parts.send([['grant_type', 'client_credentials'], ...scopeField(request.scope)], request, context)
    },
  }
  return grantOf([step])
}
