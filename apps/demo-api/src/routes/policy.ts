import { type Static, Type } from 'typebox'
import { parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { explanationText } from '../policy/explanation.js'
import { findFacts } from '../policy/facts.js'
import { readableConstraints, readableDenies, readableRoles, ruleConditions } from '../policy/readable.js'
import { openSession } from '../policy/subject.js'
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
  const { policy, policyDocument: document, decisions, directory } = dependencies
  const conditions = ruleConditions(document)

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
      handler: () => answer(200, { data: readableRoles(document) }),
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
          roles: readableRoles(document),
          denies: readableDenies(document),
          constraints: readableConstraints(document),
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
          const text = explanationText(decision.permission, { reason, ruleId, rules: now.rules }, conditions)
          return answer(200, { ...now, decision: outcome, reason, rule_id: ruleId, text, policy_hash: policyHash })
        }
        if (subject === undefined || permission === undefined) throw ambiguous()
        const facts =
          resource === undefined
            ? { tenantId: context.principal.tenantId }
            : await findFacts(context, permission.split(':')[0] ?? '', resource)
        if (facts === null) throw new Problem('not-found')
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
      text: explanationText(permission, explanation, conditions),
      policy_hash: explanation.policyHash,
      roles: [...session.roles],
      rules: explanation.rules.map(({ id, effect, role, verdict, atoms }) => ({
        id,
        effect,
        role,
        when: conditions.get(id) ?? null,
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

function ambiguous(): Problem {
  return new Problem('validation-failed', { errors: [{ pointer: '/body', rule: 'decision_id or subject' }] })
}
