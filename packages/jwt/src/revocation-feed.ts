import type { Clock, Timers } from './clock.js'
import { systemTimers } from './clock.js'
import type { Revocation } from './revocation-entries.js'
import { SetBackWatch } from './set-back.js'

/** Where the revocations of all processes come from. */
export interface RevocationFeed {
  /** Every revocation younger than `retentionMs`, every time: a cursor would miss rows that commit late. */
  load(signal: AbortSignal): Promise<Iterable<Revocation>>
  /** Tells of revocations as they happen; resolves once listening. Only shortens the way: `load` is what counts. */
  subscribe?(on: RevocationListener, signal: AbortSignal): Promise<void>
  /** Stores a revocation of this process for all others. */
  publish?(revocation: Revocation): Promise<void>
}

/** What a subscription tells. */
export interface RevocationListener {
  revoked(revocation: Revocation): void
  /** Something was revoked that the message does not name: a load starts, and the subscription stays. */
  changed(): void
  /** The subscription has ended: a load starts, and with it another subscription. */
  lost(): void
}

/** What an index reports. */
export type RevocationEvent = { readonly type: 'loaded' | 'load-failed' | 'subscribed' | 'subscription-lost' }

/** How far the revocations of a feed can be trusted. */
export type FeedState = 'live' | 'lagging' | 'unavailable'

/** How a feed is followed. */
export interface FollowOptions {
  readonly feed: RevocationFeed
  readonly reloadMs: number
  readonly maxLagMs: number
  readonly clock: Clock
  readonly timers: Timers | null
  readonly random: () => number
  /** Takes in a complete load, or one message; throws when it cannot. */
  readonly apply: (revocations: readonly unknown[]) => void
  readonly onEvent: (event: RevocationEvent) => void
}

/** Follows a feed: a complete load every `reloadMs`, and messages in between. */
export class FeedFollower {
  readonly #options: FollowOptions
  readonly #closed = new AbortController()
  /** When the last complete load began: what committed before it is known. */
  #loadedAt: number | undefined
  #flight: Promise<boolean> | undefined
  #failures = 0
  #retryAt = Number.NEGATIVE_INFINITY
  #subscription: 'none' | 'starting' | 'listening' = 'none'
  #mustReload = false
  #timer: unknown
  readonly #clockWatch = new SetBackWatch()

  constructor(options: FollowOptions) {
    this.#options = options
  }

  get loadedAt(): number | undefined {
    return this.#loadedAt
  }

  state(now: number): FeedState {
    if (this.#loadedAt === undefined) return 'unavailable'
    const age = now - this.#loadedAt
    if (age >= this.#options.maxLagMs) return 'unavailable'
    return age < this.#options.reloadMs ? 'live' : 'lagging'
  }

  /** Until when the state holds and no load is due. */
  quietUntil(): number {
    if (this.#loadedAt === undefined) return Number.NEGATIVE_INFINITY
    const { reloadMs, maxLagMs } = this.#options
    const lost = this.#loadedAt + maxLagMs
    if (this.#flight !== undefined) return lost
    return Math.min(lost, Math.max(this.#loadedAt + reloadMs, this.#retryAt))
  }

  /** How long until the next attempt may start, in ms. */
  retryAfterMs(now: number): number | undefined {
    const wait = this.#retryAt - now
    return wait > 0 && Number.isFinite(wait) ? Math.ceil(wait) : undefined
  }

  /** Starts what is due; called by timer and by use. */
  refresh(now: number): void {
    this.#see(now)
    if (this.#flight !== undefined || this.#closed.signal.aborted || now < this.#retryAt) return
    if (this.#mustReload || this.#loadedAt === undefined || now >= this.#loadedAt + this.#options.reloadMs)
      void this.#start()
  }

  /**
   * A clock that was set back takes all times here with it: what was loaded does not get younger by it, and what is due
   * does not have to wait until the clock is where it was. How far it was set back is known from the last look only, so
   * a load is due at once.
   */
  #see(now: number): void {
    const back = this.#clockWatch.look(now)
    if (back === 0) return
    this.#retryAt -= back
    this.#mustReload = true
    if (this.#loadedAt !== undefined) this.#loadedAt -= back
  }

  /** Waits for the load that is under way or due; false when there is none to be had. */
  async load(now: number): Promise<boolean> {
    this.refresh(now)
    return (await this.#flight) ?? false
  }

  close(): void {
    this.#closed.abort()
    this.#options.timers?.clear(this.#timer)
  }

  #start(): Promise<boolean> {
    this.#flight ??= this.#load().finally(() => {
      this.#flight = undefined
      if (this.#mustReload) this.refresh(this.#options.clock.now())
      if (this.#flight === undefined) this.#schedule()
    })
    return this.#flight
  }

  async #load(): Promise<boolean> {
    const { feed, clock, apply, onEvent } = this.#options
    void this.#subscribe()
    const startedAt = clock.now()
    this.#see(startedAt)
    this.#mustReload = false
    try {
      apply([...(await this.#bounded((signal) => feed.load(signal)))])
      // Not later than now, should the clock have been set back meanwhile.
      this.#loadedAt = Math.min(startedAt, clock.now())
      this.#failures = 0
      this.#retryAt = Number.NEGATIVE_INFINITY
      onEvent({ type: 'loaded' })
      return true
    } catch (error) {
      // A load that came and could not be held is worse than none: what is known is known to be incomplete.
      if (error instanceof IndexFull) this.#loadedAt = undefined
      this.#fail()
      return false
    }
  }

  #fail(): void {
    const { clock, random, reloadMs, onEvent } = this.#options
    const backoff = Math.min(reloadMs, 1_000 * 2 ** Math.min(this.#failures, 10))
    this.#retryAt = clock.now() + backoff * (0.5 + 0.5 * random())
    this.#failures++
    onEvent({ type: 'load-failed' })
  }

  /** A load that hangs ends after `reloadMs`, so that the next one can start. */
  async #bounded<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timers = this.#options.timers ?? systemTimers
    const controller = new AbortController()
    const stopped = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
    stopped.catch(() => undefined)
    const stop = (): void => controller.abort()
    this.#closed.signal.addEventListener('abort', stop)
    const timer = timers.set(stop, this.#options.reloadMs)
    try {
      return await Promise.race([call(controller.signal), stopped])
    } finally {
      timers.clear(timer)
      this.#closed.signal.removeEventListener('abort', stop)
    }
  }

  async #subscribe(): Promise<void> {
    const { feed, onEvent } = this.#options
    if (feed.subscribe === undefined || this.#subscription !== 'none') return
    this.#subscription = 'starting'
    const on: RevocationListener = {
      revoked: (revocation) => this.#receive(revocation),
      changed: () => this.#reload(),
      lost: () => this.#lose(),
    }
    try {
      await feed.subscribe(on, this.#closed.signal)
      if (this.#subscription === 'starting') this.#subscription = 'listening'
      onEvent({ type: 'subscribed' })
      // What committed after the load began and before anyone listened came neither way: load once more.
      this.#reload()
    } catch {
      // Loads go on without it; the next one tries again.
      this.#subscription = 'none'
    }
  }

  #receive(revocation: Revocation): void {
    try {
      this.#options.apply([revocation])
    } catch {
      // A message that is no revocation, or finds no room, is no loss of state: a load is what counts, so one starts.
      this.#reload()
    }
  }

  /** One more complete load, after the one that is under way. */
  #reload(): void {
    this.#mustReload = true
    this.refresh(this.#options.clock.now())
  }

  #lose(): void {
    if (this.#subscription === 'none' || this.#closed.signal.aborted) return
    this.#subscription = 'none'
    this.#options.onEvent({ type: 'subscription-lost' })
    this.#reload()
  }

  #schedule(): void {
    const { timers, clock, reloadMs } = this.#options
    if (timers === null || this.#closed.signal.aborted) return
    timers.clear(this.#timer)
    const now = clock.now()
    this.#see(now)
    const due = Math.max(
      this.#retryAt,
      this.#mustReload || this.#loadedAt === undefined ? now : this.#loadedAt + reloadMs,
    )
    const wake = (): void => {
      this.refresh(clock.now())
      if (this.#flight === undefined) this.#schedule()
    }
    this.#timer = timers.set(wake, Math.max(0, due - now))
  }
}

/** A load holds more live entries than the index may. */
export class IndexFull extends Error {}
