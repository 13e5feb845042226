import type { Condition, DenyRule, PermitRule, PolicyDocument } from '@coffer/rbac'

/** A rule as a person reads it. */
export interface ReadableRule {
  readonly id: string
  readonly permissions: string[]
  /** `null`: unconditional. */
  readonly when: string | null
  readonly fields: string[] | null
  readonly masked: string[] | null
}

/** Every role with what it is permitted, by name. */
export function readableRoles(policy: PolicyDocument): { role: string; permits: ReadableRule[] }[] {
  return Object.keys(policy.roles)
    .sort()
    .map((role) => ({ role, permits: readablePermits(policy, role) }))
}

/** Which roles no one may hold together. */
export function readableConstraints(policy: PolicyDocument): { id: string; roles: string[]; at_most: number }[] {
  return (policy.constraints ?? []).flatMap((one) =>
    one.kind === 'ssd' && 'roles' in one ? [{ id: one.id, roles: [...one.roles], at_most: one.atMost }] : [],
  )
}

/** The condition of each rule, by its ID; `null` where it has none. */
export function ruleConditions(policy: PolicyDocument): ReadonlyMap<string, string | null> {
  const rules = [...readableRoles(policy).flatMap(({ permits }) => permits), ...readableDenies(policy)]
  return new Map(rules.map(({ id, when }) => [id, when]))
}

/** The permits of a role; a bare pattern has the ID `<role>/<pattern>`. */
function readablePermits(policy: PolicyDocument, role: string): ReadableRule[] {
  return (policy.roles[role]?.permit ?? []).map((rule) =>
    typeof rule === 'string' ? readable({ id: `${role}/${rule}`, permission: rule }) : readable(rule),
  )
}

export function readableDenies(policy: PolicyDocument): ReadableRule[] {
  return (policy.deny ?? []).map(readable)
}

function readable(rule: PermitRule | DenyRule): ReadableRule {
  return {
    id: rule.id,
    permissions: typeof rule.permission === 'string' ? [rule.permission] : [...rule.permission],
    when: rule.when === undefined ? null : conditionText(rule.when),
    fields: rule.fields === undefined ? null : [...rule.fields],
    masked: 'masked' in rule && rule.masked !== undefined ? [...rule.masked] : null,
  }
}

/** `resource.requestedByPerson eq $subject.person`, and so on inwards. */
export function conditionText(condition: Condition): string {
  if ('all' in condition && Array.isArray(condition.all)) return joined(condition.all, ' and ')
  if ('any' in condition && Array.isArray(condition.any)) return joined(condition.any, ' or ')
  if ('not' in condition) return `not (${conditionText(condition.not as Condition)})`
  return Object.entries(condition)
    .flatMap(([path, comparison]) =>
      Object.entries(comparison as object).map(([op, operand]) => `${path} ${op} ${operandText(operand)}`),
    )
    .join(' and ')
}

function joined(conditions: readonly Condition[], by: string): string {
  return `(${conditions.map(conditionText).join(by)})`
}

function operandText(operand: unknown): string {
  if (Array.isArray(operand)) return `[${operand.map(operandText).join(', ')}]`
  return typeof operand === 'string' && operand.startsWith('$') ? operand : JSON.stringify(operand)
}
