import { atomsOf, compilePath, compileRight, type Subject } from './evaluate.js'
import type { Atom, Expression } from './model.js'

/** The least of the instants later than `now`; `null` if there is none. */
export function earliest(now: number, instants: Iterable<number>): number | null {
  let least = Number.POSITIVE_INFINITY
  for (const instant of instants) if (instant > now && instant < least) least = instant
  return least === Number.POSITIVE_INFINITY ? null : least
}

/** The comparisons of a condition that read `context.now`. */
export function timeAtoms(expression: Expression | null): readonly Atom[] {
  return atomsOf(expression).filter(
    (atom) => readsNow(atom.path) || (atom.right.kind === 'path' && readsNow(atom.right.path)),
  )
}

/** Whether the other side of a comparison with `context.now` is known when the session is built. */
export function isSessionAtom(atom: Atom): boolean {
  const other = readsNow(atom.path) ? (atom.right.kind === 'path' ? atom.right.path.root : 'literal') : atom.path.root
  return other === 'literal' || other === 'subject'
}

/**
 * The instants at which a comparison of `context.now` with what stands on its other side can change: at the instant
 * itself and, as time is counted in whole milliseconds, one later.
 */
export function instantsOf(atom: Atom, subject: Subject, resource: unknown, context: unknown): readonly number[] {
  const other = readsNow(atom.path) ? compileRight(atom) : compilePath(atom.path)
  const value = other(subject, resource, context)
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.flatMap((entry) => (typeof entry === 'number' ? [entry, entry + 1] : []))
}

function readsNow(path: { readonly root: string; readonly name: string }): boolean {
  return path.root === 'context' && path.name === 'now'
}
