import type { Compiled } from './compile.js'
import { verdictOf } from './decide.js'
import type { Operand, Operator } from './document.js'
import {
  atomsOf,
  compileExpression,
  compilePath,
  compileRight,
  type Subject,
  TRUE,
  UNKNOWN,
  type Verdict,
} from './evaluate.js'
import type { Atom } from './model.js'
import type { Plan, PlannedRule } from './role-set.js'
import { byCodeUnit, MISSING } from './value.js'

/** A verdict of Kleene's logic by name. */
export type VerdictName = 'true' | 'false' | 'unknown'

/** One comparison of a rule on one target. Attribute values never appear. */
export interface AtomTrace {
  readonly pointer: string
  readonly path: string
  readonly op: Operator
  readonly operand: Operand
  readonly verdict: VerdictName
  /** Why it is unknown: a side is missing, or not of its declared type. */
  readonly unknown?: 'missing' | 'type'
}

/** One applying rule on one target. */
export interface RuleTrace {
  readonly id: string
  readonly effect: 'permit' | 'deny'
  /** The role that states a permit; `null` for a deny. */
  readonly role: string | null
  readonly pointer: string
  readonly verdict: VerdictName
  readonly atoms: readonly AtomTrace[]
}

/** A role that states an applying permit, and the path of inheritance from an active role down to it. */
export interface RoleTrace {
  readonly role: string
  readonly via: readonly string[]
}

/** Every applying rule with the verdict of each of its comparisons: permits, denies, denies of fields. */
export function traceRules(
  plan: Plan,
  compiled: Compiled,
  subject: Subject,
  resource: unknown,
  context: unknown,
): readonly RuleTrace[] {
  const planned = [...plan.permits, ...plan.denies, ...plan.fieldDenies]
  return Object.freeze(planned.map((entry) => traceRule(entry, compiled, subject, resource, context)))
}

function traceRule(
  planned: PlannedRule,
  compiled: Compiled,
  subject: Subject,
  resource: unknown,
  context: unknown,
): RuleTrace {
  const { rule, tenancy } = planned
  const atoms = [...(tenancy === null ? [] : [tenancy.atom]), ...atomsOf(rule.when)]
  return Object.freeze({
    id: rule.id,
    effect: rule.effect,
    role: rule.role < 0 ? null : compiled.hierarchy.name(rule.role),
    pointer: rule.pointer,
    verdict: nameOf(verdictOf(planned, subject, resource, context)),
    atoms: Object.freeze(atoms.map((atom) => traceAtom(atom, subject, resource, context))),
  })
}

function traceAtom(atom: Atom, subject: Subject, resource: unknown, context: unknown): AtomTrace {
  const verdict = compileExpression(atom)(subject, resource, context)
  const trace = {
    pointer: atom.pointer,
    path: `${atom.path.root}.${atom.path.name}`,
    op: atom.op,
    operand: atom.operand,
    verdict: nameOf(verdict),
  }
  if (verdict !== UNKNOWN) return Object.freeze(trace)
  return Object.freeze({ ...trace, unknown: causeOf(atom, subject, resource, context) })
}

/** The left side's fault if it has one, else the right side's. */
function causeOf(atom: Atom, subject: Subject, resource: unknown, context: unknown): 'missing' | 'type' {
  const left = compilePath(atom.path)(subject, resource, context)
  if (typeof left === 'symbol') return left === MISSING ? 'missing' : 'type'
  return compileRight(atom)(subject, resource, context) === MISSING ? 'missing' : 'type'
}

/** The roles that state the permits of a plan, each with its path from an active role. */
export function traceRoles(plan: Plan, compiled: Compiled, activeRoles: readonly string[]): readonly RoleTrace[] {
  const { hierarchy } = compiled
  const active = activeRoles.flatMap((name) => hierarchy.id(name) ?? [])
  const roles = [...new Set(plan.permits.map(({ rule }) => rule.role))]
  const traces = roles.map((id) =>
    Object.freeze({ role: hierarchy.name(id), via: Object.freeze(hierarchy.path(active, id)) }),
  )
  return Object.freeze(traces.sort((left, right) => byCodeUnit(left.role, right.role)))
}

function nameOf(verdict: Verdict): VerdictName {
  if (verdict === UNKNOWN) return 'unknown'
  return verdict === TRUE ? 'true' : 'false'
}
