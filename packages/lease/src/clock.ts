/** Where time comes from. Two readings, so that neither a suspended machine nor a clock set back keeps a value alive. */
export interface Clock {
  /** Milliseconds since the epoch. May step in either direction. */
  now(): number
  /** Milliseconds that never step back, from any origin. Absent: {@link Clock.now} serves for both. */
  monotonic?(): number
}

/** The runtime's clocks: `Date.now` and `performance.now`. */
export const systemClock: Required<Clock> = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
})

/** One moment, on both clocks. */
export interface Instant {
  readonly wallMs: number
  readonly monoMs: number
}

/** Reads both clocks. */
export function instantOf(clock: Clock): Instant {
  const wallMs = clock.now()
  return { wallMs, monoMs: clock.monotonic === undefined ? wallMs : clock.monotonic() }
}

/**
 * Milliseconds since `since`, by whichever clock says more. A monotonic clock stands still while the machine is
 * suspended, a wall clock repeats when it is set back: a deadline has passed as soon as either says so.
 */
export function elapsedMs(since: Instant, at: Instant): number {
  return Math.max(at.wallMs - since.wallMs, at.monoMs - since.monoMs)
}
