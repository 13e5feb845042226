import type { Resource } from './model.js'
import { byCodeUnit } from './value.js'

/** The permissions of a policy as dense numbers, and the patterns over them. */
export class Vocabulary {
  /** Sorted by code unit; a permission's number is its place. */
  readonly names: readonly string[]
  /** The resource of each permission. */
  readonly resources: readonly Resource[]
  readonly #ids: ReadonlyMap<string, number>
  readonly #byAction = new Map<string, number[]>()
  readonly #byResource = new Map<string, number[]>()
  readonly #patterns = new Map<string, readonly number[]>()

  constructor(resources: ReadonlyMap<string, Resource>) {
    const entries = [...resources.values()].flatMap((resource) =>
      resource.actions.map((action) => ({ name: `${resource.name}:${action}`, action, resource })),
    )
    entries.sort((left, right) => byCodeUnit(left.name, right.name))
    this.names = Object.freeze(entries.map((entry) => entry.name))
    this.resources = entries.map((entry) => entry.resource)
    this.#ids = new Map(entries.map((entry, id) => [entry.name, id]))
    for (const [id, entry] of entries.entries()) {
      push(this.#byAction, entry.action, id)
      push(this.#byResource, entry.resource.name, id)
    }
  }

  id(name: string): number | undefined {
    return this.#ids.get(name)
  }

  /** The numbers that a pattern (`a:b`, `a:*`, `*:b`, `*`) stands for, ascending; empty if it matches nothing. */
  expand(pattern: string): readonly number[] {
    let ids = this.#patterns.get(pattern)
    if (ids === undefined) {
      ids = this.#match(pattern)
      this.#patterns.set(pattern, ids)
    }
    return ids
  }

  #match(pattern: string): readonly number[] {
    if (pattern === '*') return this.names.map((_, id) => id)
    if (pattern.startsWith('*:')) return this.#byAction.get(pattern.slice(2)) ?? []
    if (pattern.endsWith(':*')) return this.#byResource.get(pattern.slice(0, -2)) ?? []
    const id = this.#ids.get(pattern)
    return id === undefined ? [] : [id]
  }
}

function push(map: Map<string, number[]>, key: string, id: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [id])
  else list.push(id)
}
