import type { Hierarchy } from './hierarchy.js'
import { Rows } from './role-table.js'

/** Tells for each role which of up to 64 members it reaches, in one pass over the roles that reach any. */
export class Reach {
  readonly #hierarchy: Hierarchy
  readonly #seniors: Rows
  /** Every role after all its juniors, and the place of each role in that order. */
  readonly #order: Int32Array
  readonly #rank: Int32Array
  /** The members that a role reaches, a bit each: the first 32, and the others. */
  readonly #low: Int32Array
  readonly #high: Int32Array

  /** The hierarchy has no cycle. */
  constructor(hierarchy: Hierarchy) {
    const count = hierarchy.names.length
    this.#hierarchy = hierarchy
    this.#seniors = seniorsOf(hierarchy)
    this.#order = juniorsFirst(hierarchy, this.#seniors)
    this.#rank = new Int32Array(count)
    for (let place = 0; place < count; place++) this.#rank[this.#order[place] ?? 0] = place
    this.#low = new Int32Array(count)
    this.#high = new Int32Array(count)
  }

  /** Visits each role that reaches more than `atMost` members; `holders` are the roles that each member is in itself. */
  beyond(
    atMost: number,
    holders: readonly (readonly number[])[],
    visit: (role: number, members: readonly number[]) => void,
  ): void {
    for (const [member, roles] of holders.entries()) {
      const word = member < 32 ? this.#low : this.#high
      for (const role of roles) word[role] = (word[role] ?? 0) | (1 << (member & 31))
    }
    const touched = this.#above(holders.flat())
    for (const place of touched) {
      const role = this.#order[place] ?? 0
      let low = this.#low[role] ?? 0
      let high = this.#high[role] ?? 0
      for (const junior of this.#hierarchy.juniors(role)) {
        low |= this.#low[junior] ?? 0
        high |= this.#high[junior] ?? 0
      }
      this.#low[role] = low
      this.#high[role] = high
      if (bits(low) + bits(high) <= atMost) continue
      const reached = [...holders.keys()].filter((member) => ((member < 32 ? low : high) >>> (member & 31)) & 1)
      visit(role, reached)
    }
    for (const place of touched) {
      const role = this.#order[place] ?? 0
      this.#low[role] = 0
      this.#high[role] = 0
    }
  }

  /** The places of these roles and of all above them, juniors first. */
  #above(roles: readonly number[]): Int32Array {
    const seen = new Set(roles)
    // A Set is walked in insertion order and includes what is added on the way.
    for (const role of seen) for (const senior of this.#seniors.row(role)) seen.add(senior)
    return Int32Array.from(seen, (role) => this.#rank[role] ?? 0).sort()
  }
}

function seniorsOf(hierarchy: Hierarchy): Rows {
  const count = hierarchy.names.length
  const start = new Int32Array(count + 1)
  for (let id = 0; id < count; id++)
    for (const junior of hierarchy.juniors(id)) start[junior + 1] = (start[junior + 1] ?? 0) + 1
  for (let id = 0; id < count; id++) start[id + 1] = (start[id + 1] ?? 0) + (start[id] ?? 0)
  const values = new Int32Array(start[count] ?? 0)
  const next = start.slice()
  for (let id = 0; id < count; id++)
    for (const junior of hierarchy.juniors(id)) {
      const to = next[junior] ?? 0
      values[to] = id
      next[junior] = to + 1
    }
  return new Rows(values, start)
}

/** Kahn's topological order. */
function juniorsFirst(hierarchy: Hierarchy, seniors: Rows): Int32Array {
  const count = hierarchy.names.length
  const order = new Int32Array(count)
  const open = Int32Array.from({ length: count }, (_, id) => hierarchy.juniors(id).length)
  let length = 0
  for (let id = 0; id < count; id++) if (open[id] === 0) order[length++] = id
  for (let place = 0; place < length; place++)
    for (const senior of seniors.row(order[place] ?? 0)) {
      const left = (open[senior] ?? 0) - 1
      open[senior] = left
      if (left === 0) order[length++] = senior
    }
  return order
}

function bits(word: number): number {
  let count = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) count++
  return count
}
