import type { Held } from '@coffer/lease'
import type { AccessToken } from './access-token.js'

const none = -1

/**
 * Tokens by key, least recently used first to go. A quiet key is one `AccessToken` and a row of numbers in typed
 * columns; the columns double up to `max`.
 */
export class Slots {
  readonly #max: number
  readonly #index = new Map<string, number>()
  readonly #keys: (string | undefined)[] = []
  readonly #tokens: (AccessToken | undefined)[] = []
  #sinceWall: Float64Array
  #sinceMono: Float64Array
  #ttlMs: Float64Array
  #refreshAfterMs: Float64Array
  #previous: Int32Array
  #next: Int32Array
  #free: number[] = []
  #front = none
  #back = none

  constructor(max: number) {
    this.#max = max
    const rows = Math.min(max, 16)
    this.#sinceWall = new Float64Array(rows)
    this.#sinceMono = new Float64Array(rows)
    this.#ttlMs = new Float64Array(rows)
    this.#refreshAfterMs = new Float64Array(rows)
    this.#previous = new Int32Array(rows)
    this.#next = new Int32Array(rows)
  }

  get size(): number {
    return this.#index.size
  }

  /** Whether another key would be one too many. */
  get full(): boolean {
    return this.#index.size >= this.#max
  }

  /** The row of a key, or -1. `hint` is a row it had before. */
  rowOf(key: string, hint: number): number {
    return this.#keys[hint] === key ? hint : (this.#index.get(key) ?? none)
  }

  /** The token at a row while it is before its refresh time on both clocks; the row becomes the most recently used. */
  fresh(row: number, wallMs: number, monoMs: number): AccessToken | undefined {
    const token = this.#tokens[row]
    if (token === undefined) return undefined
    const refreshAfterMs = this.#refreshAfterMs[row] ?? 0
    if (wallMs - (this.#sinceWall[row] ?? 0) >= refreshAfterMs) return undefined
    if (monoMs - (this.#sinceMono[row] ?? 0) >= refreshAfterMs) return undefined
    if (this.#front !== row) this.touch(row)
    return token
  }

  /** A row for a key that has none; at the front, without a token. */
  insert(key: string): number {
    const row = this.#free.pop() ?? this.#keys.length
    if (row >= this.#sinceWall.length) this.#grow(row + 1)
    this.#keys[row] = key
    this.#tokens[row] = undefined
    this.#index.set(key, row)
    this.#linkFront(row)
    return row
  }

  /** The least recently used key for which `mayGo` holds. */
  oldest(mayGo: (key: string) => boolean): string | undefined {
    for (let row = this.#back; row !== none; row = this.#previous[row] ?? none) {
      const key = this.#keys[row]
      if (key !== undefined && mayGo(key)) return key
    }
    return undefined
  }

  remove(key: string): void {
    const row = this.#index.get(key)
    if (row === undefined) return
    this.#index.delete(key)
    this.#unlink(row)
    this.#keys[row] = undefined
    this.#tokens[row] = undefined
    this.#free.push(row)
  }

  touch(row: number): void {
    if (this.#front === row) return
    this.#unlink(row)
    this.#linkFront(row)
  }

  /** Packs a quiet value. */
  put(row: number, held: Held<AccessToken>): void {
    this.#tokens[row] = held.value
    this.#sinceWall[row] = held.since.wallMs
    this.#sinceMono[row] = held.since.monoMs
    this.#ttlMs[row] = held.ttlMs
    this.#refreshAfterMs[row] = held.refreshAfterMs
  }

  /** Takes the value out, so that no two places answer for it. */
  take(row: number): Held<AccessToken> | undefined {
    const value = this.#tokens[row]
    if (value === undefined) return undefined
    this.#tokens[row] = undefined
    return {
      value,
      since: { wallMs: this.#sinceWall[row] ?? 0, monoMs: this.#sinceMono[row] ?? 0 },
      ttlMs: this.#ttlMs[row] ?? 0,
      refreshAfterMs: this.#refreshAfterMs[row] ?? 0,
    }
  }

  /** Every packed token. */
  *tokens(): Generator<AccessToken> {
    for (const token of this.#tokens) if (token !== undefined) yield token
  }

  #linkFront(row: number): void {
    this.#previous[row] = none
    this.#next[row] = this.#front
    if (this.#front !== none) this.#previous[this.#front] = row
    this.#front = row
    if (this.#back === none) this.#back = row
  }

  #unlink(row: number): void {
    const previous = this.#previous[row] ?? none
    const next = this.#next[row] ?? none
    if (previous === none) this.#front = next
    else this.#next[previous] = next
    if (next === none) this.#back = previous
    else this.#previous[next] = previous
  }

  #grow(needed: number): void {
    // Above `max` only while every key has a flight: none of them may go.
    const rows = Math.max(needed, Math.min(this.#max, this.#sinceWall.length * 2))
    this.#sinceWall = copied(this.#sinceWall, new Float64Array(rows))
    this.#sinceMono = copied(this.#sinceMono, new Float64Array(rows))
    this.#ttlMs = copied(this.#ttlMs, new Float64Array(rows))
    this.#refreshAfterMs = copied(this.#refreshAfterMs, new Float64Array(rows))
    this.#previous = copied(this.#previous, new Int32Array(rows))
    this.#next = copied(this.#next, new Int32Array(rows))
  }
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
