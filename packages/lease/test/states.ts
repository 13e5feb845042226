import {
  defineLeasePolicy,
  type Instant,
  initialState,
  type LeaseEffect,
  type LeaseEvent,
  type LeasePolicyOverrides,
  type LeaseState,
  reduce,
} from '@coffer/lease'

// One value of 100 s: advisory from 50 s, mandatory from 90 s, over at 100 s.
export const at = (ms: number): Instant => ({ wallMs: ms, monoMs: ms })
export const life = { value: 1, since: at(0), ttlMs: 100_000, refreshAfterMs: 50_000 }

export function holding(
  changes: Partial<LeaseState<number>> = {},
  overrides: LeasePolicyOverrides = {},
): LeaseState<number> {
  return { ...initialState(defineLeasePolicy(overrides), life), ...changes }
}
export function empty(
  changes: Partial<LeaseState<number>> = {},
  overrides: LeasePolicyOverrides = {},
): LeaseState<number> {
  return { ...initialState<number>(defineLeasePolicy(overrides)), ...changes }
}

export const flight = (waiting: boolean): Partial<LeaseState<number>> => ({ flight: { cause: 'expired', waiting } })
export const held = (kind: 'backoff' | 'terminal', since: number, ms: number): Partial<LeaseState<number>> => ({
  hold: { kind, since: at(since), ms },
  failures: 3,
})
export const serve = (value: number, limited = false): LeaseEffect<number> => ({ type: 'serve', value, limited })
export const wait: LeaseEffect<number> = { type: 'wait' }
export const refresh = (cause: Extract<LeaseEffect<number>, { type: 'refresh' }>['cause']): LeaseEffect<number> => ({
  type: 'refresh',
  cause,
})
export const wake = (afterMs: number): LeaseEffect<number> => ({ type: 'wake', afterMs })
export const settle = (outcome: 'value' | 'failure'): LeaseEffect<number> => ({ type: 'settle', outcome })
export const fail = (
  reason: Extract<LeaseEffect<number>, { type: 'fail' }>['reason'],
  retryAt?: number,
  limited = true,
): LeaseEffect<number> => ({ type: 'fail', reason, limited, retryAt })

export const get = (state: LeaseState<number>, ms: number) => reduce(state, { type: 'get', at: at(ms) })
export type Obtained = Extract<LeaseEvent<number>, { type: 'resolved' | 'adopted' }>
export const obtained = (ms: number, ttlMs: number, changes: Partial<Obtained> = {}): Obtained => ({
  type: 'resolved',
  at: at(ms),
  since: at(ms),
  value: 2,
  ttlMs,
  same: false,
  random: 0,
  ...changes,
})
export const failed = (ms: number, kind: 'transient' | 'terminal', retryAfterMs?: number): LeaseEvent<number> => ({
  type: 'failed',
  at: at(ms),
  failure: { kind, error: 'down', ...(retryAfterMs !== undefined && { retryAfterMs }) },
  random: 0,
})
