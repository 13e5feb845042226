import { Type } from 'typebox'
import type { Clock } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'

export interface WellKnownOptions {
  readonly publicUrl: string
  readonly securityContact: string
  readonly clock: Clock
  /** The JWKS as the key ring publishes it. */
  readonly jwks: () => { readonly body: string; readonly headers: Readonly<Record<string, string>> }
}

/** RFC 9116 §2.5.5 recommends less than a year. */
const securityTextDays = 180

const Metadata = Type.Object(
  {
    issuer: Type.String(),
    token_endpoint: Type.String(),
    revocation_endpoint: Type.String(),
    jwks_uri: Type.String(),
    response_types_supported: Type.Array(Type.String()),
    grant_types_supported: Type.Array(Type.String()),
    token_endpoint_auth_methods_supported: Type.Array(Type.String()),
    service_documentation: Type.String(),
  },
  { additionalProperties: false },
)

const DecisionPoint = Type.Object(
  {
    policy_decision_point: Type.String(),
    access_evaluation_endpoint: Type.String(),
    access_evaluations_endpoint: Type.String(),
  },
  { additionalProperties: false },
)

/** What strangers may know: the keys that verify our tokens, where to get tokens, and where to report a vulnerability. */
export function wellKnownRoutes({ publicUrl, securityContact, clock, jwks }: WellKnownOptions): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/.well-known/jwks.json',
      summary: 'The keys that verify access tokens (RFC 7517)',
      permission: 'public',
      limit: 'edge',
      produces: 'application/jwk-set+json',
      schema: { response: { 200: Type.String() } },
      handler: () => {
        const { body, headers } = jwks()
        return answer(200, body, headers)
      },
    }),
    route({
      method: 'GET',
      url: '/.well-known/oauth-authorization-server',
      summary: 'Where and how tokens are issued (RFC 8414)',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: Metadata } },
      handler: () =>
        answer(200, {
          issuer: publicUrl,
          token_endpoint: `${publicUrl}/v1/oauth/token`,
          revocation_endpoint: `${publicUrl}/v1/oauth/revoke`,
          jwks_uri: `${publicUrl}/.well-known/jwks.json`,
          response_types_supported: [],
          grant_types_supported: ['client_credentials', 'refresh_token'],
          token_endpoint_auth_methods_supported: ['client_secret_basic', 'none'],
          service_documentation: `${publicUrl}/openapi.json`,
        }),
    }),
    route({
      method: 'GET',
      url: '/.well-known/authzen-configuration',
      summary: 'Where decisions are asked for (AuthZEN 1.0)',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: DecisionPoint } },
      handler: () =>
        answer(200, {
          policy_decision_point: publicUrl,
          access_evaluation_endpoint: `${publicUrl}/access/v1/evaluation`,
          access_evaluations_endpoint: `${publicUrl}/access/v1/evaluations`,
        }),
    }),
    route({
      method: 'GET',
      url: '/.well-known/security.txt',
      summary: 'How to report a vulnerability (RFC 9116)',
      permission: 'public',
      limit: 'edge',
      produces: 'text/plain; charset=utf-8',
      schema: { response: { 200: Type.String() } },
      handler: () => {
        const expires = new Date(clock.now() + securityTextDays * 86_400_000).toISOString()
        const lines = [
          `Contact: ${securityContact}`,
          `Expires: ${expires}`,
          'Preferred-Languages: en',
          `Canonical: ${publicUrl}/.well-known/security.txt`,
        ]
        return answer(200, `${lines.join('\n')}\n`)
      },
    }),
  ]
}
