import type { Step } from './grant.js'
import type { EndpointParts } from './token-endpoint.js'

type FromEndpoint = Pick<
  Step,
  'kind' | 'issuer' | 'subject' | 'identity' | 'reserved' | 'tenant' | 'timeoutMs' | 'revoke'
>

/** What every grant over a token endpoint has in common. */
export function stepOf(
  endpoint: EndpointParts,
  kind: string,
  subject: string | undefined,
  fields: readonly string[] = [],
): FromEndpoint {
  return {
    kind,
    subject,
    issuer: endpoint.issuer,
    identity: [kind, endpoint.url, endpoint.client.id, endpoint.client.method, ...endpoint.form, ...fields],
    reserved: [...endpoint.reserved, ...fields],
    tenant: endpoint.tenant,
    timeoutMs: endpoint.timeoutMs,
    revoke: endpoint.canRevoke ? (token, hint, context) => endpoint.revoke(token, hint, context) : undefined,
  }
}
