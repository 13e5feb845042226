import type { Compiled } from './compile.js'
import { type ConstraintViolation, membersIn } from './constraint.js'
import type { Assignment } from './document.js'
import type { Cardinality, SeparationOfDuty } from './model.js'
import { countsIn, type Held, heldRoles, identifier, readTenant, rolesAt } from './subject.js'
import { byCodeUnit, own } from './value.js'

/** What a subject is, or is about to be, assigned; `tenant` holds for the roles that name none. */
export interface SubjectAssignments {
  readonly subject: string
  readonly tenant?: string
  readonly roles: readonly (string | Assignment)[]
}

/** SSD and cardinality over assignments whose validity overlaps; by constraint, tenant and subject. */
export function checkAssignments(
  compiled: Compiled,
  subjects: Iterable<SubjectAssignments>,
): readonly ConstraintViolation[] {
  const held = readAssignments(subjects)
  const violations = compiled.model.constraints.flatMap((constraint) => {
    if (constraint.kind === 'cardinality') return checkCardinality(compiled, constraint, held)
    return constraint.kind === 'ssd' ? checkSeparation(compiled, constraint, held) : []
  })
  return Object.freeze(violations.sort(compareViolations))
}

/** Checks and copies what subjects are assigned; a subject that is listed twice has the roles of both. */
export function readAssignments(subjects: Iterable<SubjectAssignments>): ReadonlyMap<string, readonly Held[]> {
  const held = new Map<string, Held[]>()
  let index = 0
  for (const entry of subjects) {
    const field = `subjects[${index++}]`
    const subject = identifier(own(entry, 'subject'), `${field}.subject`)
    const tenant = readTenant(entry, field)
    const roles = heldRoles(own(entry, 'roles'), `${field}.roles`, tenant)
    const before = held.get(subject)
    if (before === undefined) held.set(subject, [...roles])
    else for (const role of roles) before.push(role)
  }
  return held
}

function checkSeparation(
  compiled: Compiled,
  constraint: SeparationOfDuty,
  held: ReadonlyMap<string, readonly Held[]>,
): readonly ConstraintViolation[] {
  const violations: ConstraintViolation[] = []
  for (const [subject, assignments] of held)
    for (const tenant of tenantsOf(assignments)) {
      const members = new Set<string>()
      for (const instant of startsOf(assignments, tenant)) {
        const roles = rolesAt(assignments, tenant, instant).flatMap((name) => compiled.hierarchy.id(name) ?? [])
        const found = membersIn(constraint, compiled.hierarchy.closure(roles), compiled)
        if (found.length > constraint.atMost) for (const member of found) members.add(member)
      }
      if (members.size > 0) violations.push(violation(constraint, [subject], tenant, [...members]))
    }
  return violations
}

function checkCardinality(
  compiled: Compiled,
  constraint: Cardinality,
  held: ReadonlyMap<string, readonly Held[]>,
): readonly ConstraintViolation[] {
  const role = compiled.hierarchy.id(constraint.members[0] ?? '') ?? -1
  const reaches = (name: string): boolean => {
    const id = compiled.hierarchy.id(name)
    return id !== undefined && compiled.hierarchy.closure([id]).includes(role)
  }
  const entries = [...held].flatMap(([subject, assignments]) => assignments.map((entry) => ({ subject, entry })))
  // Of the roles only those that somebody holds: of a hundred thousand that is a few.
  const seniors = new Set([...new Set(entries.map(({ entry }) => entry.role))].filter(reaches))
  const holders = entries.filter(({ entry }) => seniors.has(entry.role))
  return [...tenantsOf(holders.map(({ entry }) => entry))].flatMap((tenant) => {
    const subjects = crowded(
      holders.filter(({ entry }) => countsIn(entry, tenant)),
      constraint.atMost,
    )
    return subjects.length === 0 ? [] : [violation(constraint, subjects, tenant, constraint.members)]
  })
}

/** The distinct subjects that hold at an instant at which there are more than `atMost` of them. */
function crowded(
  holders: readonly { readonly subject: string; readonly entry: Held }[],
  atMost: number,
): readonly string[] {
  const events = holders.flatMap(({ subject, entry }) => [
    { at: entry.notBefore, subject, change: 1 },
    { at: entry.expiresAt, subject, change: -1 },
  ])
  // At one instant ends come first: validity is half open, so touching windows do not overlap.
  events.sort((left, right) => (left.at === right.at ? left.change - right.change : left.at < right.at ? -1 : 1))
  const open = new Map<string, number>()
  const found = new Set<string>()
  for (const { subject, change } of events) {
    const count = (open.get(subject) ?? 0) + change
    if (count === 0) open.delete(subject)
    else open.set(subject, count)
    if (change === 1 && open.size > atMost) for (const holder of open.keys()) found.add(holder)
  }
  return [...found]
}

/** The tenants to look at: those that are named, and no tenant at all where an assignment names none. */
function tenantsOf(assignments: readonly Held[]): ReadonlySet<string | undefined> {
  return new Set(assignments.map((entry) => entry.tenant))
}

/** Between two of these instants nothing changes, so looking at each start suffices. */
function startsOf(assignments: readonly Held[], tenant: string | undefined): ReadonlySet<number> {
  return new Set(assignments.filter((entry) => countsIn(entry, tenant)).map((entry) => entry.notBefore))
}

function violation(
  constraint: SeparationOfDuty | Cardinality,
  subjects: readonly string[],
  tenant: string | undefined,
  members: readonly string[],
): ConstraintViolation {
  return Object.freeze({
    constraint: constraint.id,
    kind: constraint.kind,
    subjects: Object.freeze([...subjects].sort(byCodeUnit)),
    tenant,
    members: Object.freeze([...members].sort(byCodeUnit)),
    atMost: constraint.atMost,
  })
}

function compareViolations(left: ConstraintViolation, right: ConstraintViolation): number {
  return (
    byCodeUnit(left.constraint, right.constraint) ||
    byCodeUnit(left.tenant ?? '', right.tenant ?? '') ||
    byCodeUnit(left.subjects[0] ?? '', right.subjects[0] ?? '')
  )
}
