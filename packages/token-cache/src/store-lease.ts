import { elapsedMs, type Instant, instantOf } from '@coffer/lease'
import { isTokenCacheError } from './errors.js'
import type { StoreOperation } from './events.js'
import { RefreshFailure } from './refresh-failure.js'
import type { RefreshKey, RefreshSetting } from './refresh-setting.js'
import type { Snapshot, TokenStore } from './store.js'
import { formatBody, type StoredBody } from './stored-body.js'
import type { Rotation } from './token-endpoint.js'

const marginMs = 5_000

/** A refresh token, by its digest, and which attempt this is. */
export interface Intent {
  readonly digest: string
  readonly attempt: 1 | 2
}

/** One key's record under a lease: every write carries the fence, every failure becomes a code. */
export class StoreLease {
  readonly #setting: RefreshSetting
  readonly #key: RefreshKey
  readonly #ttlMs: number
  readonly owner: string = crypto.randomUUID()
  #snapshot: Snapshot | undefined
  #acquiredAt: Instant
  #heartbeat: unknown
  #intent: 'keep' | 'clear' | 'dead' = 'keep'
  #sentDigest: string | undefined
  /** The digest of a further attempt that was noted and not made. */
  #unmade: string | undefined
  #committed = false
  /** Why the lease can no longer be renewed. */
  #lost: RefreshFailure | undefined
  #released = false

  constructor(setting: RefreshSetting, key: RefreshKey) {
    this.#setting = setting
    this.#key = key
    this.#ttlMs = Math.max(...setting.steps.map((step) => step.timeoutMs)) + marginMs
    this.#acquiredAt = instantOf(setting.clock)
  }

  /** The record under the lease; undefined: held by another. */
  async acquire(): Promise<Snapshot | undefined> {
    this.#acquiredAt = instantOf(this.#setting.clock)
    const snapshot = await this.#call('acquire', (store) => store.acquire(this.#key.storeKey, this.owner, this.#ttlMs))
    this.#snapshot = snapshot
    if (snapshot !== undefined && this.#setting.local === undefined) this.#beat(snapshot)
    return snapshot
  }

  read(): Promise<Snapshot | undefined> {
    return this.#call('read', (store) => store.read(this.#key.storeKey))
  }

  /** Makes sure that the lease outlasts a request that may take `timeoutMs`. */
  async outlast(timeoutMs: number): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost
    const snapshot = this.#snapshot
    if (snapshot === undefined || this.#setting.local !== undefined) return
    const leftMs = this.#ttlMs - elapsedMs(this.#acquiredAt, instantOf(this.#setting.clock))
    if (leftMs <= timeoutMs) await this.#renew(snapshot)
  }

  /** Notes, durably, that the refresh token with this digest is about to be sent. */
  async intend(fence: number, intent: Intent): Promise<void> {
    const noted = await this.#call('intend', (store) => store.intend(this.#key.storeKey, fence, intent))
    if (!noted) throw this.fenced()
    this.#intent = 'keep'
    this.#sentDigest = intent.digest
  }

  /** Nothing was sent: its intent, written or not, must not pass for a token that may be spent. */
  notSent({ digest, attempt }: Intent, rotation: Rotation): void {
    this.#intent = attempt === 1 ? 'clear' : 'keep'
    // A grace counts from the first attempt, and an intent that is written again is young again.
    if (attempt === 2 && rotation === 'until-used') this.#unmade = digest
  }

  /** What `release` is to do with the intent. */
  decide(intent: 'keep' | 'clear' | 'dead'): void {
    this.#intent = intent
  }

  /** Writes a body. `'unsaved'`: the store failed three times, and the body is kept for this process's next attempt. */
  async commit(snapshot: Snapshot, generation: number, body: StoredBody): Promise<'stored' | 'unsaved' | 'fenced'> {
    const { local } = this.#setting
    const key = this.#key
    if (local !== undefined && body.refreshToken === undefined) {
      // Nothing to remember between refreshes: the record goes, and a million keys cost no second map.
      local.forget(key.storeKey)
      this.#released = true
      return 'stored'
    }
    const bytes = formatBody(body)
    for (let attempt = 1; ; attempt += 1) {
      try {
        const kept = await this.#call('commit', (store) =>
          store.commit(key.storeKey, snapshot.fence, generation, bytes),
        )
        if (!kept) return 'fenced'
        this.#intent = 'clear'
        this.#committed = true
        key.unsaved = undefined
        key.seenGeneration = Math.max(key.seenGeneration, generation)
        return 'stored'
      } catch (error) {
        if (!isStoreFailure(error)) throw error
        if (attempt < 3) continue
        key.unsaved = { digest: this.#sentDigest, generation: snapshot.generation, body }
        return 'unsaved'
      }
    }
  }

  async release(holdMs: number): Promise<void> {
    this.#setting.timers.clear(this.#heartbeat)
    const snapshot = this.#snapshot
    if (snapshot === undefined || this.#released) return
    this.#released = true
    const { local } = this.#setting
    if (local !== undefined && this.#isWorthless(snapshot)) {
      local.forget(this.#key.storeKey)
      return
    }
    const outcome = { intent: this.#intent, holdMs: local === undefined ? holdMs : 0 }
    const unmade = this.#unmade === undefined ? undefined : { digest: this.#unmade, attempt: 1 as const }
    try {
      if (unmade !== undefined)
        await this.#call('intend', (store) => store.intend(this.#key.storeKey, snapshot.fence, unmade))
      await this.#call('release', (store) => store.release(this.#key.storeKey, snapshot.fence, outcome))
    } catch (error) {
      // The lease lapses by itself; what was decided is in the commit or in the intent.
      if (!isStoreFailure(error)) throw error
    }
  }

  /** A later fence exists: nothing more is sent or written. */
  fenced(): RefreshFailure {
    this.#setting.timers.clear(this.#heartbeat)
    this.#key.emit({ type: 'fence.refused' })
    this.#released = true
    return new RefreshFailure('COFFER_TOKEN_CACHE_BUSY')
  }

  /** A store's error as a code. The cause is dropped: a database client's error can quote the statement and its values. */
  failure(error: unknown, operation: StoreOperation): RefreshFailure {
    if (error instanceof RefreshFailure) return error
    if (isTokenCacheError(error) && error.code === 'COFFER_TOKEN_CACHE_STORE_CORRUPT')
      return new RefreshFailure(error.code)
    this.#key.emit({ type: 'store.failed', operation })
    return new RefreshFailure('COFFER_TOKEN_CACHE_STORE_UNAVAILABLE')
  }

  /** Whether the record holds nothing that the next refresh must know. */
  #isWorthless(snapshot: Snapshot): boolean {
    const sent = this.#committed || this.#sentDigest !== undefined
    return !sent && snapshot.body === undefined && snapshot.intent === undefined
  }

  // Every third of the lease: a slow issuer must not outlive it.
  #beat(snapshot: Snapshot): void {
    this.#heartbeat = this.#setting.timers.set(() => {
      this.#renew(snapshot).then(
        () => {
          if (!this.#released) this.#beat(snapshot)
        },
        (error: unknown) => {
          const failure = this.failure(error, 'renew')
          // A store that fails says nothing of a later fence: the lease lasts to its end and is renewed before a request.
          if (!isStoreFailure(failure)) this.#lost = failure
          else if (!this.#released) this.#beat(snapshot)
        },
      )
    }, this.#ttlMs / 3)
  }

  async #renew(snapshot: Snapshot): Promise<void> {
    const at = instantOf(this.#setting.clock)
    const renewed = await this.#call('renew', (store) => store.renew(this.#key.storeKey, snapshot.fence, this.#ttlMs))
    if (!renewed) throw this.fenced()
    this.#acquiredAt = at
  }

  async #call<T>(operation: StoreOperation, call: (store: TokenStore) => Promise<T>): Promise<T> {
    try {
      return await call(this.#setting.store)
    } catch (error) {
      throw this.failure(error, operation)
    }
  }
}

/** Whether the store itself failed. */
export function isStoreFailure(error: unknown): boolean {
  return error instanceof RefreshFailure && error.code === 'COFFER_TOKEN_CACHE_STORE_UNAVAILABLE'
}
