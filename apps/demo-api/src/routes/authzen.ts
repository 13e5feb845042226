import { createPdp, type Entity } from '@coffer/rbac/authzen'
import { type Static, type TProperties, Type } from 'typebox'
import { parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { findFacts } from '../policy/facts.js'
import { subjectOf } from '../policy/subject.js'
import type { RouteDependencies } from './dependencies.js'
import { Closed } from './schemas.js'

/** Each evaluation may read a row. */
const maxEvaluations = 20

/** AuthZEN ignores members that it does not know. */
function Open<const P extends TProperties>(known: P) {
  return Type.Object(known, { additionalProperties: false, patternProperties: { '^.*$': Type.Unknown() } })
}

const Properties = Type.Optional(Open({}))
const Subject = Open({
  type: Type.String({ description: '`user`; about anything else the answer is no.' }),
  id: Type.String({ description: '`usr_…`' }),
  properties: Properties,
})
const Action = Open({
  name: Type.String({ description: 'What follows the colon of a permission.' }),
  properties: Properties,
})
const Resource = Open({
  type: Type.String({ description: 'What stands before the colon of a permission.' }),
  id: Type.String({
    description:
      'The stored object is decided on, not `properties`. What is yet to be made: the customer of a card or payment, the tenant of anything else.',
  }),
  properties: Properties,
})

const Evaluation = Open({ subject: Subject, action: Action, resource: Resource, context: Properties })
const Evaluations = Open({
  subject: Type.Optional(Subject),
  action: Type.Optional(Action),
  resource: Type.Optional(Resource),
  context: Properties,
  evaluations: Type.Optional(
    Type.Array(Type.Unknown(), {
      maxItems: maxEvaluations,
      description: 'Evaluations that take from the members above what they lack.',
    }),
  ),
  options: Type.Optional(Open({ evaluations_semantic: Type.Optional(Type.String()) })),
})

const Decision = Closed({
  decision: Type.Boolean(),
  /** Only of an item that is no evaluation. */
  context: Type.Optional(Closed({ error: Closed({ status: Type.Integer(), message: Type.String() }) })),
})
const Decisions = Closed({
  decision: Type.Optional(Type.Boolean()),
  evaluations: Type.Optional(Type.Array(Decision)),
})

const Headers = Type.Object({
  'x-request-id': Type.Optional(Type.String({ maxLength: 256, description: 'Comes back as it is.' })),
})

/**
 * The policy decision point of AuthZEN 1.0. Who may ask, may ask about every user of its own tenant; all others are no
 * subject. What is decided on is what is stored: roles, attributes and rows of a request are not believed.
 */
export function authZenRoutes({ policy, directory }: RouteDependencies): readonly AnyRoute[] {
  async function findSubject({ principal }: RequestContext, { type, id }: Entity) {
    const userId = type === 'user' ? parseId('usr', id) : null
    if (userId === null) return undefined
    const tenant = await directory.tenant(principal.tenantId)
    const subject = await directory.user(principal.tenantId, userId)
    return tenant === null || subject === null ? undefined : subjectOf(tenant, subject)
  }

  /** Hands a body to the decision point. A look-up that fails, fails the request: it is not an answer about the subject. */
  async function evaluate<Body>(path: string, body: object, context: RequestContext): Promise<Body> {
    context.require('policy:evaluate')
    const failures: unknown[] = []
    const pdp = createPdp(policy, {
      subject: (entity) => findSubject(context, entity),
      resource: async ({ type, id }) => (await findFacts(context, type, id)) ?? undefined,
      context: () => ({}),
      maxEvaluations,
      onError: (error) => failures.push(error),
    })
    const headers = { 'content-type': 'application/json' }
    const request = new Request(`https://pdp.invalid${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const response = await pdp.handle(request)
    if (failures.length > 0) throw failures[0]
    if (response.status === 200) return response.json() as Promise<Body>
    throw new Problem('validation-failed', { errors: [{ pointer: '/body', rule: 'authzen' }] })
  }

  return [
    route({
      method: 'POST',
      url: '/access/v1/evaluation',
      summary: 'Decides whether a user may do something (AuthZEN 1.0).',
      permission: 'policy:evaluate',
      limit: 'read',
      echoesRequestId: true,
      schema: { headers: Headers, body: Evaluation, response: { 200: Closed({ decision: Type.Boolean() }) } },
      handler: async ({ body }, context) =>
        answer(200, await evaluate<{ decision: boolean }>('/access/v1/evaluation', body, context)),
    }),
    route({
      method: 'POST',
      url: '/access/v1/evaluations',
      summary: 'Decides several questions in one request (AuthZEN 1.0).',
      permission: 'policy:evaluate',
      limit: 'read',
      echoesRequestId: true,
      schema: { headers: Headers, body: Evaluations, response: { 200: Decisions } },
      handler: async ({ body }, context) =>
        answer(200, await evaluate<Static<typeof Decisions>>('/access/v1/evaluations', body, context)),
    }),
  ]
}
