import { elapsedMs, type Instant } from './clock.js'
import { type LeasePolicy, windowsOf } from './policy.js'

/** Why a refresh was started. */
export type RefreshCause = 'initial' | 'advisory' | 'mandatory' | 'expired' | 'rejected' | 'keep-warm'

/** Where a lease stands. `'backoff'` and `'terminal'` hide the window underneath, for as long as they hold. */
export type LeasePhase = 'initial' | 'fresh' | 'advisory' | 'mandatory' | 'expired' | 'backoff' | 'terminal'

/** A value and its life. `refreshAfterMs` is drawn once per value, so that a fleet does not refresh as one. */
export interface Held<V> {
  readonly value: V
  readonly since: Instant
  readonly ttlMs: number
  readonly refreshAfterMs: number
}

/** A failed refresh, as the source's error was classified. */
export interface Failure {
  readonly kind: 'transient' | 'terminal'
  readonly retryAfterMs?: number
  readonly error: unknown
}

/** Everything a lease knows. The policy travels in the state, so that `reduce` needs nothing else. */
export interface LeaseState<V> {
  readonly policy: LeasePolicy
  readonly held: Held<V> | undefined
  /** The value held was rejected and is kept (`onReject: 'keep'`). */
  readonly rejected: boolean
  /** The last value that was rejected or dropped, never to be served again. */
  readonly discarded: { readonly value: V } | undefined
  readonly flight: { readonly cause: RefreshCause; readonly waiting: boolean } | undefined
  /** Consecutive failed refreshes. */
  readonly failures: number
  readonly hold: { readonly kind: 'backoff' | 'terminal'; readonly since: Instant; readonly ms: number } | undefined
  readonly rejectedAt: Instant | undefined
  readonly closed: boolean
}

/** A lease that holds nothing, or `held`. */
export function initialState<V>(policy: LeasePolicy, held?: Held<V>): LeaseState<V> {
  return {
    policy,
    held,
    rejected: false,
    discarded: undefined,
    flight: undefined,
    failures: 0,
    hold: undefined,
    rejectedAt: undefined,
    closed: false,
  }
}

/** A value with its refresh time drawn: ttl - advisory, and up to `refreshJitter` of the window later. */
export function hold<V>(policy: LeasePolicy, value: V, since: Instant, ttlMs: number, random: number): Held<V> {
  const { advisoryMs, mandatoryMs } = windowsOf(policy, ttlMs)
  const refreshAfterMs = ttlMs - advisoryMs + policy.refreshJitter * random * (advisoryMs - mandatoryMs)
  return { value, since, ttlMs, refreshAfterMs }
}

/** Whether the value held is served without a thought: before its refresh time and not rejected. */
export function isQuiet<V>(state: LeaseState<V>, at: Instant): boolean {
  const { held } = state
  return held !== undefined && !state.rejected && elapsedMs(held.since, at) < held.refreshAfterMs
}

/** Milliseconds of life left in the value held; `-Infinity` without one. */
export function leftMs<V>(state: LeaseState<V>, at: Instant): number {
  return state.held === undefined ? Number.NEGATIVE_INFINITY : state.held.ttlMs - elapsedMs(state.held.since, at)
}

/** What may be given to a caller after a failed refresh: a value that is live, or within `staleMs` of its end. */
export function servable<V>(state: LeaseState<V>, at: Instant): Held<V> | undefined {
  return -leftMs(state, at) < state.policy.staleMs ? state.held : undefined
}

/** Milliseconds until the running hold ends; 0 without one. */
export function holdLeftMs<V>(state: LeaseState<V>, at: Instant): number {
  return state.hold === undefined ? 0 : Math.max(0, state.hold.ms - elapsedMs(state.hold.since, at))
}

/** The phase of a state at a moment. */
export function classify<V>(state: LeaseState<V>, at: Instant): LeasePhase {
  const { held } = state
  if (isQuiet(state, at)) return 'fresh'
  if (state.hold !== undefined && holdLeftMs(state, at) > 0) return state.hold.kind
  if (held === undefined) return 'initial'
  const left = leftMs(state, at)
  if (left <= 0) return 'expired'
  if (state.rejected || left <= windowsOf(state.policy, held.ttlMs).mandatoryMs) return 'mandatory'
  return 'advisory'
}
