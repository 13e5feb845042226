import { applyChanges, type Change } from './change.js'
import type { Compiled, CompiledRule } from './compile.js'
import type { DecisionRequest, Operand } from './document.js'
import { compileExpression, FALSE, MIRRORED, NEGATED, type Subject, TRUE } from './evaluate.js'
import type { Atom, Expression, Path } from './model.js'
import { byCodeUnit, isInt } from './value.js'

const MAX_ENTRIES = 16
const MAX_CHANGES = 3
const MAX_EVALUATIONS = 20_000
const MAX_CANDIDATES = 48

/** A denied request as the search sees it. */
export interface Denied {
  readonly compiled: Compiled
  readonly permission: number
  readonly request: DecisionRequest
  readonly subject: Subject
  /** Numbers of the roles in the active and in the assigned closure. */
  readonly active: ReadonlySet<number>
  readonly assigned: ReadonlySet<number>
  /** Numbers of the roles that are assigned themselves. */
  readonly own: ReadonlySet<number>
  /** Whether what a role states is bound to the session's tenant. */
  readonly isBound: (role: number) => boolean
  /** Assignments of this tenant that start later. */
  readonly upcoming: readonly { readonly role: string; readonly notBefore: number }[]
  readonly permits: (request: DecisionRequest) => boolean
}

/** Sets of changes that lead to a permit, and whether these are all. */
export interface WhyNot {
  readonly whyNot: readonly (readonly Change[])[]
  readonly complete: boolean
}

export const NOTHING_TO_CHANGE: WhyNot = Object.freeze({ whyNot: Object.freeze([]), complete: true })

/**
 * Tries sets of changes, small ones first, each by deciding the changed request: what is returned permits, and no proper
 * subset of it does, as every one was tried before.
 */
export function searchWhyNot(denied: Denied): WhyNot {
  const found: (readonly number[])[] = []
  const { changes, complete } = candidates(denied)
  let isStopped = false
  let evaluations = 0
  for (let size = 1; size <= Math.min(MAX_CHANGES, changes.length) && !isStopped; size++)
    for (const set of subsets(changes.length, size)) {
      if (found.some((smaller) => smaller.every((index) => set.includes(index)))) continue
      if (found.length >= MAX_ENTRIES || ++evaluations > MAX_EVALUATIONS) {
        isStopped = true
        break
      }
      if (denied.permits(applyChanges(denied.request, pick(changes, set)))) found.push(set)
    }
  return Object.freeze({
    whyNot: Object.freeze(found.map((set) => Object.freeze(pick(changes, set)))),
    complete: complete && !isStopped && !hasLarger(changes.length, found),
  })
}

function pick(changes: readonly Change[], set: readonly number[]): readonly Change[] {
  return set.flatMap((index) => changes[index] ?? [])
}

/** Whether a set of one change more than was tried could still hold a new entry. */
function hasLarger(count: number, found: readonly (readonly number[])[]): boolean {
  for (const set of subsets(count, MAX_CHANGES + 1))
    if (!found.some((smaller) => smaller.every((index) => set.includes(index)))) return true
  return false
}

/** Every ascending choice of `size` of the numbers below `count`. */
function* subsets(count: number, size: number, from = 0): Generator<readonly number[]> {
  if (size === 0) {
    yield []
    return
  }
  for (let first = from; first <= count - size; first++)
    for (const rest of subsets(count, size - 1, first + 1)) yield [first, ...rest]
}

/** The changes worth trying: roles that state a permit, and the comparisons that stand in the way. */
export function candidates(denied: Denied): { readonly changes: readonly Change[]; readonly complete: boolean } {
  const { compiled, permission, active } = denied
  const covering = new Set(compiled.vocabulary.covering(permission))
  const roles = compiled.hierarchy.names.flatMap((_, id) => (states(compiled, id, covering) ? [id] : []))
  const changes = new Map<string, Change>()
  const add = (change: Change): void => {
    changes.set(JSON.stringify(change), Object.freeze(change))
  }
  for (const role of roles.slice(0, MAX_CANDIDATES)) {
    if (!active.has(role)) for (const change of roleChanges(denied, role)) add(change)
    if (wouldLift(denied, role)) for (const change of liftingChanges(denied, role)) add(change)
    for (const rule of compiled.permits.permitsOf(role, permission))
      for (const change of ruleChanges(denied, rule, true)) add(change)
  }
  for (const rule of deniesInReach(denied, [...changes.values()]))
    for (const change of ruleChanges(denied, rule, false)) add(change)
  const sorted = [...changes].sort(([left], [right]) => byCodeUnit(left, right)).map(([, change]) => change)
  const complete = roles.length <= MAX_CANDIDATES && sorted.length <= MAX_CANDIDATES
  return { changes: sorted.slice(0, MAX_CANDIDATES), complete }
}

/** The denies that apply, and those that a proposed role would bring with it. */
function deniesInReach(
  { compiled, permission, assigned }: Denied,
  changes: readonly Change[],
): readonly CompiledRule[] {
  const proposed = changes.flatMap((change) => ('role' in change ? (compiled.hierarchy.id(change.role) ?? []) : []))
  const held = new Set([...assigned, ...compiled.hierarchy.closure(proposed)])
  return compiled.denies.filter(
    ({ fields, patterns, roles }) =>
      fields === null &&
      compiled.vocabulary.covers(patterns, permission) &&
      (roles === null || roles.some((role) => held.has(role))),
  )
}

function states({ permits }: Compiled, role: number, patterns: ReadonlySet<number>): boolean {
  for (const pattern of permits.patternsOf(role)) if (patterns.has(pattern)) return true
  return false
}

function roleChanges({ compiled, assigned, upcoming }: Denied, role: number): readonly Change[] {
  const name = compiled.hierarchy.name(role)
  if (assigned.has(role)) return [{ kind: 'activate', role: name }]
  const waiting = upcoming.filter((entry) => {
    const id = compiled.hierarchy.id(entry.role)
    return id !== undefined && compiled.hierarchy.closure([id]).includes(role)
  })
  return [
    { kind: 'assign', role: name },
    ...waiting.map((entry): Change => ({ kind: 'wait', role: entry.role, until: entry.notBefore })),
  ]
}

/** A platform role reaches the rows of other tenants only where the subject has it itself. */
function wouldLift({ compiled, permission, isBound }: Denied, role: number): boolean {
  const resource = compiled.vocabulary.resources[permission]
  return isBound(role) && compiled.permits.isPlatform(role) && resource?.tenant !== undefined
}

function liftingChanges({ compiled, own, upcoming }: Denied, role: number): readonly Change[] {
  const name = compiled.hierarchy.name(role)
  if (own.has(role)) return [{ kind: 'activate', role: name }]
  const waiting = upcoming.filter((entry) => entry.role === name)
  return [
    { kind: 'assign', role: name },
    ...waiting.map((entry): Change => ({ kind: 'wait', role: name, until: entry.notBefore })),
  ]
}

function ruleChanges(denied: Denied, rule: CompiledRule, wanted: boolean): readonly Change[] {
  return rule.when === null ? [] : [...changesFor(denied, rule.when, wanted)]
}

/** What would turn the comparisons of a condition the way that it needs them. */
function* changesFor(denied: Denied, expression: Expression, wanted: boolean): Generator<Change> {
  if (expression.kind === 'not') yield* changesFor(denied, expression.item, !wanted)
  else if (expression.kind !== 'atom') for (const item of expression.items) yield* changesFor(denied, item, wanted)
  else {
    const { subject, request } = denied
    const verdict = compileExpression(expression)(subject, request.resource, request.context)
    if (verdict !== (wanted ? TRUE : FALSE)) yield* atomChanges(denied, expression, wanted)
  }
}

const OPPOSITES = { ...NEGATED, in: 'notIn', exists: 'exists' } as const

function* atomChanges(denied: Denied, atom: Atom, wanted: boolean): Generator<Change> {
  const op = wanted ? atom.op : OPPOSITES[atom.op]
  if (isChangeable(denied, atom.path)) {
    const operand = atom.op === 'exists' ? (atom.operand === true) === wanted : atom.operand
    yield* pathChanges(atom.path, op, operand)
  }
  if (atom.right.kind !== 'path' || !isChangeable(denied, atom.right.path)) return
  if (op === 'in' || op === 'notIn' || op === 'exists') return
  yield* pathChanges(atom.right.path, MIRRORED[op], `$${atom.path.root}.${atom.path.name}`)
}

function* pathChanges(path: Path, op: (Change & { kind: 'attribute' })['op'], operand: Operand): Generator<Change> {
  if (path.root === 'subject' && path.name === 'assurance') {
    const level = typeof operand === 'number' && isInt(operand) ? operand + (op === 'gt' ? 1 : 0) : Number.NaN
    if ((op === 'gte' || op === 'gt' || op === 'eq') && level >= 0 && level <= 3)
      yield { kind: 'assurance', atLeast: level }
    return
  }
  const others = path.type.kind === 'enum' ? membersOtherThan(path, op, operand) : null
  if (others === null) yield { kind: 'attribute', path: `${path.root}.${path.name}`, op, operand }
  else if (others.length > 0)
    yield { kind: 'attribute', path: `${path.root}.${path.name}`, op: 'in', operand: Object.freeze(others) }
}

/** "Not a" of a closed list is one of the others: said as that, the change can be applied without knowing the type. */
function membersOtherThan(path: Path, op: string, operand: Operand): readonly string[] | null {
  if (op !== 'ne' && op !== 'notIn') return null
  const excluded: readonly unknown[] = Array.isArray(operand) ? operand : [operand]
  if (excluded.some((entry) => typeof entry === 'string' && entry.startsWith('$') && !entry.startsWith('$$')))
    return [...path.type.members]
  return [...path.type.members].filter((member) => !excluded.includes(member.startsWith('$') ? `$${member}` : member))
}

/** Who the subject is, every tenant and the request's time are given; everything else may be proposed. */
function isChangeable({ compiled, permission }: Denied, path: Path): boolean {
  if (path.type.list) return false
  if (path.root === 'subject') return path.name !== 'id' && path.name !== 'tenant'
  if (path.root === 'context') return path.name !== 'now'
  return compiled.vocabulary.resources[permission]?.tenant !== path.name
}
