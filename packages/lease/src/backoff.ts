import type { BackoffRange, LeasePolicy } from './policy.js'

/** What a back-off is computed from. */
export interface BackoffInput {
  /** Consecutive failures, this one included: 1 or more. */
  readonly failures: number
  /** Whether a value can be served meanwhile. */
  readonly servable: boolean
  /** Milliseconds of life left in the value held; 0 or less when none is live. */
  readonly leftMs: number
  readonly retryAfterMs?: number | undefined
  /** 0..1 */
  readonly random: number
}

/**
 * The delay before the next attempt, in milliseconds: doubling, and while a live value is held at most a quarter of
 * what is left of it, so that attempts come closer together towards its end. A Retry-After (RFC 9110 §10.2.3) is a
 * floor that jitter only lengthens.
 */
export function backoffMs(policy: LeasePolicy, input: BackoffInput): number {
  const { failures, servable, leftMs, retryAfterMs, random } = input
  const range = servable ? policy.backoff.held : policy.backoff.empty
  const own = range === 'none' ? 0 : doubled(range, failures)
  const capped = servable && range !== 'none' && leftMs > 0 ? withinLife(own, range.baseMs, leftMs) : own
  const delay = capped * (1 - policy.backoff.jitter * random)
  // Not a number is no delay to wait for, and must not undo our own.
  if (retryAfterMs === undefined || Number.isNaN(retryAfterMs)) return delay
  const floor = Math.min(retryAfterMs, policy.maxRetryAfterMs)
  return Math.max(delay, floor * (1 + 0.1 * random))
}

function doubled(range: BackoffRange, failures: number): number {
  // 2^1023 is the last finite power: past it the product would still be cut by maxMs.
  return Math.min(range.maxMs, range.baseMs * 2 ** Math.min(failures - 1, 1_000))
}

function withinLife(delay: number, baseMs: number, leftMs: number): number {
  return Math.min(delay, Math.max(baseMs, leftMs / 4), leftMs)
}
