import type { Held } from '@coffer/lease'
import type { AccessToken } from './access-token.js'

const none = -1

/**
 * Where a handle found its token. While the row's version is the same, so is everything else: a look-up reads that one
 * number of the cache and touches neither key nor token, which lie anywhere in a heap of a million keys.
 */
export interface Place {
  row: number
  version: number
  token: AccessToken | undefined
  /** Fresh before both. */
  untilWallMs: number
  untilMonoMs: number
  /** The count of moves at which the row was last moved to the front. */
  movedAt: number
}

/** A place where nothing is. */
export function nowhere(): Place {
  const never = Number.NEGATIVE_INFINITY
  return { row: 0, version: 0, token: undefined, untilWallMs: never, untilMonoMs: never, movedAt: 0 }
}

/** The columns of a row of times. `movedAt` is the count of moves at which the row was last moved to the front. */
const columns = 4
const sinceWall = 0
const sinceMono = 1
const refreshAfter = 2
const movedAt = 3

/**
 * Tokens by key, least recently used first to go. A quiet key is one `AccessToken`, two places in a list and a row of
 * numbers; all of them double up to `max`.
 */
export class Slots {
  readonly #max: number
  readonly #index = new Map<string, number>()
  /** Key and token of a row, side by side. */
  #entries: (string | AccessToken | undefined)[]
  #times: Float64Array
  #ttls: Float64Array
  /** Counts what happened to a row, so that a place can tell that it is out of date. */
  #versions: Uint32Array
  /** The row before and the row after. */
  #links: Int32Array
  #rows = 0
  #moves = 0
  readonly #free: number[] = []
  #front = none
  #back = none

  constructor(max: number) {
    this.#max = max
    const rows = Math.min(max, 16)
    this.#entries = new Array(rows * 2)
    this.#times = new Float64Array(rows * columns)
    this.#ttls = new Float64Array(rows)
    this.#versions = new Uint32Array(rows)
    this.#links = new Int32Array(rows * 2)
  }

  get size(): number {
    return this.#index.size
  }

  /** Whether another key would be one too many. */
  get full(): boolean {
    return this.#index.size >= this.#max
  }

  /** The row of a key, or -1. */
  rowOf(key: string): number {
    return this.#index.get(key) ?? none
  }

  /** Whether what was found at a place is there and fresh by both clocks. If so it was used, which the order notes. */
  isFresh(place: Place, wallMs: number, monoMs: number): boolean {
    if (wallMs >= place.untilWallMs || monoMs >= place.untilMonoMs) return false
    if (this.#versions[place.row] !== place.version) return false
    // A row that was moved a moment ago is far from the end: to move it again would touch four more.
    if (this.#moves - place.movedAt > this.#index.size >> 2) {
      this.touch(place.row)
      place.movedAt = this.#moves
    }
    return true
  }

  /** Notes in `place` what is at a row now. */
  find(place: Place, row: number): void {
    const at = row * columns
    const times = this.#times
    const refreshAfterMs = times[at + refreshAfter] ?? 0
    place.row = row
    place.version = this.#versions[row] ?? 0
    place.token = this.#tokenAt(row)
    place.untilWallMs = (times[at + sinceWall] ?? 0) + refreshAfterMs
    place.untilMonoMs = (times[at + sinceMono] ?? 0) + refreshAfterMs
    place.movedAt = times[at + movedAt] ?? 0
  }

  /** A row for a key that has none; at the front, without a token. */
  insert(key: string): number {
    const row = this.#free.pop() ?? this.#rows++
    if (row * columns >= this.#times.length) this.#grow(row + 1)
    this.#entries[row * 2] = key
    this.#clear(row)
    this.#index.set(key, row)
    this.#linkFront(row)
    return row
  }

  /** The least recently used key for which `mayGo` holds. */
  oldest(mayGo: (key: string) => boolean): string | undefined {
    for (let row = this.#back; row !== none; row = this.#links[row * 2] ?? none) {
      const key = this.#entries[row * 2]
      if (typeof key === 'string' && mayGo(key)) return key
    }
    return undefined
  }

  remove(key: string): void {
    const row = this.#index.get(key)
    if (row === undefined) return
    this.#index.delete(key)
    this.#unlink(row)
    this.#entries[row * 2] = undefined
    this.#clear(row)
    this.#free.push(row)
  }

  /** Makes a row the most recently used. */
  touch(row: number): void {
    if (this.#front === row) return
    this.#unlink(row)
    this.#linkFront(row)
  }

  /** Packs a quiet value. */
  put(row: number, held: Held<AccessToken>): void {
    const at = row * columns
    this.#changed(row)
    this.#entries[row * 2 + 1] = held.value
    this.#times[at + sinceWall] = held.since.wallMs
    this.#times[at + sinceMono] = held.since.monoMs
    this.#times[at + refreshAfter] = held.refreshAfterMs
    this.#ttls[row] = held.ttlMs
  }

  /** Takes the value out, so that no two places answer for it. */
  take(row: number): Held<AccessToken> | undefined {
    const value = this.#tokenAt(row)
    if (value === undefined) return undefined
    const at = row * columns
    const held = {
      value,
      since: { wallMs: this.#times[at + sinceWall] ?? 0, monoMs: this.#times[at + sinceMono] ?? 0 },
      ttlMs: this.#ttls[row] ?? 0,
      refreshAfterMs: this.#times[at + refreshAfter] ?? 0,
    }
    this.#clear(row)
    return held
  }

  /** Every packed token. */
  *tokens(): Generator<AccessToken> {
    for (let row = 0; row < this.#rows; row += 1) {
      const token = this.#tokenAt(row)
      if (token !== undefined) yield token
    }
  }

  #tokenAt(row: number): AccessToken | undefined {
    const token = this.#entries[row * 2 + 1]
    return typeof token === 'string' ? undefined : token
  }

  // A life of nothing: the row is never fresh.
  #clear(row: number): void {
    this.#changed(row)
    this.#entries[row * 2 + 1] = undefined
    this.#times[row * columns + refreshAfter] = Number.NEGATIVE_INFINITY
  }

  #changed(row: number): void {
    this.#versions[row] = (this.#versions[row] ?? 0) + 1
  }

  #linkFront(row: number): void {
    this.#moves += 1
    this.#times[row * columns + movedAt] = this.#moves
    this.#links[row * 2] = none
    this.#links[row * 2 + 1] = this.#front
    if (this.#front !== none) this.#links[this.#front * 2] = row
    this.#front = row
    if (this.#back === none) this.#back = row
  }

  #unlink(row: number): void {
    const previous = this.#links[row * 2] ?? none
    const next = this.#links[row * 2 + 1] ?? none
    if (previous === none) this.#front = next
    else this.#links[previous * 2 + 1] = next
    if (next === none) this.#back = previous
    else this.#links[next * 2] = previous
  }

  #grow(needed: number): void {
    // Above `max` only while every key has a flight: none of them may go.
    const rows = Math.max(needed, Math.min(this.#max, (this.#times.length / columns) * 2))
    const entries = new Array<string | AccessToken | undefined>(rows * 2)
    for (let place = 0; place < this.#entries.length; place += 1) entries[place] = this.#entries[place]
    this.#entries = entries
    this.#times = copied(this.#times, new Float64Array(rows * columns))
    this.#ttls = copied(this.#ttls, new Float64Array(rows))
    this.#versions = copied(this.#versions, new Uint32Array(rows))
    this.#links = copied(this.#links, new Int32Array(rows * 2))
  }
}

function copied<T extends Float64Array | Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
