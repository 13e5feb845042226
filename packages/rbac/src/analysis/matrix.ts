import type { Compiled } from '../compile.js'
import { type AnyPolicy, compiledOf } from '../policy.js'
import { type Plan, RoleSet } from '../role-set.js'

/** What one role by itself may do. */
export interface MatrixEntry {
  readonly role: string
  readonly permission: string
  /** `conditional`: it depends on the row, the subject, the tenant or the time. */
  readonly verdict: 'permit' | 'conditional' | 'deny'
  /** The path of inheritance down to a role that states the permit; empty where there is none. */
  readonly via: readonly string[]
}

/** Every role against every permission, ceilings and constraints apart; by role, then by permission. */
export function permissionMatrix(policy: AnyPolicy): readonly MatrixEntry[] {
  const compiled = compiledOf(policy)
  const entries: MatrixEntry[] = []
  for (const [id, role] of compiled.hierarchy.names.entries()) {
    const roleSet = roleSetOf(compiled, id)
    for (const [number, permission] of compiled.vocabulary.names.entries()) {
      const plan = roleSet.plan(number)
      const stating = plan.permits[0]?.rule.role
      const via = stating === undefined ? [] : compiled.hierarchy.path([id], stating)
      entries.push(Object.freeze({ role, permission, verdict: verdictOf(plan), via: Object.freeze(via) }))
    }
  }
  return Object.freeze(entries)
}

/** The role set of a subject that has this role alone. */
export function roleSetOf(compiled: Compiled, role: number): RoleSet {
  return new RoleSet(compiled, [role], [role], { known: [], unknown: false })
}

/** The verdict of a plan, its ceilings apart. */
export function verdictOf(plan: Plan): MatrixEntry['verdict'] {
  if (plan.permits.length === 0 || plan.denies.some(({ rule }) => rule.when === null)) return 'deny'
  const plain = plan.permits.some(({ rule, tenancy }) => rule.when === null && tenancy === null)
  return plain && plan.denies.length === 0 ? 'permit' : 'conditional'
}
