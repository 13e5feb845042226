import type { PolicyIssue, PolicyIssueCode } from './errors.js'
import type { Json, JsonObject } from './snapshot.js'

const MAX_ISSUES = 1000
const MAX_COLLECTED = 10_000
/** More than any object of a document has keys. */
const MAX_NAMED = 16

/** Collects the mistakes of one document. */
export class Issues {
  readonly #found: PolicyIssue[] = []

  get empty(): boolean {
    return this.#found.length === 0
  }

  add(code: PolicyIssueCode, pointer: string, message: string, hint: string): void {
    if (this.#found.length < MAX_COLLECTED) this.#found.push({ code, pointer, message, hint })
  }

  /** In document order: the order in which a reader meets the places, not that in which the phases ran. */
  inOrderOf(document: Json): readonly PolicyIssue[] {
    const placed = this.#found.map((issue) => ({ issue, place: placeOf(issue.pointer, document) }))
    placed.sort((left, right) => comparePlaces(left.place, right.place))
    return placed.slice(0, MAX_ISSUES).map(({ issue }) => issue)
  }
}

function placeOf(pointer: string, document: Json): readonly number[] {
  let node: Json = document
  return pointer
    .split('/')
    .slice(1)
    .map((token) => {
      const key = token.replaceAll('~1', '/').replaceAll('~0', '~')
      if (node === null || typeof node !== 'object') return 0
      const index = isList(node) ? Number(key) : Object.keys(node).indexOf(key)
      node = (isList(node) ? node[index] : node[key]) ?? null
      return index < 0 ? Number.MAX_SAFE_INTEGER : index
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
  let best: string | undefined
  let distance = 3
  const known: string[] = []
  let seen = 0
  for (const candidate of candidates) {
    if (seen++ >= 5000) break
    if (known.length < MAX_NAMED) known.push(candidate)
    const edits = editDistance(name, candidate, distance)
    if (edits < distance) {
      distance = edits
      best = candidate
    }
  }
  if (best !== undefined) return `did you mean ${JSON.stringify(best)}?`
  return known.length === 0 ? 'none is declared' : `known: ${known.join(', ')}${seen > known.length ? ', …' : ''}`
}

function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) >= limit || left.length > 130) return limit
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const swap = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? limit
}
