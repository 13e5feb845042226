import { type Clock, elapsedMs, type Instant, instantOf, systemClock } from './clock.js'
import { LeaseError, type LeaseErrorCode } from './errors.js'
import { checkOptionNames, type Lease, type LeaseOptions, type Source, type Sourced } from './lease-options.js'
import { defineLeasePolicy, inRange } from './policy.js'
import { type LeaseEffect, type LeaseEvent, reduce } from './reduce.js'
import {
  classify,
  type Failure,
  type Held,
  holdLeftMs,
  initialState,
  isQuiet,
  type LeasePhase,
  type LeaseState,
  type RefreshCause,
} from './state.js'
import { systemTimers, type Timers } from './timers.js'

const longestTimerMs = 2 ** 31 - 1

/**
 * Keeps one expiring value fresh: one flight at a time, refreshed early, spaced after failures.
 *
 * Holds one value only; a cache of many is the caller's.
 *
 * @throws {TypeError} for an unknown option or a wrong type; {RangeError} for a number out of range.
 */
export function createLease<V>(options: LeaseOptions<V>): Lease<V> {
  return new SingleFlightLease(options)
}

interface Waiter<V> {
  readonly resolve: (value: V) => void
  readonly reject: (reason: unknown) => void
  done: boolean
  stopListening: () => void
}

interface Flight {
  over: boolean
  readonly ended: Promise<void>
}

class SingleFlightLease<V> implements Lease<V> {
  readonly #source: Source<V>
  readonly #same: (a: V, b: V) => boolean
  readonly #classifyError: (error: unknown) => Omit<Failure, 'error'>
  readonly #sourceTimeoutMs: number
  readonly #keepWarm: boolean
  readonly #clock: Clock
  readonly #random: () => number
  readonly #timers: Timers
  readonly #onTransition: ((from: LeasePhase, to: LeasePhase) => void) | undefined
  #state: LeaseState<V>
  #phase: LeasePhase
  #waiters: Waiter<V>[] = []
  #shared: Promise<V> | undefined
  #flight: Flight | undefined
  #warmTimer: unknown
  #refusing = false

  constructor(options: LeaseOptions<V>) {
    checkOptionNames(options)
    const { source, same = Object.is, classifyError = classifyByProperties, onTransition } = options
    const { clock = systemClock, random = Math.random, timers = systemTimers, keepWarm = false } = options
    for (const [name, value] of Object.entries({ source, same, classifyError, random, 'clock.now': clock.now })) {
      if (typeof value !== 'function') throw new TypeError(`${name} must be a function`)
    }
    if (typeof keepWarm !== 'boolean') throw new TypeError('keepWarm must be a boolean')
    this.#source = source
    this.#same = same
    this.#classifyError = classifyError
    this.#sourceTimeoutMs = inRange('sourceTimeoutMs', options.sourceTimeoutMs ?? 30_000, 1, longestTimerMs)
    this.#keepWarm = keepWarm
    this.#clock = clock
    this.#random = random
    this.#timers = timers
    this.#onTransition = onTransition
    this.#state = initialState(defineLeasePolicy(options.policy), options.held)
    this.#phase = classify(this.#state, instantOf(clock))
  }

  get phase(): LeasePhase {
    return classify(this.#state, instantOf(this.#clock))
  }

  get held(): Held<V> | undefined {
    return this.#state.held
  }

  get retryAt(): number | undefined {
    const at = instantOf(this.#clock)
    const left = holdLeftMs(this.#state, at)
    return left > 0 && Number.isFinite(left) ? Math.ceil(at.wallMs + left) : undefined
  }

  get settled(): boolean {
    const { flight, failures, rejected, rejectedAt, policy, hold } = this.#state
    if (this.#flight !== undefined || flight !== undefined || failures > 0 || rejected || hold !== undefined)
      return false
    return rejectedAt === undefined || elapsedMs(rejectedAt, instantOf(this.#clock)) >= policy.rejectIntervalMs
  }

  peek(): V | undefined {
    if (this.#refusing) return undefined
    const { held } = this.#state
    return held !== undefined && isQuiet(this.#state, instantOf(this.#clock)) ? held.value : undefined
  }

  get(options?: { readonly signal?: AbortSignal }): Promise<V> {
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#refusing) return Promise.reject(new LeaseError('COFFER_LEASE_CLOSED'))
    const effects = this.#step({ type: 'get', at: instantOf(this.#clock) })
    const first = effects[0]
    const answer =
      first?.type === 'serve'
        ? Promise.resolve(first.value)
        : first?.type === 'fail'
          ? Promise.reject(errorOf(first, undefined))
          : this.#wait(signal)
    this.#perform(effects)
    return answer
  }

  invalidate(rejected: V): boolean {
    const { held } = this.#state
    const before = this.#state
    const current = held !== undefined && this.#same(rejected, held.value)
    this.#perform(this.#step({ type: 'invalidate', at: instantOf(this.#clock), current }))
    return this.#state !== before
  }

  adopt(sourced: Sourced<V>): boolean {
    return this.#adopt(sourced, instantOf(this.#clock))
  }

  reset(): void {
    this.#perform(this.#step({ type: 'reset', at: instantOf(this.#clock) }))
  }

  async close(): Promise<void> {
    this.#refusing = true
    if (this.#warmTimer !== undefined) this.#timers.clear(this.#warmTimer)
    this.#warmTimer = undefined
    await this.#flight?.ended
    if (!this.#state.closed) this.#perform(this.#step({ type: 'close', at: instantOf(this.#clock) }))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #adopt(sourced: Sourced<V>, since: Instant): boolean {
    const before = this.#state
    if (this.#refusing || this.#isDiscarded(sourced.value)) return false
    this.#perform(this.#step(this.#obtained('adopted', sourced, since)))
    return this.#state !== before
  }

  #step(event: LeaseEvent<V>): readonly LeaseEffect<V>[] {
    const [next, effects] = reduce(this.#state, event)
    this.#state = next
    if (this.#onTransition !== undefined) this.#announce(event.at)
    return effects
  }

  #announce(at: Instant): void {
    const from = this.#phase
    try {
      const to = classify(this.#state, at)
      if (from === to) return
      this.#phase = to
      this.#onTransition?.(from, to)
    } catch {
      // A hook is told what happened; it has no say in it.
    }
  }

  #perform(effects: readonly LeaseEffect<V>[], sourceError?: unknown): void {
    let answer: LeaseEffect<V> | undefined
    for (const effect of effects) {
      if (effect.type === 'refresh') this.#launch(effect.cause)
      else if (effect.type === 'settle') this.#settle(answer, sourceError)
      else if (effect.type === 'wake') this.#arm(effect.afterMs)
      else answer = effect
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<V> {
    if (signal === undefined) {
      this.#shared ??= new Promise((resolve, reject) => {
        this.#waiters.push({ resolve, reject, done: false, stopListening: () => {} })
      })
      return this.#shared
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        waiter.done = true
        reject(signal.reason)
      }
      const stopListening = (): void => signal.removeEventListener('abort', onAbort)
      const waiter: Waiter<V> = { resolve, reject, done: false, stopListening }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  #settle(answer: LeaseEffect<V> | undefined, sourceError: unknown): void {
    const waiters = this.#waiters
    this.#waiters = []
    this.#shared = undefined
    for (const waiter of waiters) {
      waiter.stopListening()
      if (waiter.done) continue
      waiter.done = true
      if (answer?.type === 'serve') waiter.resolve(answer.value)
      else waiter.reject(answer?.type === 'fail' ? errorOf(answer, sourceError) : new LeaseError('COFFER_LEASE_CLOSED'))
    }
  }

  #launch(cause: RefreshCause): void {
    const since = instantOf(this.#clock)
    const controller = new AbortController()
    let end: () => void = () => {}
    const flight: Flight = {
      over: false,
      ended: new Promise((resolve) => {
        end = resolve
      }),
    }
    const land = (deliver: () => void): void => {
      flight.over = true
      this.#flight = undefined
      this.#timers.clear(timer)
      try {
        deliver()
      } catch (error) {
        // `same`, `random` or a window is the caller's own function: what it throws must leave nobody waiting.
        this.#perform(this.#step(failedAt(instantOf(this.#clock), error)), error)
      } finally {
        end()
      }
    }
    const timer = this.#timers.set(() => {
      if (flight.over) return
      const error = new LeaseError('COFFER_LEASE_TIMEOUT')
      land(() => this.#fail({ kind: 'transient', error }))
      controller.abort(error)
    }, this.#sourceTimeoutMs)
    this.#flight = flight
    this.#call(controller.signal, cause).then(
      (sourced) => {
        if (flight.over) this.#adoptLate(sourced, since)
        else land(() => this.#resolve(sourced, since))
      },
      (error: unknown) => {
        if (!flight.over) land(() => this.#fail({ ...this.#classify(error), error }))
      },
    )
  }

  async #call(signal: AbortSignal, cause: RefreshCause): Promise<Sourced<V>> {
    return await this.#source({ signal, held: this.#state.held?.value, cause })
  }

  #adoptLate(sourced: Sourced<V>, since: Instant): void {
    try {
      this.#adopt(sourced, since)
    } catch {
      // Its callers have had their answer: a result that cannot be used is as if it had not come.
    }
  }

  #resolve(sourced: Sourced<V>, since: Instant): void {
    if (typeof sourced !== 'object' || sourced === null) {
      this.#fail({ kind: 'transient', error: new LeaseError('COFFER_LEASE_STALE_RESULT') })
      return
    }
    const { held } = this.#state
    if (held !== undefined && !this.#same(sourced.value, held.value) && this.#isDiscarded(sourced.value)) {
      this.#fail({ kind: 'transient', error: new LeaseError('COFFER_LEASE_STALE_RESULT') })
      return
    }
    this.#perform(this.#step(this.#obtained('resolved', sourced, since)))
  }

  #fail(failure: Failure): void {
    const at = instantOf(this.#clock)
    this.#perform(this.#step({ type: 'failed', at, failure, random: this.#random() }), failure.error)
  }

  #obtained(type: 'resolved' | 'adopted', sourced: Sourced<V>, since: Instant): LeaseEvent<V> {
    const { value, ttlMs, ageMs } = sourced
    const { held } = this.#state
    const same = held === undefined ? this.#isDiscarded(value) : this.#same(value, held.value)
    return { type, at: instantOf(this.#clock), since, value, ttlMs, ageMs, same, random: this.#random() }
  }

  #isDiscarded(value: V): boolean {
    const { discarded } = this.#state
    return discarded !== undefined && this.#same(value, discarded.value)
  }

  #classify(error: unknown): Omit<Failure, 'error'> {
    try {
      return this.#classifyError(error)
    } catch {
      return { kind: 'transient' }
    }
  }

  #arm(afterMs: number): void {
    if (!this.#keepWarm || this.#refusing) return
    if (this.#warmTimer !== undefined) this.#timers.clear(this.#warmTimer)
    // Past 2^31-1 a timer fires at once: the longest is set, and its tick arms the rest.
    this.#warmTimer = this.#timers.set(
      () => {
        this.#warmTimer = undefined
        this.#perform(this.#step({ type: 'tick', at: instantOf(this.#clock) }))
      },
      Math.min(Math.ceil(afterMs), longestTimerMs),
    )
    unref(this.#warmTimer)
  }
}

const codes = {
  backoff: 'COFFER_LEASE_BACKING_OFF',
  terminal: 'COFFER_LEASE_TERMINAL',
  'stale-result': 'COFFER_LEASE_STALE_RESULT',
  closed: 'COFFER_LEASE_CLOSED',
} as const satisfies Record<string, LeaseErrorCode>

function errorOf(effect: Extract<LeaseEffect<unknown>, { type: 'fail' }>, sourceError: unknown): unknown {
  return effect.reason === 'source' ? sourceError : new LeaseError(codes[effect.reason], effect.retryAt)
}

// No jitter: whatever draws it may be what failed.
function failedAt(at: Instant, error: unknown): LeaseEvent<never> {
  return { type: 'failed', at, failure: { kind: 'transient', error }, random: 0 }
}

function classifyByProperties(error: unknown): Omit<Failure, 'error'> {
  if (typeof error !== 'object' || error === null) return { kind: 'transient' }
  const kind = 'terminal' in error && error.terminal === true ? 'terminal' : 'transient'
  const retryAfterMs = 'retryAfterMs' in error ? error.retryAfterMs : undefined
  const usable = typeof retryAfterMs === 'number' && Number.isFinite(retryAfterMs) && retryAfterMs >= 0
  return usable ? { kind, retryAfterMs } : { kind }
}

// A timer that only keeps a value warm keeps no process alive.
function unref(handle: unknown): void {
  if (typeof handle === 'object' && handle !== null && 'unref' in handle && typeof handle.unref === 'function') {
    handle.unref()
  }
}
