import type { DecisionReason } from './document.js'
import { FALSE, type Subject, TRUE, UNKNOWN, type Verdict } from './evaluate.js'
import type { Plan, PlannedRule, RoleSet } from './role-set.js'

/** A decision before it is dressed: the reason, who decided, and the plan it came from. */
export interface Outcome {
  readonly reason: DecisionReason
  readonly ruleId: string | null
  readonly plan: Plan | null
}

/** Deny overrides; the first reason that fits. Rules of a plan are sorted by id, so the first of a kind is the least. */
export function decideWith(
  roleSet: RoleSet,
  permission: number,
  subject: Subject,
  resource: unknown,
  context: unknown,
): Outcome {
  const plan = roleSet.plan(permission)
  const violation = roleSet.violations[0]
  if (violation !== undefined) return { reason: 'separation-of-duty', ruleId: violation.constraint, plan }
  if (plan.permits.length === 0) return { reason: 'no-permit', ruleId: null, plan }
  if (plan.outside !== null) return { reason: 'outside-ceiling', ruleId: plan.outside.ceiling, plan }
  const denies = plan.denies.map((rule) => verdictOf(rule, subject, resource, context))
  const permits = plan.permits.map((rule) => verdictOf(rule, subject, resource, context))
  const { reason, ruleId } =
    first('denied', plan.denies, denies, TRUE) ??
    first('deny-unknown', plan.denies, denies, UNKNOWN) ??
    first('permitted', plan.permits, permits, TRUE) ??
    first('permit-unknown', plan.permits, permits, UNKNOWN) ??
    decidedBy('permit-not-met', plan.permits[0])
  return { reason, ruleId, plan }
}

/** The verdict of one rule on one target: its condition and its tenancy, whichever is lower. */
export function verdictOf(planned: PlannedRule, subject: Subject, resource: unknown, context: unknown): Verdict {
  const condition = planned.rule.evaluate?.(subject, resource, context) ?? TRUE
  const tenancy = planned.tenancy?.evaluate(subject, resource, context) ?? TRUE
  if (tenancy === TRUE) return condition
  return condition === FALSE ? FALSE : tenancy
}

function first(
  reason: DecisionReason,
  rules: readonly PlannedRule[],
  verdicts: readonly Verdict[],
  wanted: Verdict,
): Omit<Outcome, 'plan'> | undefined {
  const index = verdicts.indexOf(wanted)
  return index < 0 ? undefined : decidedBy(reason, rules[index])
}

function decidedBy(reason: DecisionReason, planned: PlannedRule | undefined): Omit<Outcome, 'plan'> {
  return { reason, ruleId: planned?.rule.id ?? null }
}
