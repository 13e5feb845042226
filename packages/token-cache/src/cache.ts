import { type Clock, createLease, type Lease, type Sourced } from '@coffer/lease'
import { type AccessToken, storedGeneration } from './access-token.js'
import type { Rejection } from './authorized-fetch.js'
import { type CheckedOptions, checkOptions } from './cache-options.js'
import { toCallerError } from './caller-error.js'
import { type CanonicalRequest, canonicalRequest, type RequestRules, type TokenRequest } from './canonical-request.js'
import { refuseUnknown } from './check-options.js'
import { TokenCacheError } from './errors.js'
import type { EventBody, TokenCacheEvent } from './events.js'
import type { LoginStep, Step } from './grant.js'
import { Handle, type HandleCache } from './handle.js'
import { digestHex, formatRequest } from './key.js'
import { credentialText, loginRecordTexts } from './login-limit.js'
import { RefreshFailure } from './refresh-failure.js'
import type { RefreshContext, RefreshKey, RefreshSetting } from './refresh-setting.js'
import { revokeHeld } from './revocation.js'
import { sharedRefresh } from './shared-refresh.js'
import { type Place, Slots } from './slots.js'
import type { TokenCache, TokenCacheOptions, TokenCacheStats, TokenHandle } from './token-cache.js'

/**
 * A bounded cache of access tokens for one client: one request per key in flight, refreshed early, shared between
 * processes through a store.
 *
 * @throws {TypeError} for a missing, unknown or unusable option, an unsealed shared store included; {RangeError} for a number out of range.
 */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  return new Cache(checkOptions(options))
}

/**
 * For this long, by the wall clock, a reading of the monotonic clock is used again. Two readings cost more than all
 * the rest of a look-up; the second one matters only after the wall clock was set back, and then this much later.
 */
const secondClockMs = 1_000

/** A key that is not quiet: its lease, and what its refreshes share. */
interface Active {
  readonly lease: Lease<AccessToken>
  /** What was held when the key left its quiet: once rejected, it must not be taken from the store again. */
  readonly taken: AccessToken | undefined
  refresh: RefreshKey | undefined
  flying: boolean
  failure: RefreshFailure | undefined
}

class Cache implements TokenCache, HandleCache {
  readonly #setting: RefreshSetting
  readonly #rules: RequestRules
  readonly #identity: string
  readonly #initialFor: string | undefined
  readonly #slots: Slots
  readonly #active = new Map<string, Active>()
  readonly #digests = new Map<string, string>()
  readonly #sourceTimeoutMs: number
  readonly #keepWarm: boolean
  readonly #clock: Clock
  readonly #monotonic: () => number
  readonly #onEvent: ((event: TokenCacheEvent) => void) | undefined
  #closed = false
  #readWallMs = Number.NEGATIVE_INFINITY
  #readMonoMs = 0
  readonly #counts = { hits: 0, waits: 0, refreshes: 0, failures: 0, adopted: 0, evicted: 0, eventFailures: 0 }

  constructor(options: CheckedOptions) {
    const { setting, rules, identity, initialFor, sourceTimeoutMs, keepWarm, max, onEvent } = options
    const { clock } = setting
    this.#setting = setting
    this.#rules = rules
    this.#identity = identity
    this.#initialFor = initialFor
    this.#sourceTimeoutMs = sourceTimeoutMs
    this.#keepWarm = keepWarm
    this.#onEvent = onEvent
    this.#slots = new Slots(max)
    this.#clock = clock
    this.#monotonic = clock.monotonic === undefined ? () => clock.now() : () => clock.monotonic?.() ?? clock.now()
  }

  for(request: TokenRequest = {}): TokenHandle {
    const canonical = canonicalRequest(request, this.#rules)
    return new Handle(this, canonical, formatRequest(canonical))
  }

  get(request: TokenRequest = {}, options?: { readonly signal?: AbortSignal }): Promise<AccessToken> {
    return this.for(request).get(options)
  }

  reset(): void {
    for (const { lease } of this.#active.values()) lease.reset()
    if (this.#setting.local === undefined) return
    for (const step of loginSteps(this.#setting.steps)) this.#setting.local.forget(credentialText(step))
  }

  stats(): TokenCacheStats {
    return { ...this.#counts, size: this.#slots.size }
  }

  async close(options: { readonly revoke?: boolean } = {}): Promise<void> {
    refuseUnknown('options', options, ['revoke'])
    this.#closed = true
    const held = [...this.#slots.tokens()]
    await Promise.all(
      [...this.#active.values()].map(async ({ lease }) => {
        await lease.close()
        if (lease.held !== undefined) held.push(lease.held.value)
      }),
    )
    if (options.revoke === true) await revokeHeld(this.#setting, held)
    this.#active.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The hot path: no allocation, no await, and most often one clock and one number of the cache. */
  peek(place: Place, key: string): AccessToken | undefined {
    if (this.#closed) return undefined
    const wallMs = this.#clock.now()
    const passedMs = wallMs - this.#readWallMs
    if (passedMs < 0 || passedMs >= secondClockMs) {
      this.#readWallMs = wallMs
      this.#readMonoMs = this.#monotonic()
    }
    if (!this.#slots.isFresh(place, wallMs, this.#readMonoMs)) {
      const row = this.#slots.rowOf(key)
      if (row < 0) {
        place.token = undefined
        return undefined
      }
      this.#slots.find(place, row)
      if (!this.#slots.isFresh(place, wallMs, this.#readMonoMs)) return this.#peekActive(key, row)
    }
    this.#counts.hits += 1
    return place.token
  }

  slow(key: string, request: CanonicalRequest, signal: AbortSignal | undefined): Promise<AccessToken> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed) return Promise.reject(new TokenCacheError('COFFER_TOKEN_CACHE_CLOSED'))
    const active = this.#activate(key, request)
    this.#counts.waits += 1
    return active.lease.get(signal === undefined ? undefined : { signal }).then(
      (token) => {
        this.#packIfQuiet(key, active)
        return token
      },
      (error: unknown) => {
        throw signal?.aborted && error === signal.reason ? error : toCallerError(error, active)
      },
    )
  }

  /** What became of a token that a resource refused. */
  reject(key: string, request: CanonicalRequest, token: AccessToken): Rejection {
    if (this.#closed) return 'held-back'
    const active = this.#activate(key, request)
    const held = active.lease.held?.value
    if (held === undefined || held.reveal() !== token.reveal()) return 'superseded'
    if (!active.lease.invalidate(token)) return 'held-back'
    this.#emit(key, { type: 'invalidated', generation: token.generation })
    return 'rejected'
  }

  #peekActive(key: string, row: number): AccessToken | undefined {
    const active = this.#active.get(key)
    const token = active?.lease.peek()
    if (active === undefined || token === undefined) return undefined
    this.#slots.touch(row)
    this.#counts.hits += 1
    this.#packIfQuiet(key, active)
    return token
  }

  #activate(key: string, request: CanonicalRequest): Active {
    const before = this.#active.get(key)
    if (before !== undefined) {
      this.#slots.touch(this.#slots.rowOf(key))
      return before
    }
    let row = this.#slots.rowOf(key)
    if (row < 0) {
      // Keys with a flight may have taken it over `max`: as many go as may.
      while (this.#slots.full && this.#evict()) {}
      row = this.#slots.insert(key)
    }
    const held = this.#slots.take(row)
    this.#slots.touch(row)
    const active: Active = {
      taken: held?.value,
      refresh: undefined,
      flying: false,
      failure: undefined,
      lease: createLease<AccessToken>({
        source: (context) => this.#refresh(key, request, active, context),
        same: (a, b) => a.reveal() === b.reveal(),
        classifyError: classify,
        policy: this.#setting.policy,
        sourceTimeoutMs: this.#sourceTimeoutMs,
        keepWarm: this.#keepWarm,
        clock: this.#clock,
        random: this.#setting.random,
        timers: this.#setting.timers,
        ...(held !== undefined && { held }),
      }),
    }
    this.#packOldest()
    this.#active.set(key, active)
    return active
  }

  async #refresh(
    key: string,
    request: CanonicalRequest,
    active: Active,
    context: RefreshContext,
  ): Promise<Sourced<AccessToken>> {
    active.flying = true
    try {
      active.refresh ??= await this.#refreshKey(key, request, context.held ?? active.taken)
      this.#emit(key, { type: 'refresh.start', cause: context.cause })
      this.#counts.refreshes += 1
      const sourced = await sharedRefresh(this.#setting, active.refresh, context)
      active.refresh.failures = 0
      active.failure = undefined
      this.#emit(key, { type: 'refresh.ok', generation: sourced.value.generation, ttlMs: sourced.ttlMs })
      return sourced
    } catch (error) {
      const failure =
        error instanceof RefreshFailure ? error : new RefreshFailure('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE')
      if (active.refresh !== undefined) active.refresh.failures += 1
      active.failure = failure
      this.#counts.failures += 1
      const { code, oauthError, reason } = failure.toError(undefined)
      this.#emit(key, { type: 'refresh.failed', code, oauthError, reason })
      if (failure.terminal) this.#emit(key, { type: 'terminal', code: failure.code })
      else if (failure.retryAfterMs !== undefined) this.#emit(key, { type: 'backoff', delayMs: failure.retryAfterMs })
      throw failure
    } finally {
      active.flying = false
    }
  }

  async #refreshKey(key: string, request: CanonicalRequest, held: AccessToken | undefined): Promise<RefreshKey> {
    const text = this.#identity + key
    const local = this.#setting.local !== undefined
    const digest =
      local && this.#onEvent === undefined ? undefined : (this.#digests.get(key) ?? (await digestHex(text)))
    if (digest !== undefined && this.#onEvent !== undefined) this.#digests.set(key, digest)
    return {
      storeKey: local || digest === undefined ? text : digest,
      request,
      ownsInitial: key === this.#initialFor,
      emit: (event) => {
        if (event.type === 'adopted') this.#counts.adopted += 1
        this.#emit(key, event)
      },
      seenGeneration: held === undefined ? 0 : storedGeneration(held),
      usedGeneration: held === undefined ? 0 : storedGeneration(held),
      failures: 0,
      unsaved: undefined,
    }
  }

  #packIfQuiet(key: string, active: Active): void {
    const { lease } = active
    const row = this.#slots.rowOf(key)
    if (this.#keepWarm || row < 0 || active.flying || active.refresh?.unsaved !== undefined) return
    if (!lease.settled || lease.phase !== 'fresh' || lease.held === undefined || this.#active.get(key) !== active)
      return
    this.#slots.put(row, lease.held)
    this.#active.delete(key)
  }

  // A background refresh leaves its lease behind until the next call; one look per activation keeps them few.
  #packOldest(): void {
    for (const [key, active] of this.#active) {
      this.#packIfQuiet(key, active)
      if (this.#active.delete(key)) this.#active.set(key, active)
      return
    }
  }

  /** Whether there was a key to go. */
  #evict(): boolean {
    const key = this.#slots.oldest((one) => this.#active.get(one)?.flying !== true)
    if (key === undefined) return false
    const { local, steps } = this.#setting
    let refreshToken = false
    if (local !== undefined) {
      refreshToken = local.forget(this.#identity + key)
      for (const text of loginRecordTexts(this.#identity + key, loginSteps(steps))) local.forget(text)
    }
    this.#counts.evicted += 1
    this.#emit(key, { type: 'evicted', refreshToken })
    this.#slots.remove(key)
    this.#digests.delete(key)
    this.#active.get(key)?.lease.close()
    this.#active.delete(key)
    return true
  }

  #emit(key: string, body: EventBody): void {
    const onEvent = this.#onEvent
    if (onEvent === undefined) return
    const digest = this.#digests.get(key)
    if (digest === undefined) return
    try {
      onEvent({ key: digest.slice(0, 16), ...body })
    } catch {
      this.#counts.eventFailures += 1
    }
  }
}

function loginSteps(steps: readonly Step[]): readonly LoginStep[] {
  return steps.filter((step) => step.role === 'login')
}

function classify(error: unknown): { kind: 'transient' | 'terminal'; retryAfterMs?: number } {
  if (!(error instanceof RefreshFailure)) return { kind: 'transient' }
  const kind = error.terminal ? 'terminal' : 'transient'
  return error.retryAfterMs === undefined ? { kind } : { kind, retryAfterMs: error.retryAfterMs }
}
