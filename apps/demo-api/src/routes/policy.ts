import { type Static, Type } from 'typebox'
import { findAssignment } from '../assignments/assignments.js'
import { findCard } from '../cards/cards.js'
import { findCustomer } from '../customers/customers.js'
import { formatId, type IdPrefix, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { findPayment } from '../payments/states.js'
import { document } from '../policy/policy.js'
import { readableDenies, readablePermits } from '../policy/readable.js'
import {
  assignmentResource,
  cardResource,
  customerResource,
  paymentResource,
  resourceFor,
  userResource,
} from '../policy/resources.js'
import { openSession } from '../policy/subject.js'
import { findUser, rolesOf } from '../users/users.js'
import type { RouteDependencies } from './dependencies.js'
import { AnyId, Closed } from './schemas.js'

const Nullable = Type.Union([Type.String(), Type.Null()])
const Names = Type.Array(Type.String())

const Rule = Closed({
  id: Type.String(),
  permissions: Names,
  when: Nullable,
  fields: Type.Union([Names, Type.Null()]),
  masked: Type.Union([Names, Type.Null()]),
})
const PolicyView = Closed({
  policy: Type.String(),
  version: Type.String(),
  hash: Type.String(),
  permissions: Names,
  roles: Type.Array(Closed({ role: Type.String(), permits: Type.Array(Rule) })),
  denies: Type.Array(Rule),
  constraints: Type.Array(Closed({ id: Type.String(), roles: Names, at_most: Type.Integer() })),
})

const Question = Closed({
  decision_id: Type.Optional(Type.String({ maxLength: 64 })),
  subject: Type.Optional(Type.String({ maxLength: 64 })),
  permission: Type.Optional(Type.String({ maxLength: 64 })),
  /** The row; for a permission that creates, the customer it is made for. */
  resource: Type.Optional(Type.String({ maxLength: 64 })),
})
const Explained = Closed({
  subject: AnyId,
  permission: Type.String(),
  decision: Type.Enum(['permit', 'deny']),
  reason: Type.String(),
  rule_id: Nullable,
  /** One sentence for each thing that stands in the way. */
  text: Type.String(),
  policy_hash: Type.String(),
  roles: Names,
  rules: Type.Array(
    Closed({
      id: Type.String(),
      effect: Type.Enum(['permit', 'deny']),
      role: Nullable,
      when: Nullable,
      verdict: Type.Enum(['true', 'false', 'unknown']),
      comparisons: Type.Array(
        Closed({
          path: Type.String(),
          op: Type.String(),
          verdict: Type.Enum(['true', 'false', 'unknown']),
          unknown: Nullable,
        }),
      ),
    }),
  ),
})

/** What the policy says, and why it decided as it did. */
export function policyRoutes(dependencies: RouteDependencies): readonly AnyRoute[] {
  const { policy, decisions, directory } = dependencies

  return [
    route({
      method: 'GET',
      url: '/v1/roles',
      summary: 'Lists the roles and what each is permitted.',
      permission: 'role:read',
      limit: 'read',
      schema: {
        response: { 200: Closed({ data: Type.Array(Closed({ role: Type.String(), permits: Type.Array(Rule) })) }) },
      },
      handler: () => answer(200, { data: roleViews() }),
    }),
    route({
      method: 'GET',
      url: '/v1/policy',
      summary: 'Shows the whole policy, with the hash that decisions carry.',
      permission: 'policy:read',
      limit: 'read',
      schema: { response: { 200: PolicyView } },
      handler: () =>
        answer(200, {
          policy: policy.name,
          version: policy.version,
          hash: policy.hash,
          permissions: [...policy.permissions],
          roles: roleViews(),
          denies: readableDenies(document),
          constraints: document.constraints.map(({ id, roles, atMost }) => ({
            id,
            roles: [...roles],
            at_most: atMost,
          })),
        }),
    }),
    route({
      method: 'POST',
      url: '/v1/policy/explain',
      summary: 'Explains a decision: the one of a refusal, or what a subject would get now.',
      permission: 'policy:explain',
      limit: 'read',
      problems: ['not-found'],
      schema: { body: Question, response: { 200: Explained } },
      handler: async ({ body }, context) => {
        context.require('policy:explain')
        const { decision_id: decisionId, subject, permission, resource } = body
        if (decisionId !== undefined) {
          if (subject !== undefined || permission !== undefined || resource !== undefined) throw ambiguous()
          const stored = decisions.find(context.principal.tenantId, decisionId)
          if (stored === null) throw new Problem('not-found')
          const { decision } = stored
          const now = await explain(context, stored.subject, decision.permission, decision.resource)
          // What was decided then; the rules are as they bear on the same facts with the subject's roles of now.
          const { decision: outcome, reason, ruleId, policyHash } = decision
          const text = explanationText(decision.permission, { reason, ruleId, rules: now.rules })
          return answer(200, { ...now, decision: outcome, reason, rule_id: ruleId, text, policy_hash: policyHash })
        }
        if (subject === undefined || permission === undefined) throw ambiguous()
        const facts = await findFacts(context, permission, resource)
        return answer(200, await explain(context, subject, permission, facts))
      },
    }),
  ]

  async function explain(
    { principal }: RequestContext,
    subjectId: string,
    permission: string,
    resource: object | undefined,
  ): Promise<Static<typeof Explained>> {
    const tenant = await directory.tenant(principal.tenantId)
    const userId = parseId('usr', subjectId)
    const tokenId = parseId('tok', subjectId)
    const subject =
      userId !== null
        ? await directory.user(principal.tenantId, userId)
        : tokenId !== null
          ? await directory.apiToken(principal.tenantId, tokenId)
          : null
    if (tenant === null || subject === null) throw new Problem('not-found')
    const session = openSession(policy, tenant, subject)
    const explanation = session.explain(permission, resource)
    return {
      subject: subjectId,
      permission,
      decision: explanation.decision,
      reason: explanation.reason,
      rule_id: explanation.ruleId,
      text: explanationText(permission, explanation),
      policy_hash: explanation.policyHash,
      roles: [...session.roles],
      rules: explanation.rules.map(({ id, effect, role, verdict, atoms }) => ({
        id,
        effect,
        role,
        when: conditionOf(id),
        verdict,
        comparisons: atoms.map(({ path, op, verdict: atom, unknown }) => ({
          path,
          op,
          verdict: atom,
          unknown: unknown ?? null,
        })),
      })),
    }
  }
}

function roleViews() {
  return Object.keys(document.roles)
    .sort()
    .map((role) => ({ role, permits: readablePermits(document, role) }))
}

const conditions: ReadonlyMap<string, string | null> = new Map(
  [...Object.keys(document.roles).flatMap((role) => readablePermits(document, role)), ...readableDenies(document)].map(
    ({ id, when }) => [id, when],
  ),
)

function conditionOf(ruleId: string): string | null {
  return conditions.get(ruleId) ?? null
}

/** What decided, then every deny that holds besides: a missing permit is looked at first and would hide them. */
function explanationText(permission: string, { reason, ruleId, rules }: Reasons): string {
  const because = ruleId === null ? reason : `${reason} by ${ruleId}`
  const first =
    reason === 'no-permit'
      ? `No role of the subject permits ${permission}.`
      : `${permission}: ${because}${whenOf(ruleId)}.`
  const others = rules.flatMap(({ id, effect, verdict }) => {
    if (effect !== 'deny' || id === ruleId) return []
    if (verdict === 'true') return [`The rule ${id} denies it as well${whenOf(id)}.`]
    // Refused before the row was read: whether the rule holds for it was not looked at.
    return verdict === 'unknown' && reason === 'no-permit' ? [`The rule ${id} may deny it as well${whenOf(id)}.`] : []
  })
  return [first, ...others].join(' ')
}

interface Reasons {
  readonly reason: string
  readonly ruleId: string | null
  readonly rules: readonly { readonly id: string; readonly effect: string; readonly verdict: string }[]
}

function whenOf(ruleId: string | null): string {
  const when = ruleId === null ? null : conditionOf(ruleId)
  return when === null ? '' : ` (${when})`
}

function ambiguous(): Problem {
  return new Problem('validation-failed', { errors: [{ pointer: '/body', rule: 'decision_id or subject' }] })
}

/** The row that an ID names, as the policy sees it; without an ID, the tenant. */
async function findFacts(context: RequestContext, permission: string, id: string | undefined): Promise<object> {
  const { tenantId } = context.principal
  if (id === undefined) return { tenantId }
  const uuid = parseId(prefixOf(id), id)
  if (uuid === null) throw new Problem('not-found')
  const facts = await context.tenant(async (tx) => {
    switch (prefixOf(id)) {
      case 'cus': {
        const row = await findCustomer(tx, tenantId, uuid)
        if (row === null) return null
        return permission === 'payment:create' || permission === 'card:create'
          ? resourceFor(row)
          : customerResource(row)
      }
      case 'card': {
        const row = await findCard(tx, tenantId, uuid)
        return row === null ? null : cardResource(row)
      }
      case 'pay': {
        const row = await findPayment(tx, tenantId, uuid)
        return row === null ? null : paymentResource(row)
      }
      case 'usr': {
        const row = await findUser(tx, tenantId, uuid)
        if (row === null) return null
        const roles = (await rolesOf(tx, tenantId, [uuid], context.clock.now())).get(uuid) ?? []
        return userResource(tenantId, id, roles.includes('owner'))
      }
      case 'asg': {
        const row = await findAssignment(tx, tenantId, uuid)
        if (row === null) return null
        const roles = (await rolesOf(tx, tenantId, [row.userId], context.clock.now())).get(row.userId) ?? []
        return assignmentResource(tenantId, formatId('usr', row.userId), row.role, roles.includes('owner'))
      }
      default:
        return null
    }
  })
  if (facts === null) throw new Problem('not-found')
  return facts
}

function prefixOf(id: string): IdPrefix {
  const prefix = id.slice(0, Math.max(0, id.indexOf('_')))
  return prefix === 'card' || prefix === 'pay' || prefix === 'usr' || prefix === 'asg' ? prefix : 'cus'
}
