import { backoffMs } from './backoff.js'
import { elapsedMs, type Instant } from './clock.js'
import {
  classify,
  type Failure,
  type Held,
  hold,
  holdLeftMs,
  isQuiet,
  type LeasePhase,
  type LeaseState,
  leftMs,
  type RefreshCause,
  servable,
} from './state.js'

/** What happens to a lease. `same`: the value equals the one held or, with none held, the one last discarded. */
export type LeaseEvent<V> = { readonly at: Instant } & (
  | { readonly type: 'get' | 'tick' | 'reset' | 'close' }
  | { readonly type: 'invalidate'; readonly current: boolean }
  | ObtainedEvent<V>
  | FailedEvent
)

/** A value arrived: from the flight (`'resolved'`), or from elsewhere (`'adopted'`). */
interface ObtainedEvent<V> {
  readonly type: 'resolved' | 'adopted'
  readonly since: Instant
  readonly value: V
  readonly ttlMs: number
  readonly ageMs?: number | undefined
  readonly same: boolean
  readonly random: number
}

interface FailedEvent {
  readonly type: 'failed'
  readonly failure: Failure
  readonly random: number
}

/**
 * What is to be done. `serve`, `fail` and `wait` answer a `get`; before a `settle` they answer every caller that
 * waits. `wake` says when a refresh is next due, for a shell that keeps the value warm.
 */
export type LeaseEffect<V> =
  | { readonly type: 'serve'; readonly value: V; readonly limited: boolean }
  | {
      readonly type: 'fail'
      readonly reason: 'source' | 'backoff' | 'terminal' | 'stale-result' | 'closed'
      readonly limited: boolean
      readonly retryAt: number | undefined
    }
  | { readonly type: 'wait' }
  | { readonly type: 'refresh'; readonly cause: RefreshCause }
  | { readonly type: 'settle'; readonly outcome: 'value' | 'failure' }
  | { readonly type: 'wake'; readonly afterMs: number }

type Step<V> = readonly [LeaseState<V>, readonly LeaseEffect<V>[]]
type FailReason = Extract<LeaseEffect<never>, { type: 'fail' }>['reason']

const nothing: readonly never[] = []

/**
 * The whole behaviour of a lease, without promise, timer, clock or randomness: the next state, and what to do.
 * An event that changes nothing gives back the state it was given.
 */
export function reduce<V>(state: LeaseState<V>, event: LeaseEvent<V>): Step<V> {
  if (state.closed) return [state, [fail('closed', false, undefined)]]
  switch (event.type) {
    case 'get':
      return get(state, event.at)
    case 'tick':
      return tick(state, event.at)
    case 'invalidate':
      return invalidate(state, event.at, event.current)
    case 'resolved':
      return state.flight === undefined ? [state, nothing] : resolved(state, event)
    case 'adopted':
      return adopted(state, event)
    case 'failed':
      return state.flight === undefined
        ? [state, nothing]
        : failed(state, event.at, event.failure, event.random, 'source')
    case 'reset':
      return [{ ...state, failures: 0, hold: undefined }, nothing]
    case 'close':
      return close(state)
  }
}

function get<V>(state: LeaseState<V>, at: Instant): Step<V> {
  const phase = classify(state, at)
  const { held: value } = state
  if (value === undefined) return getEmpty(state, at, phase)
  switch (phase) {
    case 'fresh':
      return [state, [served(value, false)]]
    case 'backoff':
      return [state, [servedOr(servable(state, at), true, () => heldBack(state, at, 'backoff'))]]
    case 'terminal':
      return [state, [servedOr(servableAfterTerminal(state, at), true, () => heldBack(state, at, 'terminal'))]]
    case 'advisory':
      if (state.flight !== undefined) return [state, [served(value, false)]]
      return start(state, 'advisory', [state.policy.onAdvisory === 'wait' ? { type: 'wait' } : served(value, false)])
    default:
      return awaited(state, phase)
  }
}

function getEmpty<V>(state: LeaseState<V>, at: Instant, phase: LeasePhase): Step<V> {
  return phase === 'backoff' || phase === 'terminal' ? [state, [heldBack(state, at, phase)]] : awaited(state, 'initial')
}

/** The caller waits, for the flight that is under way or for one that starts now. */
function awaited<V>(state: LeaseState<V>, phase: 'initial' | 'mandatory' | 'expired'): Step<V> {
  const { flight } = state
  if (flight === undefined) return start(state, causeOf(state, phase), [{ type: 'wait' }])
  return [flight.waiting ? state : { ...state, flight: { ...flight, waiting: true } }, [{ type: 'wait' }]]
}

function causeOf<V>(state: LeaseState<V>, phase: 'initial' | 'mandatory' | 'expired'): RefreshCause {
  return state.rejected || (phase === 'initial' && state.discarded !== undefined) ? 'rejected' : phase
}

// A flight ends the hold that came before it: a clock that steps back cannot bring it into force again.
function start<V>(state: LeaseState<V>, cause: RefreshCause, answer: readonly LeaseEffect<V>[]): Step<V> {
  const waiting = answer.some((effect) => effect.type === 'wait')
  return [{ ...state, flight: { cause, waiting }, hold: undefined }, [...answer, { type: 'refresh', cause }]]
}

function tick<V>(state: LeaseState<V>, at: Instant): Step<V> {
  if (state.flight !== undefined) return [state, nothing]
  const phase = classify(state, at)
  if (phase === 'fresh' || phase === 'backoff' || phase === 'terminal') return [state, wake(state, at)]
  return start(state, 'keep-warm', nothing)
}

function invalidate<V>(state: LeaseState<V>, at: Instant, current: boolean): Step<V> {
  if (!current || state.held === undefined || state.rejected) return [state, nothing]
  const { rejectIntervalMs, onReject } = state.policy
  if (state.rejectedAt !== undefined && elapsedMs(state.rejectedAt, at) < rejectIntervalMs) return [state, nothing]
  const next: LeaseState<V> =
    onReject === 'keep'
      ? { ...state, rejected: true, rejectedAt: at }
      : { ...state, held: undefined, discarded: { value: state.held.value }, rejectedAt: at }
  return [next, wake(next, at)]
}

function resolved<V>(state: LeaseState<V>, event: ObtainedEvent<V> & { readonly at: Instant }): Step<V> {
  const { at, random } = event
  const gain = gainOf(state, event)
  if (gain === undefined) {
    return failed(state, at, { kind: 'transient', error: undefined }, random, 'stale-result')
  }
  const taken = take(state, event, gain.held)
  if (gain.later) return settled({ ...taken, flight: undefined }, at, true, served(gain.held, false), state)
  // Another value that ends no later: the old one may be revoked, so it is taken, but spaced like a failure.
  const failures = state.failures + 1
  const ms = backoffMs(state.policy, { failures, servable: true, leftMs: leftMs(taken, at), random })
  const next: LeaseState<V> = { ...taken, flight: undefined, failures, hold: { kind: 'backoff', since: at, ms } }
  return settled(next, at, true, served(gain.held, false), state)
}

function adopted<V>(state: LeaseState<V>, event: ObtainedEvent<V> & { readonly at: Instant }): Step<V> {
  const gain = gainOf(state, event)
  if (gain === undefined || !gain.later) return [state, nothing]
  const next = take(state, event, gain.held)
  if (next.flight === undefined || !next.flight.waiting) return [next, wake(next, event.at)]
  // Whoever waits for the flight has an answer now; the flight itself goes on to its end.
  const answered: LeaseState<V> = { ...next, flight: { ...next.flight, waiting: false } }
  return [answered, [served(gain.held, false), { type: 'settle', outcome: 'value' }, ...wake(answered, event.at)]]
}

/** What a value is worth: nothing, a later end, or (another value) an end that is no later. */
function gainOf<V>(
  state: LeaseState<V>,
  event: ObtainedEvent<V> & { readonly at: Instant },
): { readonly held: Held<V>; readonly later: boolean } | undefined {
  const { at, since, value, same, random } = event
  if (typeof event.ttlMs !== 'number' || Number.isNaN(event.ttlMs)) return undefined
  const ttlMs = Math.min(event.ttlMs, state.policy.maxTtlMs)
  const left = ttlMs - elapsedMs(since, at)
  if (ttlMs <= 0 || left <= 0) return undefined
  const rejected = state.held === undefined || state.rejected
  if (same && rejected) return undefined
  const later = rejected || left > leftMs(state, at)
  if (same && !later) return undefined
  return { held: hold(state.policy, value, since, ttlMs, random), later }
}

function take<V>(state: LeaseState<V>, { ageMs = 0 }: ObtainedEvent<V>, held: Held<V>): LeaseState<V> {
  // A value older than the interval was obtained by no refresh of it: the interval has nothing to count.
  const rejectedAt = ageMs >= state.policy.rejectIntervalMs ? undefined : state.rejectedAt
  return { ...state, held, rejected: false, failures: 0, hold: undefined, rejectedAt }
}

function failed<V>(
  state: LeaseState<V>,
  at: Instant,
  failure: Failure,
  random: number,
  reason: 'source' | 'stale-result',
): Step<V> {
  const failures = state.failures + 1
  const terminal = failure.kind === 'terminal'
  const kept = terminal && state.policy.onTerminal === 'discard' ? dropped(state) : state
  const ms = terminal
    ? state.policy.terminalHoldMs
    : backoffMs(state.policy, {
        failures,
        servable: servable(kept, at) !== undefined,
        leftMs: leftMs(kept, at),
        retryAfterMs: failure.retryAfterMs,
        random,
      })
  const next: LeaseState<V> = {
    ...kept,
    flight: undefined,
    failures,
    hold: ms > 0 ? { kind: terminal ? 'terminal' : 'backoff', since: at, ms } : undefined,
  }
  const value = terminal ? servableAfterTerminal(next, at) : servable(next, at)
  const answer = servedOr(value, false, () => heldBack(next, at, reason, false))
  return settled(next, at, value !== undefined, answer, state)
}

function dropped<V>(state: LeaseState<V>): LeaseState<V> {
  if (state.held === undefined) return state
  return { ...state, held: undefined, rejected: false, discarded: { value: state.held.value } }
}

function servableAfterTerminal<V>(state: LeaseState<V>, at: Instant): Held<V> | undefined {
  return state.policy.onTerminal === 'serve' && leftMs(state, at) > 0 ? state.held : undefined
}

function settled<V>(
  next: LeaseState<V>,
  at: Instant,
  value: boolean,
  answer: LeaseEffect<V>,
  before: LeaseState<V>,
): Step<V> {
  const settle: LeaseEffect<V> = { type: 'settle', outcome: value ? 'value' : 'failure' }
  const answers = before.flight?.waiting === true ? [answer] : nothing
  return [next, [...answers, settle, ...wake(next, at)]]
}

function close<V>(state: LeaseState<V>): Step<V> {
  const next: LeaseState<V> = { ...state, flight: undefined, closed: true }
  const answer = fail('closed', false, undefined)
  return [next, state.flight?.waiting === true ? [answer, { type: 'settle', outcome: 'failure' }] : [answer]]
}

function wake<V>(state: LeaseState<V>, at: Instant): readonly LeaseEffect<V>[] {
  const quietMs =
    state.held !== undefined && isQuiet(state, at) ? state.held.refreshAfterMs - elapsedMs(state.held.since, at) : 0
  const afterMs = Math.max(quietMs, holdLeftMs(state, at))
  return Number.isFinite(afterMs) ? [{ type: 'wake', afterMs }] : nothing
}

function served<V>(held: Held<V>, limited: boolean): LeaseEffect<V> {
  return { type: 'serve', value: held.value, limited }
}

function servedOr<V>(held: Held<V> | undefined, limited: boolean, otherwise: () => LeaseEffect<V>): LeaseEffect<V> {
  return held === undefined ? otherwise() : served(held, limited)
}

function heldBack<V>(state: LeaseState<V>, at: Instant, reason: FailReason, limited = true): LeaseEffect<V> {
  const left = holdLeftMs(state, at)
  return fail(reason, limited, left > 0 && Number.isFinite(left) ? Math.ceil(at.wallMs + left) : undefined)
}

function fail(reason: FailReason, limited: boolean, retryAt: number | undefined): LeaseEffect<never> {
  return { type: 'fail', reason, limited, retryAt }
}
