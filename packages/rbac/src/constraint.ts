import type { Compiled } from './compile.js'
import type { Issues } from './issues.js'
import { at } from './json.js'
import type { SeparationOfDuty } from './model.js'

/** A constraint that assignments or an activation break, and by which members. */
export interface ConstraintViolation {
  readonly constraint: string
  readonly kind: 'ssd' | 'dsd' | 'cardinality'
  readonly subjects: readonly string[]
  readonly tenant: string | undefined
  readonly members: readonly string[]
  readonly atMost: number
}

/** The listed roles in a closure, or the listed permissions in any of its permits, conditional or not; sorted. */
export function membersIn(
  constraint: SeparationOfDuty,
  closure: Iterable<number>,
  compiled: Compiled,
): readonly string[] {
  const { hierarchy, permits, vocabulary } = compiled
  if (constraint.over === 'roles') {
    const held = new Set(closure)
    return constraint.members.filter((name) => held.has(hierarchy.id(name) ?? -1))
  }
  const reached = new Set<number>()
  for (const role of closure)
    for (const patterns of [permits.bare(role), ...permits.rules(role).map((rule) => rule.patterns)])
      for (const pattern of patterns) for (const id of vocabulary.ids(pattern)) reached.add(id)
  return constraint.members.filter((name) => reached.has(vocabulary.id(name) ?? -1))
}

/** The SSD constraints that the assigned closure breaks, then the DSD ones that the active closure breaks, by id. */
export function violationsOf(
  compiled: Compiled,
  assigned: Int32Array,
  active: Int32Array,
): readonly { readonly constraint: SeparationOfDuty; readonly members: readonly string[] }[] {
  const broken: { constraint: SeparationOfDuty; members: readonly string[] }[] = []
  for (const constraint of compiled.model.constraints) {
    if (constraint.kind === 'cardinality') continue
    const members = membersIn(constraint, constraint.kind === 'ssd' ? assigned : active, compiled)
    if (members.length > constraint.atMost) broken.push({ constraint, members })
  }
  return broken.sort((left, right) => (left.constraint.id < right.constraint.id ? -1 : 1))
}

/** A role whose own closure breaks a constraint could be held or activated by nobody: that is a mistake. */
export function checkSelfConflict(compiled: Compiled, issues: Issues): void {
  const { hierarchy, model } = compiled
  const constraints = model.constraints.filter((constraint) => constraint.kind !== 'cardinality')
  if (constraints.length === 0) return
  for (const [id, name] of hierarchy.names.entries()) {
    const closure = hierarchy.closure([id])
    for (const constraint of constraints) {
      const members = membersIn(constraint, closure, compiled)
      if (members.length <= constraint.atMost) continue
      const message = `${constraint.id} allows ${constraint.atMost} of ${members.join(', ')}, which the role has by itself`
      issues.add(
        'constraint-unsatisfiable',
        at('/roles', name),
        message,
        'take one of them out of the role or its juniors',
      )
    }
  }
}
