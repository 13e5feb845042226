import { checkAssignments, readAssignments, type SubjectAssignments } from '../assignments.js'
import type { Compiled, CompiledRule } from '../compile.js'
import type { Expression, Resource } from '../model.js'
import { checkOptions } from '../options.js'
import { type AnyPolicy, compiledOf } from '../policy.js'
import type { Plan, PlannedRule } from '../role-set.js'
import type { Held } from '../subject.js'
import { byCodeUnit } from '../value.js'
import { bindingChanges, declarationChanges, denyChanges, widens } from './diff-declared.js'
import { roleSetOf, verdictOf } from './matrix.js'

/** One difference in what two policies decide. */
export interface PolicyChange {
  /**
   * `gain`, `lose`: a permission or a ceiling's permission. `loosen`, `tighten`: a condition or a bound went or came.
   * `change`: another condition, other fields, another constraint or declaration; which way is for the reader.
   */
  readonly kind: 'gain' | 'lose' | 'loosen' | 'tighten' | 'change'
  /** The role; `null` for a ceiling, a constraint, a deny or a declaration. */
  readonly role: string | null
  readonly permission: string | null
  readonly before: string | null
  readonly after: string | null
  /** With assignments: how many subjects are authorised for the role, or break the constraint. */
  readonly subjects?: number
}

/** What changes between two policies for each role and permission, and for ceilings and constraints. */
export function diffPolicies(
  before: AnyPolicy,
  after: AnyPolicy,
  options: { readonly assignments?: Iterable<SubjectAssignments> } = {},
): readonly PolicyChange[] {
  checkOptions('diffPolicies', options, { assignments: true })
  const [old, next] = [compiledOf(before), compiledOf(after)]
  const assignments = options.assignments === undefined ? null : [...options.assignments]
  const roles = union(old.hierarchy.names, next.hierarchy.names).flatMap((role) => roleChanges(old, next, role))
  const held = assignments === null ? null : readAssignments(assignments)
  const counted = held === null ? roles : roles.map((change) => withSubjects(change, next, old, held))
  const violations = assignments === null ? [] : newViolations(old, next, assignments)
  const changes = [
    ...counted,
    ...denyChanges(old, next, roles),
    ...bindingChanges(old, next),
    ...declarationChanges(old, next),
    ...ceilingChanges(old, next),
    ...constraintChanges(old, next),
    ...violations,
  ]
  return Object.freeze(changes.map((change) => Object.freeze(change)))
}

function roleChanges(old: Compiled, next: Compiled, role: string): readonly PolicyChange[] {
  const [oldId, newId] = [old.hierarchy.id(role), next.hierarchy.id(role)]
  const [oldSet, newSet] = [
    oldId === undefined ? null : roleSetOf(old, oldId),
    newId === undefined ? null : roleSetOf(next, newId),
  ]
  const changes: PolicyChange[] = []
  for (const permission of union(old.vocabulary.names, next.vocabulary.names)) {
    const [left, right] = [old.vocabulary.id(permission), next.vocabulary.id(permission)]
    const oldPlan = oldSet === null || left === undefined ? null : oldSet.plan(left)
    const newPlan = newSet === null || right === undefined ? null : newSet.plan(right)
    const [from, to] = [verdict(oldPlan), verdict(newPlan)]
    const [before, after] = [describe(oldPlan), describe(newPlan)]
    const kind =
      from === to ? (before === after ? null : 'change') : kindOf(from, to, oldPlan, newPlan, permission, old, next)
    if (kind !== null) changes.push({ kind, role, permission, before, after })
  }
  return changes
}

function verdict(plan: Plan | null): 'permit' | 'conditional' | 'deny' {
  return plan === null ? 'deny' : verdictOf(plan)
}

/** A condition that came is no `tighten` where the rows it leaves show more than all of them did. */
function kindOf(
  from: string,
  to: string,
  before: Plan | null,
  after: Plan | null,
  permission: string,
  old: Compiled,
  next: Compiled,
): PolicyChange['kind'] {
  if (from === 'deny') return 'gain'
  if (to === 'deny') return 'lose'
  if (to === 'permit') return 'loosen'
  return widens(before, resourceOf(old, permission), after, resourceOf(next, permission)) ? 'change' : 'tighten'
}

function resourceOf(compiled: Compiled, permission: string): Resource | undefined {
  const id = compiled.vocabulary.id(permission)
  return id === undefined ? undefined : compiled.vocabulary.resources[id]
}

/** What decides, in one text that is the same for the same rules whatever they are called and in whatever order. */
function describe(plan: Plan | null): string | null {
  if (plan === null || verdictOf(plan) === 'deny') return null
  const lines = [
    ...plan.permits.map((planned) => `permit${rule(planned)}`),
    ...plan.denies.map((planned) => `deny${rule(planned)}`),
    ...plan.fieldDenies.map((planned) => `deny${rule(planned)}`),
  ]
  return [...new Set(lines)].sort(byCodeUnit).join('; ')
}

function rule({ rule, tenancy }: PlannedRule): string {
  return printRule(rule, tenancy !== null)
}

/** What a rule asks and gives, as text. */
export function printRule({ when, fields, masked }: CompiledRule, bound: boolean): string {
  const parts = [
    fields === null ? '' : ` fields ${[...fields].sort(byCodeUnit).join(', ')}`,
    masked === null ? '' : ` masked ${[...masked].sort(byCodeUnit).join(', ')}`,
    bound ? ' in the own tenant' : '',
    when === null ? '' : ` when ${printExpression(when)}`,
  ]
  return parts.join('')
}

/** A condition as text; the order in which `all` and `any` list their parts does not show. */
export function printExpression(expression: Expression): string {
  if (expression.kind === 'atom') {
    const { path, op, operand } = expression
    return `${path.root}.${path.name} ${op} ${JSON.stringify(operand)}`
  }
  if (expression.kind === 'not') return `not (${printExpression(expression.item)})`
  return `${expression.kind} (${expression.items.map(printExpression).sort(byCodeUnit).join(', ')})`
}

function ceilingChanges(old: Compiled, next: Compiled): readonly PolicyChange[] {
  const [before, after] = [old.model.ceilings, next.model.ceilings]
  if (before === null && after === null) return []
  if (before === null)
    return [{ kind: 'tighten', role: null, permission: null, before: null, after: 'ceilings are declared' }]
  if (after === null)
    return [{ kind: 'loosen', role: null, permission: null, before: 'ceilings are declared', after: null }]
  return union([...before.keys()], [...after.keys()]).flatMap((name) => {
    const reached = (compiled: Compiled): readonly string[] =>
      compiled.vocabulary.names.filter((_, id) =>
        compiled.vocabulary.covers(compiled.model.ceilings?.get(name) ?? [], id),
      )
    const [left, right] = [new Set(reached(old)), new Set(reached(next))]
    return union([...left], [...right]).flatMap((permission): readonly PolicyChange[] => {
      if (left.has(permission) === right.has(permission)) return []
      const gained = right.has(permission)
      const text = `ceiling ${name}`
      return [
        {
          kind: gained ? 'gain' : 'lose',
          role: null,
          permission,
          before: gained ? null : text,
          after: gained ? text : null,
        },
      ]
    })
  })
}

function constraintChanges(old: Compiled, next: Compiled): readonly PolicyChange[] {
  const texts = (compiled: Compiled): ReadonlyMap<string, string> =>
    new Map(
      compiled.model.constraints.map((entry) => [
        entry.id,
        `${entry.id}: ${entry.kind} at most ${entry.atMost} of ${[...entry.members].sort(byCodeUnit).join(', ')}`,
      ]),
    )
  const [left, right] = [texts(old), texts(next)]
  return union([...left.keys()], [...right.keys()]).flatMap((id): readonly PolicyChange[] => {
    const [before, after] = [left.get(id) ?? null, right.get(id) ?? null]
    if (before === after) return []
    const kind = before === null ? 'tighten' : after === null ? 'loosen' : 'change'
    return [{ kind, role: null, permission: null, before, after }]
  })
}

function withSubjects(
  change: PolicyChange,
  next: Compiled,
  old: Compiled,
  held: ReadonlyMap<string, readonly Held[]>,
): PolicyChange {
  const wanted = change.role ?? ''
  const holds = (compiled: Compiled, name: string): boolean => {
    const [id, role] = [compiled.hierarchy.id(name), compiled.hierarchy.id(wanted)]
    return id !== undefined && role !== undefined && compiled.hierarchy.closure([id]).includes(role)
  }
  const touched = [...held.values()].filter((roles) => roles.some(({ role }) => holds(next, role) || holds(old, role)))
  return { ...change, subjects: touched.length }
}

/** SSD and cardinality that the assignments break under the new policy and did not under the old. */
function newViolations(
  old: Compiled,
  next: Compiled,
  assignments: readonly SubjectAssignments[],
): readonly PolicyChange[] {
  const count = (compiled: Compiled): ReadonlyMap<string, number> => {
    const found = new Map<string, number>()
    for (const { constraint, subjects } of checkAssignments(compiled, assignments))
      found.set(constraint, (found.get(constraint) ?? 0) + subjects.length)
    return found
  }
  const [before, after] = [count(old), count(next)]
  return [...after].flatMap(([constraint, subjects]) => {
    const was = before.get(constraint) ?? 0
    if (subjects <= was) return []
    const text = (broken: number): string | null => (broken === 0 ? null : `${constraint} is broken by ${broken}`)
    return [
      { kind: 'tighten', role: null, permission: null, before: text(was), after: text(subjects), subjects } as const,
    ]
  })
}

export function union(left: readonly string[], right: readonly string[]): readonly string[] {
  return [...new Set([...left, ...right])].sort(byCodeUnit)
}
