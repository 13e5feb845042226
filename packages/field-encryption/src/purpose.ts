import { FieldEncryptionError, type FieldEncryptionErrorCode } from './errors.js'

/** Told once per decrypt call, on failure too, before anything is released. Carries no value. */
export interface DecryptEvent<P extends string = string> {
  /** ms since the epoch. */
  readonly at: number
  readonly purpose: P
  readonly actor: string | null
  readonly table: string
  readonly fields: readonly string[]
  readonly rows: readonly { readonly tenant: string | null; readonly row: string | null }[]
  readonly keyIds: readonly string[]
  readonly outcome: 'success' | 'partial' | 'failure'
  readonly code: FieldEncryptionErrorCode | null
}

/** Fields that one actor may open per window; a token bucket, refilled steadily over `windowMs`. */
export interface Budget {
  readonly fields: number
  readonly windowMs: number
}

/** Who asks, as budgets count and hooks are told; null when it is not said. */
export function checkActor(actor: unknown): string | null {
  if (actor === undefined) return null
  if (typeof actor !== 'string' || actor === '') throw new TypeError('actor must be a non-empty string')
  return actor
}

const maxActors = 10_000

interface Bucket {
  left: number
  at: number
}

/** Token buckets per actor, at most 10 000 of them, the least recently used out first. In memory of this process. */
export class BudgetMeter {
  readonly #budget: Budget
  readonly #buckets = new Map<string, Bucket>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** Takes all of `fields` or nothing. */
  take(actor: string | null, fields: number, now: number): void {
    const { fields: capacity, windowMs } = this.#budget
    const name = actor === null ? '' : `:${actor}`
    const bucket = this.#buckets.get(name) ?? { left: capacity, at: now }
    // A clock that is set back refills nothing.
    const elapsed = Math.max(0, now - bucket.at)
    bucket.left = Math.min(capacity, bucket.left + (elapsed * capacity) / windowMs)
    bucket.at = Math.max(bucket.at, now)
    this.#buckets.delete(name)
    this.#buckets.set(name, bucket)
    if (this.#buckets.size > maxActors) {
      const oldest = this.#buckets.keys().next().value
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    if (bucket.left < fields) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED')
    bucket.left -= fields
  }
}
