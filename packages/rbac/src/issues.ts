import type { PolicyIssue, PolicyIssueCode } from './errors.js'
import type { Json, JsonObject } from './snapshot.js'

const MAX_ISSUES = 1000
const MAX_COLLECTED = 10_000
/** So many unknown names are compared with the known ones: each may cost thousands of comparisons. */
const MAX_SUGGESTED = 100
/** More than any object of a document has keys. */
const MAX_NAMED = 16
const MAX_COMPARED = 5000
/** That of the longest permission, and one more. */
const MAX_LENGTH = 130
const MAX_EDITS = 2
/** Two rows of the table of edits, used again for each of the many names that are compared. */
const ROWS: readonly [Uint8Array, Uint8Array] = [new Uint8Array(MAX_LENGTH * 2), new Uint8Array(MAX_LENGTH * 2)]

/** Collects the mistakes of one document. */
export class Issues {
  readonly #found: PolicyIssue[] = []
  #suggested = 0

  get empty(): boolean {
    return this.#found.length === 0
  }

  /** Whether nothing more is collected. */
  get full(): boolean {
    return this.#found.length >= MAX_COLLECTED
  }

  add(code: PolicyIssueCode, pointer: string, message: string, hint: string): void {
    if (!this.full) this.#found.push({ code, pointer, message, hint })
  }

  /** A name that nothing has; the hint is what it may have meant, or a few of the known names. */
  addUnknown(code: PolicyIssueCode, pointer: string, message: string, name: string, known: Iterable<string>): void {
    if (this.full) return
    this.add(code, pointer, message, this.#suggested++ < MAX_SUGGESTED ? nearest(name, known) : someOf(known))
  }

  /** In document order: the order in which a reader meets the places, not that in which the phases ran. */
  inOrderOf(document: Json): readonly PolicyIssue[] {
    const numbersOf = keyNumbers()
    const placed = this.#found.map((issue) => ({ issue, place: placeOf(issue.pointer, document, numbersOf) }))
    placed.sort((left, right) => comparePlaces(left.place, right.place))
    return placed.slice(0, MAX_ISSUES).map(({ issue }) => issue)
  }
}

/** The numbers of the keys of an object, counted once however many issues lie below it. */
function keyNumbers(): (node: JsonObject) => ReadonlyMap<string, number> {
  const counted = new Map<JsonObject, ReadonlyMap<string, number>>()
  return (node) => {
    let numbers = counted.get(node)
    if (numbers === undefined) {
      numbers = new Map(Object.keys(node).map((key, index) => [key, index]))
      counted.set(node, numbers)
    }
    return numbers
  }
}

function placeOf(pointer: string, document: Json, numbersOf: ReturnType<typeof keyNumbers>): readonly number[] {
  let node: Json = document
  return pointer
    .split('/')
    .slice(1)
    .map((token) => {
      const key = token.replaceAll('~1', '/').replaceAll('~0', '~')
      if (node === null || typeof node !== 'object') return 0
      if (isList(node)) {
        const index = Number(key)
        node = node[index] ?? null
        return index
      }
      const index = numbersOf(node).get(key)
      node = node[key] ?? null
      return index ?? Number.MAX_SAFE_INTEGER
    })
}

function comparePlaces(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** "did you mean": the candidate within two edits, or the known names; only of many not all. */
export function nearest(name: string, candidates: Iterable<string>): string {
  const known = first(candidates, MAX_COMPARED)
  let best: string | undefined
  let distance = MAX_EDITS + 1
  for (const candidate of known) {
    const edits = editDistance(name, candidate, distance)
    if (edits >= distance) continue
    distance = edits
    best = candidate
    if (distance <= 1) break
  }
  return best === undefined ? someOf(known) : `did you mean ${JSON.stringify(best)}?`
}

/** The known names; only of many not all. */
function someOf(candidates: Iterable<string>): string {
  const known = first(candidates, MAX_NAMED + 1)
  if (known.length === 0) return 'none is declared'
  return `known: ${known.slice(0, MAX_NAMED).join(', ')}${known.length > MAX_NAMED ? ', …' : ''}`
}

function first(names: Iterable<string>, atMost: number): readonly string[] {
  const found: string[] = []
  for (const name of names) {
    found.push(name)
    if (found.length >= atMost) break
  }
  return found
}

/** Levenshtein's distance if it is below the limit, else the limit: only paths near the diagonal can stay below. */
function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) >= limit || left.length > MAX_LENGTH) return limit
  let [row, next] = ROWS
  for (let j = 0; j < limit; j++) row[j] = j
  row[limit] = limit
  for (let i = 1; i <= left.length; i++) {
    const from = Math.max(1, i - limit + 1)
    const to = Math.min(right.length, i + limit - 1)
    next[from - 1] = from === 1 ? i : limit
    let least = limit
    for (let j = from; j <= to; j++) {
      const swap = (row[j - 1] ?? limit) + (left[i - 1] === right[j - 1] ? 0 : 1)
      const edits = Math.min(swap, (row[j] ?? limit) + 1, (next[j - 1] ?? limit) + 1)
      next[j] = edits
      if (edits < least) least = edits
    }
    if (least >= limit && from > 1) return limit
    next[to + 1] = limit
    ;[row, next] = [next, row]
  }
  return Math.min(row[right.length] ?? limit, limit)
}
