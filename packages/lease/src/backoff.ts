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
  const { retryAfterMs, random } = input
  const delay = ownDelay(policy.backoff, input) * (1 - policy.backoff.jitter * random)
  // Not a number is no delay to wait for, and must not undo our own.
  if (retryAfterMs === undefined || Number.isNaN(retryAfterMs)) return delay
  const floor = Math.min(retryAfterMs, policy.maxRetryAfterMs)
  return Math.max(delay, floor * (1 + 0.1 * random))
}

function ownDelay({ empty, held }: LeasePolicy['backoff'], { failures, servable, leftMs }: BackoffInput): number {
  if (!servable) return empty === 'none' ? 0 : doubled(empty, failures)
  const delay = doubled(held, failures)
  return leftMs > 0 ? Math.min(delay, Math.max(held.baseMs, leftMs / 4), leftMs) : delay
}

function doubled(range: BackoffRange, failures: number): number {
  // 2^1023 is the last finite power: past it the product would still be cut by maxMs.
  return Math.min(range.maxMs, range.baseMs * 2 ** Math.min(failures - 1, 1_000))
}
