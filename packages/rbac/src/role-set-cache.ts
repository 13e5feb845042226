import type { Compiled } from './compile.js'
import { type NamedCeilings, RoleSet } from './role-set.js'

/** A place in the trie; the last step of a walk finds its role set there. */
export interface TrieNode {
  readonly children: Map<string, TrieNode>
  set: RoleSet | null
}

/** Steps that no role or ceiling can be named: names begin with a letter. */
export const ACTIVE_STEP = '>'
export const CEILING_STEP = '^'
export const UNKNOWN_CEILING_STEP = '?'

const NODES_PER_SET = 8

/**
 * Finds the role set of a session by walking the names in the order given, so that a warm look-up builds no key. Names
 * that the policy does not know are never inserted; when it is full, it starts again.
 */
export class RoleSetCache {
  readonly #compiled: Compiled
  readonly #max: number
  #root: TrieNode = { children: new Map(), set: null }
  #nodes = 0
  /** By the roles in order of number: two orders of the same roles share one row. */
  #sets = new Map<string, RoleSet>()

  constructor(compiled: Compiled, max: number) {
    this.#compiled = compiled
    this.#max = max
  }

  get root(): TrieNode {
    return this.#root
  }

  /** One step on, through a name that the policy knows. */
  step(node: TrieNode, name: string): TrieNode {
    const found = node.children.get(name)
    if (found !== undefined) return found
    const next: TrieNode = { children: new Map(), set: null }
    node.children.set(name, next)
    this.#nodes++
    return next
  }

  /** Puts the role set of a walk at its end, made unless another order of the same names has it. */
  fill(node: TrieNode, assigned: readonly number[], active: readonly number[], ceilings: NamedCeilings): RoleSet {
    const key = JSON.stringify([assigned, active, [...ceilings.known].sort(), ceilings.unknown])
    const set = this.#sets.get(key) ?? new RoleSet(this.#compiled, assigned, active, ceilings)
    if (this.#sets.size >= this.#max || this.#nodes > this.#max * NODES_PER_SET) this.#restart()
    this.#sets.set(key, set)
    node.set = set
    return set
  }

  #restart(): void {
    this.#root = { children: new Map(), set: null }
    this.#nodes = 0
    this.#sets = new Map()
  }
}
