import type { Compiled } from './compile.js'
import { type NamedCeilings, RoleSet } from './role-set.js'

/** A place in the trie; the last step of a walk finds its role set there. */
export interface TrieNode {
  readonly children: Map<string | symbol, TrieNode>
  readonly parent: TrieNode | null
  readonly step: string | symbol
  set: RoleSet | null
}

/** Symbols, because a subject may hold a role of any text: no text may walk where these lead. */
export const ACTIVE_STEP: unique symbol = Symbol('active roles')
export const CEILING_STEP: unique symbol = Symbol('ceilings')
export const UNKNOWN_CEILING_STEP: unique symbol = Symbol('unknown ceiling')

const newRoot = (): TrieNode => ({ children: new Map(), parent: null, step: '', set: null })

/** The names walked from the root to here, in their order: what the role set of this place is made of. */
export function rolesWalked(node: TrieNode): readonly string[] {
  const names: string[] = []
  for (let at = node; at.parent !== null; at = at.parent) if (typeof at.step === 'string') names.push(at.step)
  return names.reverse()
}

const NODES_PER_SET = 8

/**
 * Finds the role set of a session by walking the names in the order given, so that a warm look-up builds no key. Names
 * that the policy does not know are never inserted; when it is full, it starts again.
 */
export class RoleSetCache {
  readonly #compiled: Compiled
  readonly #max: number
  #root: TrieNode = newRoot()
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

  /**
   * One step on, through a name that the policy knows. When the trie is full this starts a new one: the walk goes on
   * beside it, in what nobody finds any more.
   */
  step(node: TrieNode, name: string | symbol): TrieNode {
    const found = node.children.get(name)
    if (found !== undefined) return found
    // A session may be refused after its walk, and never fill: it is here that the trie has to be bounded.
    if (this.#nodes >= this.#max * NODES_PER_SET) this.#restart()
    const next: TrieNode = { children: new Map(), parent: node, step: name, set: null }
    node.children.set(name, next)
    this.#nodes++
    return next
  }

  /** Puts the role set of a walk at its end, made unless another order of the same names has it. */
  fill(node: TrieNode, assigned: readonly number[], active: readonly number[], ceilings: NamedCeilings): RoleSet {
    const key = JSON.stringify([assigned, active, [...ceilings.known].sort(), ceilings.unknown])
    let set = this.#sets.get(key)
    if (set === undefined) {
      set = new RoleSet(this.#compiled, assigned, active, ceilings)
      if (this.#sets.size >= this.#max) this.#restart()
      this.#sets.set(key, set)
    }
    node.set = set
    return set
  }

  #restart(): void {
    this.#root = newRoot()
    this.#nodes = 0
    this.#sets = new Map()
  }
}
