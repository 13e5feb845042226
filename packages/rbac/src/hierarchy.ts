import type { Issues } from './issues.js'
import { at } from './json.js'
import type { RoleTable, Rows } from './role-table.js'

/** The roles of a policy as dense numbers with their juniors. */
export class Hierarchy {
  readonly names: readonly string[]
  readonly #ids: ReadonlyMap<string, number>
  readonly #juniors: Rows

  constructor({ names, ids, juniors }: RoleTable) {
    this.names = names
    this.#ids = ids
    this.#juniors = juniors
  }

  id(name: string): number | undefined {
    return this.#ids.get(name)
  }

  name(id: number): string {
    return this.names[id] ?? ''
  }

  juniors(id: number): Int32Array {
    return this.#juniors.row(id)
  }

  /** The junior at a place of the list that the role gives; `undefined` past its end. */
  junior(id: number, place: number): number | undefined {
    return this.#juniors.at(id, place)
  }

  /** The roles and all their juniors, to any depth, ascending. Iterative: depth cannot exhaust the stack. */
  closure(roles: Iterable<number>): Int32Array {
    const seen = new Set<number>(roles)
    // A Set is walked in insertion order and includes what is added on the way.
    for (const id of seen) for (const junior of this.juniors(id)) seen.add(junior)
    return Int32Array.from(seen).sort()
  }

  /** The path from one of the roles down to `target`, shortest first; empty if there is none. */
  path(from: Iterable<number>, target: number): readonly string[] {
    const above = new Map<number, number>()
    const queue = [...from].sort((left, right) => left - right)
    for (const id of queue) above.set(id, -1)
    for (let index = 0; index < queue.length && !above.has(target); index++) {
      const id = queue[index] ?? 0
      for (const junior of this.juniors(id)) {
        if (above.has(junior)) continue
        above.set(junior, id)
        queue.push(junior)
      }
    }
    const path: string[] = []
    for (let id = above.has(target) ? target : -1; id >= 0; id = above.get(id) ?? -1) path.unshift(this.name(id))
    return path
  }
}

/** Reports each inheritance cycle once, with its path. */
export function checkCycles(hierarchy: Hierarchy, issues: Issues): void {
  const state = new Uint8Array(hierarchy.names.length)
  const depth = new Int32Array(state.length)
  for (let root = 0; root < state.length; root++) if (state[root] === 0) walk(root, hierarchy, state, depth, issues)
}

const OPEN = 1
const DONE = 2
/** So many roles of a cycle are named: each of a hundred thousand cycles may be as long. */
const MAX_NAMED = 32

/** Depth first with a stack of its own; a junior that is still open, at its depth on the path, closes a cycle. */
function walk(root: number, hierarchy: Hierarchy, state: Uint8Array, depth: Int32Array, issues: Issues): void {
  const path: number[] = [root]
  const next: number[] = [0]
  state[root] = OPEN
  depth[root] = 0
  while (path.length > 0) {
    const id = path.at(-1) ?? 0
    const position = next.at(-1) ?? 0
    const junior = hierarchy.junior(id, position)
    if (junior === undefined) {
      state[id] = DONE
      path.pop()
      next.pop()
      continue
    }
    next[next.length - 1] = position + 1
    if (state[junior] === OPEN) reportCycle(path, depth[junior] ?? 0, hierarchy, issues)
    else if (state[junior] !== DONE) {
      state[junior] = OPEN
      depth[junior] = path.length
      path.push(junior)
      next.push(0)
    }
  }
}

/** The cycle is the path from this depth on, back to where it begins. */
function reportCycle(path: readonly number[], from: number, hierarchy: Hierarchy, issues: Issues): void {
  if (issues.full) return
  const names = path.slice(from, from + MAX_NAMED).map((id) => hierarchy.name(id))
  const [first = ''] = names
  const between = path.length - from > MAX_NAMED ? ['…'] : []
  const cycle = [...names, ...between, first].join(' > ')
  issues.add(
    'role-cycle',
    at(at('/roles', first), 'inherits'),
    `a role inherits itself: ${cycle}`,
    'remove one of these edges',
  )
}
