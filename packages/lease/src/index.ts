/**
 * Keeps one expiring value fresh: a pure state machine, and the thin shell that runs it.
 *
 * @module
 */
export { type BackoffInput, backoffMs } from './backoff.js'
export { type Clock, elapsedMs, type Instant, instantOf, systemClock } from './clock.js'
export { isLeaseError, LeaseError, type LeaseErrorCode } from './errors.js'
export { createLease } from './lease.js'
export type { Lease, LeaseOptions, Source, Sourced } from './lease-options.js'
export { type BackoffRange, defineLeasePolicy, type LeasePolicy, type LeasePolicyOverrides } from './policy.js'
export { type LeaseEffect, type LeaseEvent, reduce } from './reduce.js'
export {
  classify,
  type Failure,
  type Held,
  initialState,
  type LeasePhase,
  type LeaseState,
  type RefreshCause,
} from './state.js'
export { systemTimers, type Timers } from './timers.js'
