import { freshnessMs, retryAfterMs } from './cache-control.js'
import { withDeadline } from './deadline.js'
import { JwtError } from './errors.js'
import { type FetchedJwks, FetchFailure, fetchJwks } from './jwks-fetch.js'
import {
  afterFailure,
  afterStart,
  afterSuccess,
  fromSnapshot,
  initialState,
  isFetchDue,
  mayFetch,
  phaseOf,
  quietUntil,
  type RefreshPhase,
  type RefreshState,
  setBack,
} from './key-refresh.js'
import { type KeySet, readKeySet, succeedKeySet } from './key-set.js'
import { type KeySnapshot, openSnapshot, sealSnapshot } from './key-snapshot.js'
import { type KeySource, type KeySourceState, keySource } from './key-source.js'
import {
  type KeysEvent,
  type RemoteKeysConfig,
  type RemoteKeysOptions,
  readRemoteKeysOptions,
} from './remote-keys-options.js'
import { SetBackWatch } from './set-back.js'
import { parseStrictJson } from './strict-json.js'
import { createUnknownKids } from './unknown-kid.js'

/** How a remote key source is doing. Times are epoch ms. */
export interface KeysHealth {
  readonly state: RefreshPhase
  readonly keys: number
  readonly fetchedAt: number | undefined
  /** Until when the keys serve if no fetch succeeds. */
  readonly usableUntil: number | undefined
  readonly failures: number
  readonly retryAt: number | undefined
  /** Exceptions of `onEvent`. */
  readonly listenerErrors: number
}

/** A key source that fetches. */
export type RemoteKeys = KeySource & { health(): KeysHealth; close(): void }

/**
 * A key source that fetches a JWKS over https and keeps it: refreshed in the background before its ttl ends, served for
 * `maxStaleMs` beyond it while refreshing fails, and refused after that. Starts at the first use, or at `ready()`.
 *
 * @param url - Where the issuer publishes its JWKS; https, at most 64 keys and 262 144 bytes.
 * @throws {TypeError} A mistyped or unknown option, or another URL. @throws {RangeError} One out of range.
 * @example
 * const keys = remoteKeys('https://id.fincode.example/.well-known/jwks.json')
 */
export function remoteKeys(url: string, options: RemoteKeysOptions = {}): RemoteKeys {
  const source = new RemoteKeySource(readRemoteKeysOptions(url, options))
  return Object.freeze({
    [keySource]: source,
    health: () => source.health(),
    close: () => source.close(),
  })
}

class RemoteKeySource implements KeySourceState {
  readonly #config: RemoteKeysConfig
  #unknown = createUnknownKids()
  readonly #closed = new AbortController()
  #state: RefreshState = initialState
  #set: KeySet | undefined
  #etag: string | undefined
  /** The document that the snapshot holds; kept only where there is one. */
  #body: Uint8Array | undefined
  readonly #clockWatch = new SetBackWatch()
  #flight: Promise<void> | undefined
  #snapshotRead: Promise<void> | undefined
  #quietUntil = Number.NEGATIVE_INFINITY
  #reported: RefreshPhase = 'empty'
  #timer: unknown
  #listenerErrors = 0

  constructor(config: RemoteKeysConfig) {
    this.#config = config
  }

  usable(now: number): KeySet | undefined {
    this.#see(now)
    if (now < this.#quietUntil) return this.#set
    const phase = phaseOf(this.#state, now)
    this.#report(phase)
    const serves = phase === 'fresh' || phase === 'ahead' || phase === 'stale'
    if (serves && isFetchDue(this.#state, now)) this.#background()
    this.#quietUntil = quietUntil(this.#state, now)
    return serves ? this.#set : undefined
  }

  usableUntil(): number {
    return this.#quietUntil
  }

  refuse(now: number): JwtError<'COFFER_JWT_KEYS_NOT_READY' | 'COFFER_JWT_KEYS_UNAVAILABLE'> {
    if (this.#flight === undefined && !this.#mayFetch(now)) return this.#unavailable(now)
    this.load().catch(() => undefined)
    return phaseOf(this.#state, now) === 'expired' ? this.#unavailable(now) : new JwtError('COFFER_JWT_KEYS_NOT_READY')
  }

  async load(): Promise<void> {
    await this.#readSnapshot()
    const now = this.#config.clock.now()
    if (this.usable(now) !== undefined) return
    if (this.#flight === undefined && !this.#mayFetch(now)) throw this.#unavailable(now)
    await this.#fetch()
    const after = this.#config.clock.now()
    if (this.usable(after) === undefined) throw this.#unavailable(after)
  }

  loadUnknown(kid: string, now: number): Promise<void> | undefined {
    if (this.#closed.signal.aborted) return undefined
    if (this.#flight === undefined) {
      // While fetching fails nobody can tell whether the issuer has this key.
      if (!this.#mayFetch(now)) throw this.#unavailable(now)
      if (!this.#unknown.pay(kid, now)) return undefined
    }
    const answer = this.#fetchFor(kid)
    answer.catch(() => undefined)
    return answer
  }

  health(): KeysHealth {
    const now = this.#config.clock.now()
    const { success, failures, retryAt } = this.#state
    return Object.freeze({
      state: phaseOf(this.#state, now),
      keys: this.#set?.usable.length ?? 0,
      fetchedAt: success?.fetchedAt,
      usableUntil: success?.staleUntil,
      failures,
      retryAt: failures > 0 ? retryAt : undefined,
      listenerErrors: this.#listenerErrors,
    })
  }

  close(): void {
    this.#closed.abort()
    this.#config.timers?.clear(this.#timer)
  }

  async #fetchFor(kid: string): Promise<void> {
    await this.#fetch()
    const now = this.#config.clock.now()
    if (this.#state.failures > 0) throw this.#unavailable(now)
    if (this.#set?.byKid.has(kid)) this.#unknown.found(kid)
    else {
      this.#unknown.missed(kid, now)
      this.#emit({ type: 'kid-unknown', kid })
    }
  }

  #mayFetch(now: number): boolean {
    return !this.#closed.signal.aborted && mayFetch(this.#state, now)
  }

  #unavailable(now: number): JwtError<'COFFER_JWT_KEYS_UNAVAILABLE'> {
    const wait = this.#state.retryAt - now
    return new JwtError('COFFER_JWT_KEYS_UNAVAILABLE', {
      retryAfterMs: wait > 0 && Number.isFinite(wait) ? Math.ceil(wait) : undefined,
    })
  }

  #see(now: number): void {
    const back = this.#clockWatch.look(now)
    if (back === 0) return
    this.#state = setBack(this.#state, now, back)
    this.#unknown = createUnknownKids()
    this.#quietUntil = Number.NEGATIVE_INFINITY
  }

  #background(): void {
    if (!this.#closed.signal.aborted) void this.#fetch()
  }

  /** One flight for all callers; never rejects: what became of it is in the state. */
  #fetch(): Promise<void> {
    this.#flight ??= this.#exchange().finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  async #exchange(): Promise<void> {
    const { clock, url } = this.#config
    this.#state = afterStart(this.#state, clock.now())
    try {
      const fetched = await fetchJwks(
        url,
        this.#set === undefined ? undefined : this.#etag,
        this.#config,
        this.#closed.signal,
      )
      await this.#accept(fetched)
    } catch (error) {
      const failure = error instanceof FetchFailure ? error : undefined
      const now = clock.now()
      this.#state = afterFailure(
        this.#state,
        now,
        retryAfterMs(failure?.retryAfter ?? null, now),
        this.#config.random(),
      )
      this.#emit({ type: 'failed', reason: failure?.fault ?? 'document' })
    }
    this.#settle()
  }

  async #accept(fetched: FetchedJwks): Promise<void> {
    const { clock, ttl, maxStaleMs, random } = this.#config
    if (fetched.kind === 'document') this.#adopt(fetched.body)
    const now = clock.now()
    const ttlMs = freshnessMs(fetched.headers.get('cache-control'), fetched.headers.get('age'), ttl)
    this.#state = afterSuccess(now, ttlMs, maxStaleMs, random())
    if (fetched.kind === 'document') {
      this.#etag = fetched.etag
      this.#body = this.#config.snapshot === undefined ? undefined : fetched.body
    }
    this.#emit({ type: fetched.kind === 'document' ? 'fetched' : 'not-modified' })
    // Also after a 304: the snapshot lives as long as what it says was fetched.
    this.#writeSnapshot(ttlMs, now)
  }

  /** Takes a document whole or not at all. */
  #adopt(body: Uint8Array): void {
    const document = parseStrictJson(body, 32)
    const read = readKeySet(document, this.#config.maxKeys)
    if (typeof read === 'string') throw new JwtError('COFFER_JWT_KEYS_INVALID')
    const { set, changes } = succeedKeySet(this.#set, read.set)
    this.#set = set
    for (const { kid } of read.ignored) this.#emit({ type: 'key-ignored', kid })
    for (const kid of changes.reused) this.#emit({ type: 'kid-reused', kid })
    for (const { kid } of changes.added) this.#emit({ type: 'key-added', kid })
    for (const { kid } of changes.removed) this.#emit({ type: 'key-removed', kid })
  }

  /** Looks at the state afresh at the next use, and wakes up by timer when the next fetch is due. */
  #settle(): void {
    this.#quietUntil = Number.NEGATIVE_INFINITY
    const { timers, clock } = this.#config
    const { success, failures, retryAt } = this.#state
    if (timers === null || success === undefined || this.#closed.signal.aborted) return
    timers.clear(this.#timer)
    const due = failures > 0 ? retryAt : success.refreshAt
    const wake = (): void => {
      const now = clock.now()
      this.#see(now)
      if (isFetchDue(this.#state, now)) this.#background()
      else if (this.#flight === undefined) this.#settle()
    }
    this.#timer = timers.set(wake, Math.max(0, due - clock.now()))
  }

  /** The snapshot stands in only while nothing was ever fetched. */
  #readSnapshot(): Promise<void> {
    this.#snapshotRead ??= this.#useSnapshot()
    return this.#snapshotRead
  }

  async #useSnapshot(): Promise<void> {
    const { snapshot, url, clock, maxStaleMs, timeoutMs, timers } = this.#config
    if (snapshot === undefined) return
    const read = async (): Promise<KeySnapshot | undefined> => {
      const sealed = await snapshot.read()
      if (sealed === undefined) return undefined
      const opened = await openSnapshot(sealed, url, snapshot.sealer, clock.now())
      if (opened === undefined) throw new JwtError('COFFER_JWT_KEYS_INVALID')
      return opened
    }
    try {
      // A store that never answers must not keep the keys from being fetched.
      const opened = await withDeadline(read, timeoutMs, timers)
      if (opened === undefined || this.#state.success !== undefined) return
      this.#adopt(opened.body)
      this.#etag = opened.etag
      this.#body = opened.body
      this.#state = fromSnapshot(opened.fetchedAt, opened.ttlMs, maxStaleMs, clock.now())
      this.#emit({ type: 'snapshot-used' })
      this.#settle()
    } catch {
      this.#emit({ type: 'snapshot-refused' })
    }
  }

  #writeSnapshot(ttlMs: number, fetchedAt: number): void {
    const { snapshot, url } = this.#config
    const body = this.#body
    if (snapshot === undefined || body === undefined) return
    // Losing a snapshot loses nothing but a start during an outage; the keys in memory are good.
    sealSnapshot({ body, etag: this.#etag, fetchedAt, ttlMs }, url, snapshot.sealer)
      .then((sealed) => snapshot.write(sealed))
      .catch(() => undefined)
  }

  #report(phase: RefreshPhase): void {
    if (phase === this.#reported) return
    this.#reported = phase
    if (phase === 'stale' || phase === 'expired') this.#emit({ type: phase })
  }

  #emit(event: KeysEvent): void {
    try {
      this.#config.onEvent?.(Object.freeze(event))
    } catch {
      this.#listenerErrors++
    }
  }
}
