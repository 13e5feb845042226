import type { Compiled } from './compile.js'
import type { Issues } from './issues.js'
import { at } from './json.js'
import type { SeparationOfDuty } from './model.js'
import { Reach } from './reach.js'

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
  const stated = new Set<number>()
  for (const role of closure) for (const pattern of permits.patternsOf(role)) stated.add(pattern)
  return constraint.members.filter((name) =>
    vocabulary.covering(vocabulary.id(name) ?? -1).some((pattern) => stated.has(pattern)),
  )
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
  const constraints = model.constraints.flatMap((constraint) =>
    constraint.kind !== 'cardinality' && constraint.members.length > constraint.atMost ? [constraint] : [],
  )
  if (constraints.length === 0) return
  const reach = new Reach(hierarchy)
  const permitting = constraints.some(({ over }) => over === 'permissions') ? rolesByPattern(compiled) : NO_ROLES
  for (const constraint of constraints) {
    const { id, over, members, atMost } = constraint
    const holders = members.map((name) =>
      over === 'roles' ? [hierarchy.id(name) ?? -1] : rolesPermitting(name, permitting, compiled),
    )
    reach.beyond(atMost, holders, (role, reached) => {
      if (issues.full) return
      const names = reached.map((member) => members[member]).join(', ')
      const message = `${id} allows ${atMost} of ${names}, which the role has by itself`
      const pointer = at('/roles', hierarchy.name(role))
      issues.add('constraint-unsatisfiable', pointer, message, 'take one of them out of the role or its juniors')
    })
  }
}

const NO_ROLES: ReadonlyMap<number, readonly number[]> = new Map()

/** The roles that state a pattern themselves, by its number. */
function rolesByPattern({ hierarchy, permits }: Compiled): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>()
  for (const role of hierarchy.names.keys())
    for (const pattern of permits.patternsOf(role)) {
      const roles = found.get(pattern)
      if (roles === undefined) found.set(pattern, [role])
      else roles.push(role)
    }
  return found
}

/** The roles that state a permit of a permission themselves. */
function rolesPermitting(
  name: string,
  byPattern: ReadonlyMap<number, readonly number[]>,
  { vocabulary }: Compiled,
): readonly number[] {
  return vocabulary.covering(vocabulary.id(name) ?? -1).flatMap((pattern) => byPattern.get(pattern) ?? [])
}
