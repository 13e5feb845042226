/** When keys are fetched and how long they serve, as pure functions of what happened and the time. */

/** What happened to a key source so far. Times are epoch ms. */
export interface RefreshState {
  /** The last success; undefined before the first. */
  readonly success: Success | undefined
  /**
   * Whether the attempts since `refreshAt` began before the keys could go stale, and never paused: one that begins in a
   * process that slept must not bring its old keys back to life.
   */
  readonly isSustained: boolean
  readonly inFlight: boolean
  /** Failures since the last success. */
  readonly failures: number
  /** Before this no fetch starts for any reason. */
  readonly retryAt: number
}

interface Success {
  readonly fetchedAt: number
  /** From here on a fetch may start in the background. */
  readonly refreshAt: number
  readonly freshUntil: number
  readonly staleUntil: number
}

/** Where a source is: keys serve in `fresh`, `ahead` and `stale`. */
export type RefreshPhase = 'empty' | 'fresh' | 'ahead' | 'stale' | 'expired'

export const initialState: RefreshState = Object.freeze({
  success: undefined,
  isSustained: false,
  inFlight: false,
  failures: 0,
  retryAt: Number.NEGATIVE_INFINITY,
})

/** How long an attempt that is due may be missing before the process counts as asleep. */
const overdueMs = 60_000

export function phaseOf(state: RefreshState, now: number): RefreshPhase {
  const { success } = state
  if (success === undefined) return 'empty'
  if (now < success.refreshAt) return 'fresh'
  if (now < success.freshUntil) return 'ahead'
  // Nobody tried to refresh: a key that the issuer removed must not live on in a process that slept.
  const isAsleep = !state.inFlight && now >= state.retryAt + overdueMs
  if (!state.isSustained || isAsleep) return 'empty'
  return now < success.staleUntil ? 'stale' : 'expired'
}

/** Until when nothing needs to be looked at again: no phase ends and no fetch is due before it. */
export function quietUntil(state: RefreshState, now: number): number {
  const { success, inFlight, retryAt } = state
  const phase = phaseOf(state, now)
  if (success === undefined || phase === 'empty' || phase === 'expired') return Number.NEGATIVE_INFINITY
  if (phase === 'fresh') return success.refreshAt
  const boundary = phase === 'ahead' ? success.freshUntil : success.staleUntil
  return inFlight ? boundary : Math.min(boundary, Math.max(retryAt, success.refreshAt))
}

/** Whether a fetch is wanted now, and allowed. */
export function isFetchDue(state: RefreshState, now: number): boolean {
  return phaseOf(state, now) !== 'fresh' && mayFetch(state, now)
}

export function mayFetch(state: RefreshState, now: number): boolean {
  return !state.inFlight && now >= state.retryAt
}

export function afterStart(state: RefreshState, now: number): RefreshState {
  const phase = phaseOf(state, now)
  return { ...state, inFlight: true, isSustained: phase === 'ahead' || phase === 'stale' }
}

/** @param jitter - 0..1: processes that started together do not fetch together. */
export function afterSuccess(now: number, ttlMs: number, maxStaleMs: number, jitter: number): RefreshState {
  const freshUntil = now + ttlMs
  return {
    success: {
      fetchedAt: now,
      refreshAt: now + ttlMs * (0.7 + 0.1 * jitter),
      freshUntil,
      staleUntil: freshUntil + maxStaleMs,
    },
    isSustained: false,
    inFlight: false,
    failures: 0,
    retryAt: Number.NEGATIVE_INFINITY,
  }
}

/** @param floorMs - What the server asked for by `Retry-After`. @param jitter - 0..1. */
export function afterFailure(state: RefreshState, now: number, floorMs: number, jitter: number): RefreshState {
  const backoff = Math.min(60_000, 1_000 * 2 ** Math.min(state.failures, 6)) * (0.5 + 0.5 * jitter)
  return {
    ...state,
    inFlight: false,
    failures: state.failures + 1,
    retryAt: now + Math.max(backoff, floorMs),
  }
}

/**
 * After the clock was set back: all times go with it, so that keys serve no longer than they would have. How far it was
 * set back is known from the last look only, so a refresh is due at once.
 */
export function setBack(state: RefreshState, now: number, ms: number): RefreshState {
  const { success } = state
  const retryAt = state.retryAt - ms
  if (success === undefined) return { ...state, retryAt }
  const { fetchedAt, refreshAt, freshUntil, staleUntil } = success
  return {
    ...state,
    retryAt,
    success: {
      fetchedAt: fetchedAt - ms,
      refreshAt: Math.min(now, refreshAt - ms),
      freshUntil: freshUntil - ms,
      staleUntil: staleUntil - ms,
    },
  }
}

/** Keys from a snapshot: as if they had been fetched at their own time and the refresh had just failed. */
export function fromSnapshot(fetchedAt: number, ttlMs: number, maxStaleMs: number, now: number): RefreshState {
  const fetched = afterSuccess(fetchedAt, ttlMs, maxStaleMs, 0)
  return { ...fetched, isSustained: true, retryAt: now }
}
