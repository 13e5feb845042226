import {
  assertMembers,
  assertMethods,
  assertOptionalFunction,
  assertOptions,
  checkInteger,
  checkOneOf,
  checkText,
} from './check-options.js'
import { type Clock, systemClock, systemTimers, type Timers } from './clock.js'
import { JwtError } from './errors.js'
import { type RevocableToken, type Revocation, RevocationEntries } from './revocation-entries.js'
import {
  FeedFollower,
  type FeedState,
  IndexFull,
  type RevocationEvent,
  type RevocationFeed,
} from './revocation-feed.js'

/** Key of the look-up inside an index; not exported from the package. */
export const revocationLookup: unique symbol = Symbol('coffer.jwt.revocation')

/** What a verifier asks of an index. */
export interface RevocationLookup {
  /** Raised by every change: equal means that nothing happened. */
  readonly epoch: number
  readonly retentionMs: number
  /** Until when nothing needs to be asked again but {@link epoch}. */
  readonly quietUntil: number
  /** Something to wait for before the first token is judged; undefined once revocations are known. */
  firstLoad(now: number): Promise<void> | undefined
  /** Starts what is due. @throws {JwtError} `COFFER_JWT_REVOCATION_UNAVAILABLE` */
  assertKnown(now: number): void
  isRevoked(token: RevocableToken): boolean
}

/** What was revoked and may still be presented. */
export interface RevocationIndex {
  readonly [revocationLookup]: RevocationLookup
  /** Resolves once revocations are known. @throws {JwtError} `COFFER_JWT_REVOCATION_UNAVAILABLE` */
  ready(): Promise<void>
  /** Ends loading and listening; from then on the state decays as if the feed were lost. */
  close(): void
  /**
   * Revokes here before it returns, and resolves when the feed has stored it; there is no un-revoking.
   *
   * @throws {TypeError} A missing, unknown or mistyped member.
   * @throws {RangeError} `at`, in epoch ms, is more than 120 s ahead, or older than `retentionMs`: it would revoke nothing.
   * @throws {JwtError} `COFFER_JWT_REVOCATION_FULL`; `COFFER_JWT_STORE_UNAVAILABLE`: in force here, not stored.
   */
  revoke(revocation: Revocation): Promise<void>
  status(): RevocationStatus
}

/** How far an index can be trusted. */
export interface RevocationStatus {
  readonly state: FeedState
  readonly loadedAt: number | undefined
  readonly size: number
  readonly epoch: number
}

/** How an index is made. */
export interface RevocationIndexOptions {
  /** What tokens get when revocations are not known: refused, or judged by what is known. Required. */
  readonly onUnavailable: 'refuse' | 'allow'
  /** How long an entry is kept, in ms. Default: 86 640 000, which covers every permitted lifetime. */
  readonly retentionMs?: number
  /** Most live entries. Default: 100 000, at most 10 000 000. */
  readonly max?: number
  /** Revocations of other processes. Default: none; then this process's own are all there is. */
  readonly feed?: RevocationFeed
  /** How often the feed is loaded, in ms. Default: 10 000. */
  readonly reloadMs?: number
  /** How old the last complete load may be, in ms. Default: 60 000; at least twice `reloadMs`. */
  readonly maxLagMs?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: timers that do not keep the process alive; `null`: only use starts loading. */
  readonly timers?: Timers | null
  /** 0 to 1, for jitter only. Default: `Math.random`. */
  readonly random?: () => number
  readonly onEvent?: (event: RevocationEvent) => void
}

/** How far ahead of this clock a revocation may be dated, in ms. */
const maxAheadMs = 120_000
const kinds = ['issuer', 'subject', 'client', 'session', 'token'] as const
const known = [
  'onUnavailable',
  'feed',
  'retentionMs',
  'max',
  'reloadMs',
  'maxLagMs',
  'clock',
  'timers',
  'random',
  'onEvent',
]

/**
 * An index of what was revoked, for verifiers of this process. Every verifier that has it refuses a revoked token at
 * its next request.
 *
 * @throws {TypeError} A missing, unknown or mistyped option. @throws {RangeError} One out of range.
 */
export function createRevocationIndex(options: RevocationIndexOptions): RevocationIndex {
  const index = new Index(readOptions(options))
  return Object.freeze({
    [revocationLookup]: index,
    ready: () => index.ready(),
    close: () => index.close(),
    revoke: (revocation: Revocation) => index.revoke(revocation),
    status: () => index.status(),
  })
}

interface IndexConfig {
  readonly refuses: boolean
  readonly feed: RevocationFeed | undefined
  readonly retentionMs: number
  readonly max: number
  readonly reloadMs: number
  readonly maxLagMs: number
  readonly clock: Clock
  readonly timers: Timers | null
  readonly random: () => number
  readonly onEvent: (event: RevocationEvent) => void
}

function readOptions(options: RevocationIndexOptions): IndexConfig {
  assertOptions(options, 'createRevocationIndex', known)
  const { retentionMs = 86_640_000, max = 100_000, reloadMs = 10_000, maxLagMs = 60_000, feed } = options
  const { clock = systemClock, timers = systemTimers, random = Math.random, onEvent } = options
  const onUnavailable = checkOneOf(options.onUnavailable, 'onUnavailable', ['refuse', 'allow'])
  if (feed !== undefined) assertMethods(feed, 'feed', ['load'])
  assertMethods(clock, 'clock', ['now'])
  if (timers !== null) assertMethods(timers, 'timers', ['set', 'clear'])
  assertOptionalFunction(random, 'random')
  assertOptionalFunction(onEvent, 'onEvent')
  checkInteger(reloadMs, 'reloadMs', 100, 3_600_000)
  return Object.freeze({
    refuses: onUnavailable === 'refuse',
    feed,
    retentionMs: checkInteger(retentionMs, 'retentionMs', 1_000, 86_400_000 * 366),
    max: checkInteger(max, 'max', 1, 10_000_000),
    reloadMs,
    maxLagMs: checkInteger(maxLagMs, 'maxLagMs', 2 * reloadMs, 86_400_000),
    clock,
    timers,
    random,
    onEvent: quiet(onEvent),
  })
}

class Index implements RevocationLookup {
  readonly #config: IndexConfig
  readonly #entries: RevocationEntries
  readonly #follower: FeedFollower | undefined

  constructor(config: IndexConfig) {
    this.#config = config
    this.#entries = new RevocationEntries(config.retentionMs, config.max)
    const { feed } = config
    this.#follower =
      feed === undefined
        ? undefined
        : new FeedFollower({ ...config, feed, apply: (revocations) => this.#apply(revocations) })
  }

  get epoch(): number {
    return this.#entries.epoch
  }

  get retentionMs(): number {
    return this.#config.retentionMs
  }

  get quietUntil(): number {
    return this.#follower === undefined ? Number.POSITIVE_INFINITY : this.#follower.quietUntil()
  }

  isRevoked(token: RevocableToken): boolean {
    return this.#entries.isRevoked(token)
  }

  firstLoad(now: number): Promise<void> | undefined {
    if (this.#follower === undefined || this.#follower.loadedAt !== undefined) return undefined
    return this.#follower.load(now).then(() => undefined)
  }

  assertKnown(now: number): void {
    if (this.#follower === undefined) return
    this.#follower.refresh(now)
    if (this.#config.refuses && this.#follower.state(now) === 'unavailable') throw this.#unavailable(now)
  }

  async ready(): Promise<void> {
    const now = this.#config.clock.now()
    await this.firstLoad(now)
    this.assertKnown(this.#config.clock.now())
  }

  close(): void {
    this.#follower?.close()
  }

  async revoke(revocation: Revocation): Promise<void> {
    const now = this.#config.clock.now()
    const checked = checkRevocation(revocation, now)
    // No token can be reached from there: most often seconds, which would revoke nothing in silence.
    if (checked.at + this.#config.retentionMs <= now)
      throw new RangeError('revocation.at is older than retentionMs: it is in epoch milliseconds')
    this.#entries.add(checked, now)
    try {
      await this.#config.feed?.publish?.(checked)
    } catch {
      // It stays revoked here: taking it back would accept what the caller has just called bad.
      throw new JwtError('COFFER_JWT_STORE_UNAVAILABLE')
    }
  }

  status(): RevocationStatus {
    const state = this.#follower?.state(this.#config.clock.now()) ?? 'live'
    return Object.freeze({
      state,
      loadedAt: this.#follower?.loadedAt,
      size: this.#entries.size,
      epoch: this.#entries.epoch,
    })
  }

  /** All rows are judged before the first is taken in: one bad row refuses the load. */
  #apply(rows: readonly unknown[]): void {
    const now = this.#config.clock.now()
    const revocations = rows.map((row) => checkRevocation(cutToNow(row, now), now))
    for (const revocation of revocations) {
      try {
        this.#entries.add(revocation, now)
      } catch {
        throw new IndexFull('the index is full')
      }
    }
  }

  #unavailable(now: number): JwtError<'COFFER_JWT_REVOCATION_UNAVAILABLE'> {
    return new JwtError('COFFER_JWT_REVOCATION_UNAVAILABLE', { retryAfterMs: this.#follower?.retryAfterMs(now) })
  }
}

/** A row from a process whose clock runs ahead counts as of the latest moment that this process would take itself. */
function cutToNow(row: unknown, now: number): Revocation {
  const revocation = row as Revocation
  const isAhead = typeof revocation?.at === 'number' && revocation.at > now + maxAheadMs
  return isAhead ? { ...revocation, at: now + maxAheadMs } : revocation
}

function checkRevocation(revocation: Revocation, now: number): Revocation {
  const isIssuer = revocation?.kind === 'issuer'
  assertMembers(revocation, 'revocation', isIssuer ? ['kind', 'issuer', 'at'] : ['kind', 'issuer', 'value', 'at'])
  const kind = checkOneOf(revocation.kind, 'revocation.kind', kinds)
  const issuer = checkText(revocation.issuer, 'revocation.issuer', 512)
  if (typeof revocation.at !== 'number' || Number.isNaN(revocation.at))
    throw new TypeError('revocation.at must be a number')
  if (revocation.at < 0 || revocation.at > now + maxAheadMs) {
    throw new RangeError('revocation.at must be in the past, or at most 120 s ahead')
  }
  const at = revocation.at
  if (kind === 'issuer' || revocation.kind === 'issuer') return { kind: 'issuer', issuer, at }
  return { kind, issuer, value: checkText(revocation.value, 'revocation.value', 8_192), at }
}

/** A listener that throws changes nothing of what it listens to. */
function quiet(listener: ((event: RevocationEvent) => void) | undefined): (event: RevocationEvent) => void {
  return (event) => {
    try {
      listener?.(Object.freeze(event))
    } catch {
      // Its exception is its own.
    }
  }
}
