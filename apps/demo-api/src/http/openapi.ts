import swagger from '@fastify/swagger'
import { Type } from 'typebox'
import type { Instance } from './fastify.js'
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
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
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

function described(route: AnyRoute): object {
  const { schema, summary, permission, method, url, produces = 'application/json' } = route
  const answers = Object.entries(schema.response).map(([status, body]) => [
    status,
    { description: Number(status) < 300 ? 'Done.' : 'Refused.', content: { [produces]: { schema: body } } },
  ])
  const refusal = {
    description: 'Refused.',
    content:
      route.errors === 'oauth'
        ? { 'application/json': { schema: Type.Ref('#/components/schemas/OAuthError') } }
        : { 'application/problem+json': { schema: Type.Ref('#/components/schemas/Problem') } },
  }
  return {
    summary,
    operationId: `${method.toLowerCase()}${url.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) => (next ?? '').toUpperCase())}`,
    ...(route.accepts === 'form' ? { consumes: ['application/x-www-form-urlencoded'] } : {}),
    security: permission === 'public' ? [] : [{ bearer: permission === 'self' ? [] : [permission] }],
    response: { ...Object.fromEntries(answers), '4XX': refusal, '5XX': refusal },
  }
}
