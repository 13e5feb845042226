import swagger from '@fastify/swagger'
import { Type } from 'typebox'
import type { Instance } from './fastify.js'
import { idempotencyKeyPattern } from './idempotency.js'
import { asksForKey, problemsByStatus } from './operation-problems.js'
import type { AnyRoute } from './route.js'

const problemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri' }),
    title: Type.String(),
    status: Type.Integer(),
    instance: Type.String({ description: 'The request ID.' }),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), rule: Type.String() }, { additionalProperties: false })),
    ),
    decision_id: Type.Optional(Type.String()),
    index: Type.Optional(Type.Integer()),
    error: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
)

const oauthErrorSchema = Type.Object(
  { error: Type.String(), error_description: Type.String(), error_uri: Type.String({ format: 'uri' }) },
  { additionalProperties: false },
)

/** Collects the OpenAPI 3.1 document from the schemas that the routes are validated and serialised with. Before any route. */
export async function installOpenApi(instance: Instance, publicUrl: string): Promise<void> {
  await instance.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'FinCode API',
        version: '1.0.0',
        description: 'A multi-tenant payments service over HTTPS.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: publicUrl }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          client: { type: 'http', scheme: 'basic', description: 'ID and secret of an API token (RFC 6749 §2.3.1).' },
        },
        schemas: { Problem: problemSchema, OAuthError: oauthErrorSchema },
      },
    },
    transform: ({ schema, url, route: { config } }) => {
      const route = config?.route
      // What is hidden already, and the answers 405, stay out of the document.
      return { schema: route === undefined ? { ...schema, hide: true } : { ...schema, ...described(route) }, url }
    },
  })
}

/** What the server requires of the header; its guard tells a missing key apart from other faults of the input. */
const keyHeaders = Type.Object({
  'idempotency-key': Type.String({
    pattern: idempotencyKeyPattern,
    description: 'Names this one call: the same for every retry of it, another for another call. Kept for 24 hours.',
  }),
})
const requestId = Type.String({
  description: 'The ID of this request: what to quote, and what the log is searched by.',
})
const retryAfter = Type.String({ pattern: '^[0-9]+$', description: 'Seconds to wait before another attempt.' })
const replayed = Type.String({ description: '`true` where the answer is the stored one of an earlier call.' })
const challenge = Type.String({ description: 'The authentication that is asked for (RFC 9110 §11.6.1).' })

function described(route: AnyRoute): object {
  const { schema, summary, method, url, produces = 'application/json' } = route
  const keyed = asksForKey(route)
  const answers = Object.entries(schema.response).map(([status, body]) => [
    status,
    {
      description: Number(status) < 300 ? 'Done.' : 'Refused.',
      headers: { 'request-id': requestId, ...(keyed ? { 'idempotent-replayed': replayed } : {}) },
      content: { [produces]: { schema: body } },
    },
  ])
  const refusals = [...problemsByStatus(route)].map(([status, codes]) => [
    status,
    refusal(route, `Refused: ${codes.join(', ')}.`, status),
  ])
  return {
    summary,
    operationId: `${method.toLowerCase()}${url.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) => (next ?? '').toUpperCase())}`,
    ...(route.accepts === 'form' ? { consumes: ['application/x-www-form-urlencoded'] } : {}),
    ...(keyed ? { headers: keyHeaders } : {}),
    security: securityOf(route),
    // An answer of the handler's own stands before a refusal with the same status.
    response: {
      ...Object.fromEntries(refusals),
      ...Object.fromEntries(answers),
      default: refusal(route, 'Refused for another reason.'),
    },
  }
}

function refusal(route: AnyRoute, description: string, status?: number): object {
  return {
    description,
    headers: {
      'request-id': requestId,
      ...(status === 429 || status === 503 ? { 'retry-after': retryAfter } : {}),
      ...(status === 401 ? { 'www-authenticate': challenge } : {}),
    },
    content:
      route.errors === 'oauth'
        ? { 'application/json': { schema: Type.Ref('#/components/schemas/OAuthError') } }
        : { 'application/problem+json': { schema: Type.Ref('#/components/schemas/Problem') } },
  }
}

/** On the OAuth endpoints a confidential client proves itself; a refresh token comes without that. */
function securityOf({ permission, errors }: AnyRoute): readonly object[] {
  if (errors === 'oauth') return [{ client: [] }, {}]
  return permission === 'public' ? [] : [{ bearer: permission === 'self' ? [] : [permission] }]
}
