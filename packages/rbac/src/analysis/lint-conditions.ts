import type { Compiled, CompiledRule } from '../compile.js'
import { atomsOf, type Evaluator, FALSE, type Subject, TRUE, type Verdict } from '../evaluate.js'
import type { Atom, Expression, Path } from '../model.js'
import { MISSING, type Reading } from '../value.js'
import { type Finding, namedRules } from './lint.js'

const MAX_TRIALS = 4096

/** Conditions that cannot be true or false, that are often unknown, or whose time has passed. */
export function* checkConditions(compiled: Compiled, now: number | undefined): Generator<Finding> {
  for (const rule of namedRules(compiled)) {
    if (rule.when === null || rule.evaluate === null) continue
    yield* checkTruth(rule, rule.when, rule.evaluate)
    yield* checkUnknown(rule, rule.when)
    if (now !== undefined && isExpired(rule.when, now))
      yield {
        rule: 'expired-rule',
        severity: 'warning',
        pointer: rule.pointer,
        message: `${rule.id} has not been able to be true any more`,
        hint: 'remove it, or move its end',
      }
  }
}

function* checkTruth(rule: CompiledRule, when: Expression, evaluate: Evaluator): Generator<Finding> {
  const verdicts = trials(when, evaluate)
  if (verdicts === null) return
  const { pointer } = rule
  if (!verdicts.has(TRUE))
    yield {
      rule: 'never-true',
      severity: 'warning',
      pointer,
      message: `the condition of ${rule.id} is never true`,
      hint: 'two of its comparisons exclude each other',
    }
  else if (verdicts.size === 1)
    yield {
      rule: 'always-true',
      severity: 'warning',
      pointer,
      message: `the condition of ${rule.id} is always true`,
      hint: 'remove it, or mend a comparison',
    }
}

function* checkUnknown(rule: CompiledRule, when: Expression): Generator<Finding> {
  const atoms = atomsOf(when)
  const checked = new Set(atoms.filter((atom) => atom.op === 'exists').map((atom) => nameOf(atom.path)))
  const paths = atoms.filter((atom) => atom.op !== 'exists').flatMap(pathsOf)
  const prone = paths.find((path) => isOptional(path) && !checked.has(nameOf(path)))
  if (prone === undefined) return
  const name = nameOf(prone)
  const isDeny = rule.effect === 'deny'
  yield {
    rule: isDeny ? 'unknown-prone-deny' : 'unknown-prone-permit',
    severity: isDeny ? 'warning' : 'info',
    pointer: rule.pointer,
    message: `${name} may be absent, and then ${rule.id} ${isDeny ? 'denies' : 'does not permit'}`,
    hint: `say so with { "${name}": { "exists": … } }, or declare it without ?`,
  }
}

/** The level of assurance is left to be missing: a deny that reads it is the way to ask for step-up. */
function isOptional(path: Path): boolean {
  return path.type.optional && !(path.root === 'subject' && path.slot < 3) && nameOf(path) !== 'context.now'
}

/** A comparison of now with a constant that stands on the way to true and has become false for good. */
function isExpired(expression: Expression, now: number): boolean {
  if (expression.kind === 'all') return expression.items.some((item) => isExpired(item, now))
  if (expression.kind === 'any') return expression.items.every((item) => isExpired(item, now))
  if (expression.kind !== 'atom' || nameOf(expression.path) !== 'context.now') return false
  if (expression.right.kind !== 'value') return false
  const end = Number(expression.right.value)
  return (
    (expression.op === 'lt' && now >= end) ||
    (expression.op === 'lte' && now > end) ||
    (expression.op === 'eq' && now > end)
  )
}

/**
 * The verdicts that a condition can have, found by trying the values around every literal for each path; `null` where
 * there are too many. Between two literals, and beyond them, there is a value for each path, as paths may be in any order.
 */
function trials(when: Expression, evaluate: Evaluator): ReadonlySet<Verdict> | null {
  const atoms = atomsOf(when)
  const paths = [...new Map(atoms.flatMap(pathsOf).map((path) => [nameOf(path), path])).values()]
  const choices = paths.map((path) => valuesFor(path, atoms, paths))
  if (choices.some((values) => values === null)) return null
  const count = choices.reduce((product, values) => product * (values?.length ?? 1), 1)
  if (count > MAX_TRIALS) return null
  const verdicts = new Set<Verdict>()
  for (let trial = 0; trial < count; trial++) {
    let rest = trial
    const picked = choices.map((values) => {
      const size = values?.length ?? 1
      const value = values?.[rest % size]
      rest = Math.floor(rest / size)
      return value
    })
    verdicts.add(evaluateWith(evaluate, paths, picked))
  }
  return verdicts
}

function evaluateWith(evaluate: Evaluator, paths: readonly Path[], picked: readonly unknown[]): Verdict {
  const values: Reading[] = []
  const roots = { resource: {} as Record<string, unknown>, context: {} as Record<string, unknown> }
  for (const [index, path] of paths.entries()) {
    const value = picked[index]
    if (path.slot >= 0) values[path.slot] = value === undefined ? MISSING : (value as Reading)
    else if (path.root !== 'subject' && value !== undefined) roots[path.root][path.name] = value
  }
  const subject: Subject = { values }
  return evaluate(subject, roots.resource, roots.context) ?? FALSE
}

/** The literals that a path's kind is compared with, their neighbours, a value apart for each path, and absence. */
function valuesFor(path: Path, atoms: readonly Atom[], paths: readonly Path[]): readonly unknown[] | null {
  if (path.type.list) return null
  const absent = path.type.optional && !(path.root === 'context' && path.name === 'now') ? [undefined] : []
  const { kind } = path.type
  if (kind === 'bool') return [true, false, ...absent]
  if (kind === 'enum') return [...path.type.members, ...absent]
  const literals = atoms.filter((atom) => atom.op !== 'exists' && atom.path.type.kind === kind).flatMap(literalsOf)
  const apart = paths.filter((other) => other.type.kind === kind)
  if (kind === 'id' || kind === 'string')
    return [...new Set([...literals, ...apart.map((other) => `\u0001${nameOf(other)}`)]), ...absent]
  const numbers = literals.map(Number)
  if (isLevel(path)) return [0, 1, 2, 3, ...absent]
  // A level of assurance has four values only, and another path may be compared with it.
  const fixed = paths.some(isLevel) ? [0, 1, 2, 3] : []
  const start = numbers.length + fixed.length === 0 ? [0] : [...numbers, ...fixed]
  const reach = Array.from({ length: 2 * apart.length + 1 }, (_, index) => index - apart.length)
  return [...new Set(start.flatMap((value) => reach.map((step) => value + step))), ...absent]
}

function isLevel(path: Path): boolean {
  return path.root === 'subject' && path.name === 'assurance'
}

function literalsOf({ right }: Atom): readonly (string | number | boolean)[] {
  if (right.kind === 'path') return []
  return right.kind === 'value' ? [right.value] : right.values
}

function pathsOf(atom: Atom): readonly Path[] {
  return atom.right.kind === 'path' ? [atom.path, atom.right.path] : [atom.path]
}

function nameOf(path: Path): string {
  return `${path.root}.${path.name}`
}
