import type { Operator } from './document.js'
import type { Atom, Expression, Path } from './model.js'
import { equal, MISSING, own, type Reading, type Typed, typed, UNREADABLE } from './value.js'

/** Kleene's three verdicts, ordered: `all` is the minimum, `any` the maximum, `not` is `2 - v`. */
export type Verdict = 0 | 1 | 2
export const FALSE: Verdict = 0
export const UNKNOWN: Verdict = 1
export const TRUE: Verdict = 2

/** What a condition reads of a session. */
export interface Subject {
  /** The subject's attributes, typed once into slots, and after them the session's instant where any condition reads it. */
  readonly values: readonly Reading[]
}

/** A condition as a closure. */
export type Evaluator = (subject: Subject, resource: unknown, context: unknown) => Verdict
/** Reads one side of a comparison. */
export type Reader = (subject: Subject, resource: unknown, context: unknown) => Reading

/** Turns a typed condition into a closure, one per node. */
export function compileExpression(expression: Expression): Evaluator {
  if (expression.kind === 'atom') return compileAtom(expression)
  if (expression.kind === 'not') {
    const item = compileExpression(expression.item)
    return (subject, resource, context) => (2 - item(subject, resource, context)) as Verdict
  }
  return compileList(expression.items.map(compileExpression), expression.kind === 'all' ? FALSE : TRUE)
}

/** `decisive` ends the walk: false for `all` (the minimum), true for `any` (the maximum). */
function compileList(items: readonly Evaluator[], decisive: Verdict): Evaluator {
  const neutral: Verdict = decisive === FALSE ? TRUE : FALSE
  return (subject, resource, context) => {
    let result = neutral
    for (let index = 0; index < items.length; index++) {
      const verdict = items[index]?.(subject, resource, context) ?? UNKNOWN
      if (verdict === decisive) return decisive
      if (verdict === UNKNOWN) result = UNKNOWN
    }
    return result
  }
}

/** Reads a path: an own property of resource or context, a typed attribute of the subject, or the session's instant. */
export function compilePath(path: Path): Reader {
  const { name, type, slot } = path
  if (slot >= 0) return (subject) => subject.values[slot] ?? MISSING
  if (path.root === 'context') return (_subject, _resource, context) => typed(own(context, name), type)
  return (_subject, resource) => typed(own(resource, name), type)
}

/** The right side of a comparison as a reader. */
export function compileRight(atom: Atom): Reader {
  const { right } = atom
  if (right.kind === 'path') return compilePath(right.path)
  const value = right.kind === 'value' ? right.value : (right.values as readonly string[])
  return () => value
}

function compileAtom(atom: Atom): Evaluator {
  if (atom.op === 'exists') return compileExists(atom)
  const left = compilePath(atom.path)
  const right = compileRight(atom)
  const holds = RELATIONS[atom.op]
  return (subject, resource, context) => {
    const a = left(subject, resource, context)
    const b = right(subject, resource, context)
    // The only symbols are those for what is missing, ill-typed or unreadable.
    if (typeof a === 'symbol' || typeof b === 'symbol') return UNKNOWN
    return holds(a, b) ? TRUE : FALSE
  }
}

/** `exists` asks for presence alone: an ill-typed value is there, and only one that cannot be read is unknown. */
function compileExists(atom: Atom): Evaluator {
  const read = compilePresence(atom.path)
  const expected = atom.right.kind === 'value' && atom.right.value === true
  return (subject, resource, context) => {
    const present = read(subject, resource, context)
    return present === UNKNOWN ? UNKNOWN : (present === TRUE) === expected ? TRUE : FALSE
  }
}

function compilePresence(path: Path): Evaluator {
  const { name, slot } = path
  if (slot >= 0) return (subject) => presence(subject.values[slot] ?? MISSING)
  if (path.root === 'context') return (_subject, _resource, context) => presence(own(context, name))
  return (_subject, resource) => presence(own(resource, name))
}

function presence(value: unknown): Verdict {
  if (value === UNREADABLE) return UNKNOWN
  return value === undefined || value === null || value === MISSING ? FALSE : TRUE
}

/** The comparisons, on two well-typed sides. */
export const RELATIONS: Readonly<Record<Exclude<Operator, 'exists'>, (left: Typed, right: Typed) => boolean>> = {
  eq: equal,
  ne: (left, right) => !equal(left, right),
  lt: (left, right) => left < right,
  lte: (left, right) => left <= right,
  gt: (left, right) => left > right,
  gte: (left, right) => left >= right,
  in: (left, right) => Array.isArray(right) && isAmong(left, right),
}

/** What holds where a comparison of two well-typed sides does not. */
export const NEGATED = { eq: 'ne', ne: 'eq', lt: 'gte', lte: 'gt', gt: 'lte', gte: 'lt' } as const
/** The same comparison with its sides exchanged. */
export const MIRRORED = { eq: 'eq', ne: 'ne', lt: 'gt', lte: 'gte', gt: 'lt', gte: 'lte' } as const

/** A loop, because a closure for `some` would be made at every check. */
function isAmong(value: Typed, list: readonly unknown[]): boolean {
  for (let index = 0; index < list.length; index++) if (equal(value, list[index])) return true
  return false
}

/** Every comparison of a condition, in document order. */
export function atomsOf(expression: Expression | null): readonly Atom[] {
  if (expression === null) return []
  if (expression.kind === 'atom') return [expression]
  return expression.kind === 'not' ? atomsOf(expression.item) : expression.items.flatMap(atomsOf)
}
