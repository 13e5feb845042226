import type { Clock } from './clock.js'
import { type LeasePolicyOverrides, refuseUnknown } from './policy.js'
import type { Failure, Held, LeasePhase, RefreshCause } from './state.js'
import type { Timers } from './timers.js'

/** A value and how long it lives. `ttlMs` counts from the moment the source was called, not from its answer. */
export interface Sourced<V> {
  readonly value: V
  readonly ttlMs: number
  /**
   * How long ago the value was obtained, where the source took it over from others. Default 0. From
   * `rejectIntervalMs` on it counts as no refresh: if it is rejected too, the next one is due at once.
   */
  readonly ageMs?: number
}

/** Obtains a value. `signal` aborts after `sourceTimeoutMs` and for no caller: a flight always runs to its end. */
export type Source<V> = (context: {
  readonly signal: AbortSignal
  readonly held: V | undefined
  readonly cause: RefreshCause
}) => Promise<Sourced<V>>

export interface LeaseOptions<V> {
  /** Required. Obtains the value. */
  readonly source: Source<V>
  readonly policy?: LeasePolicyOverrides
  /** Whether two values are one. Default `Object.is`. */
  readonly same?: (a: V, b: V) => boolean
  /** Default: terminal iff `error.terminal === true`; `error.retryAfterMs` if finite and not negative. */
  readonly classifyError?: (error: unknown) => Omit<Failure, 'error'>
  /** After this the flight fails as transient. Default 30 000 ms. */
  readonly sourceTimeoutMs?: number
  /** Refresh on a timer once a first `get` has been made. Default false: no timer outside a flight. */
  readonly keepWarm?: boolean
  /** A value held before this lease was made, with its refresh time already drawn. */
  readonly held?: Held<V>
  readonly clock?: Clock
  /** 0..1, for jitter only. Default `Math.random`. */
  readonly random?: () => number
  readonly timers?: Timers
  /** Called when the phase seen by an event differs from the last. What it throws is dropped. */
  readonly onTransition?: (from: LeasePhase, to: LeasePhase) => void
}

export interface Lease<V> {
  /** The value. Rejects with `signal.reason`, the source's own error, or a {@link LeaseError}. */
  get(options?: { readonly signal?: AbortSignal }): Promise<V>
  /** The value while fresh, else undefined. Starts nothing. */
  peek(): V | undefined
  /** False unless `rejected` is the value held now and no rejection was honoured within `rejectIntervalMs`. */
  invalidate(rejected: V): boolean
  /** Takes a value obtained elsewhere; false if it is no gain over the one held. */
  adopt(sourced: Sourced<V>): boolean
  /** The credential changed: back-off and hold are forgotten. */
  reset(): void
  readonly phase: LeasePhase
  /** The value held, whatever its phase; after `close` the last one, for whoever must revoke it. */
  readonly held: Held<V> | undefined
  /** Epoch milliseconds of the end of the running back-off or hold, if there is one that ends. */
  readonly retryAt: number | undefined
  /** Whether dropping this lease would lose nothing but the value held: no flight, back-off, hold or recent rejection. */
  readonly settled: boolean
  /** Refuses new calls and waits for the flight. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const known: Readonly<Record<keyof LeaseOptions<unknown>, true>> = {
  source: true,
  policy: true,
  same: true,
  classifyError: true,
  sourceTimeoutMs: true,
  keepWarm: true,
  held: true,
  clock: true,
  random: true,
  timers: true,
  onTransition: true,
}

/** Refuses an option that nobody reads. */
export function checkOptionNames(options: object): void {
  refuseUnknown('options', options, known)
}
