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
  readonly #numbers = new Map<string, number>()
  readonly #patterns: { readonly text: string; readonly ids: readonly number[] }[] = []

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

  /** The number of a pattern (`a:b`, `a:*`, `*:b`, `*`), the same for the same text; -1 if it matches nothing. */
  number(pattern: string): number {
    const known = this.#numbers.get(pattern)
    if (known !== undefined) return known
    const ids = this.#match(pattern)
    if (ids.length === 0) return -1
    const number = this.#patterns.push({ text: pattern, ids }) - 1
    this.#numbers.set(pattern, number)
    return number
  }

  /** The permissions of a pattern by its number, ascending. */
  ids(number: number): readonly number[] {
    return this.#patterns[number]?.ids ?? []
  }

  text(number: number): string {
    return this.#patterns[number]?.text ?? ''
  }

  /** Whether one of the patterns covers a permission. */
  covers(patterns: readonly number[] | Int32Array, permission: number): boolean {
    for (let index = 0; index < patterns.length; index++)
      if (includes(this.ids(patterns[index] ?? -1), permission)) return true
    return false
  }

  /** The numbers of those patterns of the policy that cover a permission: at most four. */
  covering(permission: number): readonly number[] {
    const [name, resource] = [this.names[permission], this.resources[permission]?.name]
    if (name === undefined || resource === undefined) return []
    const action = name.slice(resource.length + 1)
    return [name, `${resource}:*`, `*:${action}`, '*'].flatMap((text) => this.#numbers.get(text) ?? [])
  }

  #match(pattern: string): readonly number[] {
    if (pattern === '*') return this.names.map((_, id) => id)
    if (pattern.startsWith('*:')) return this.#byAction.get(pattern.slice(2)) ?? []
    if (pattern.endsWith(':*')) return this.#byResource.get(pattern.slice(0, -2)) ?? []
    const id = this.#ids.get(pattern)
    return id === undefined ? [] : [id]
  }
}

/** Binary search: a wildcard may stand for tens of thousands. */
function includes(ids: readonly number[], wanted: number): boolean {
  let low = 0
  let high = ids.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const id = ids[middle] ?? 0
    if (id === wanted) return true
    if (id < wanted) low = middle + 1
    else high = middle - 1
  }
  return false
}

function push(map: Map<string, number[]>, key: string, id: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [id])
  else list.push(id)
}
