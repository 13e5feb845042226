import type { Rule } from './model.js'

/** What the roles of a document state, by the number of a role: its place among the names sorted by code unit. */
export interface RoleTable {
  /** Sorted by code unit. */
  readonly names: readonly string[]
  readonly ids: ReadonlyMap<string, number>
  /** 1 where the scope is `platform`. */
  readonly platform: Uint8Array
  /** The numbers of the juniors that each role names. */
  readonly juniors: Rows
  /** The numbers of the patterns that stand in `permit` as plain texts. */
  readonly patterns: Rows
  /** The place of each of these in its list, where that is not its number among them: where rules stand between. */
  readonly places: Rows
  /** The rules with an id of their own; only of roles that have some. */
  readonly rules: ReadonlyMap<number, readonly Rule[]>
}

/** Rows of numbers in one array (compressed sparse rows): a hundred thousand lists would be as many objects. */
export class Rows {
  readonly #values: Int32Array
  readonly #start: Int32Array

  constructor(values: Int32Array, start: Int32Array) {
    this.#values = values
    this.#start = start
  }

  row(id: number): Int32Array {
    return this.#values.subarray(this.#start[id], this.#start[id + 1])
  }

  length(id: number): number {
    return (this.#start[id + 1] ?? 0) - (this.#start[id] ?? 0)
  }

  at(id: number, place: number): number | undefined {
    return place < this.length(id) ? this.#values[(this.#start[id] ?? 0) + place] : undefined
  }
}

/** Builds rows in the order in which a document names the roles. */
export class RowsBuilder {
  readonly #values: number[] = []
  readonly #ends: number[] = []
  readonly #ids: number[] = []

  push(value: number): void {
    this.#values.push(value)
  }

  /** Ends the row of a role. */
  end(id: number): void {
    this.#ids.push(id)
    this.#ends.push(this.#values.length)
  }

  /** Whether a number occurs twice in the row that is not ended yet. */
  hasTwins(): boolean {
    const from = this.#ends.at(-1) ?? 0
    if (this.#values.length - from > 16) {
      const row = this.#values.slice(from)
      return new Set(row).size !== row.length
    }
    for (let index = from + 1; index < this.#values.length; index++)
      for (let earlier = from; earlier < index; earlier++)
        if (this.#values[index] === this.#values[earlier]) return true
    return false
  }

  /** The rows of `count` roles by their numbers. */
  build(count: number): Rows {
    const start = new Int32Array(count + 1)
    for (let row = 0; row < this.#ids.length; row++)
      start[(this.#ids[row] ?? 0) + 1] = (this.#ends[row] ?? 0) - (this.#ends[row - 1] ?? 0)
    for (let id = 0; id < count; id++) start[id + 1] = (start[id + 1] ?? 0) + (start[id] ?? 0)
    const values = new Int32Array(this.#values.length)
    for (let row = 0; row < this.#ids.length; row++) {
      let to = start[this.#ids[row] ?? 0] ?? 0
      for (let from = this.#ends[row - 1] ?? 0; from < (this.#ends[row] ?? 0); from++)
        values[to++] = this.#values[from] ?? 0
    }
    return new Rows(values, start)
  }
}
