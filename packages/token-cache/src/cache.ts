import {
  type Clock,
  createLease,
  defineLeasePolicy,
  isLeaseError,
  type Lease,
  type LeasePolicy,
  type LeasePolicyOverrides,
  type Sourced,
  systemClock,
  type Timers,
} from '@coffer/lease'
import type { AccessToken } from './access-token.js'
import {
  type AuthorizedFetch,
  type AuthorizedFetchOptions,
  authorizedFetch,
  type Rejection,
} from './authorized-fetch.js'
import { type CanonicalRequest, canonicalRequest, type RequestRules, type TokenRequest } from './canonical-request.js'
import { integerIn, oneOf, refuseUnknown } from './check-options.js'
import { TokenCacheError } from './errors.js'
import type { EventBody, TokenCacheEvent } from './events.js'
import { type Grant, grantSteps, type LoginStep, type Step } from './grant.js'
import { digestHex, formatIdentity, formatRequest } from './key.js'
import { credentialText, loginRecordTexts } from './login-limit.js'
import { MemoryStore } from './memory-store.js'
import { RefreshFailure } from './refresh-failure.js'
import { type RefreshKey, type RefreshSetting, sharedRefresh } from './shared-refresh.js'
import { Slots } from './slots.js'
import { isProtected, type TokenStore } from './store.js'
import { parseBody } from './stored-body.js'

export interface TokenCacheOptions {
  /** Required. How a token is obtained. */
  readonly grant: Grant
  /** Required. Keys held, 1..10 000 000; the least recently used goes first, never one with a flight. */
  readonly max: number
  /** Default none: tokens are this process's own. */
  readonly store?: TokenStore
  /** `'process-local'`: when the store fails, tokens for this process alone; refused with a rotating refresh token. */
  readonly onStoreFailure?: 'serve-then-fail' | 'process-local'
  readonly policy?: LeasePolicyOverrides
  /** `'refuse'`: less scope than asked is an error. Default `'accept'`. */
  readonly narrowedScope?: 'accept' | 'refuse'
  /** How long to wait for a peer that refreshes. Default 5 000 ms. */
  readonly busyWaitMs?: number
  /** Between logins of one key that may have been processed. Default 60 000 ms. */
  readonly loginIntervalMs?: number
  /** Without a login after one was refused, unless the password's version changed. Default 900 000 ms. */
  readonly loginHoldMs?: number
  /** Refresh on a timer. Default false. */
  readonly keepWarm?: boolean
  readonly clock?: Clock
  /** 0..1, for jitter only. */
  readonly random?: () => number
  readonly timers?: Timers
  /** Runs synchronously; what it throws is counted, not raised. */
  readonly onEvent?: (event: TokenCacheEvent) => void
}

export interface TokenCache {
  /** Canonicalises a request once: keep the handle on hot paths. */
  for(request?: TokenRequest): TokenHandle
  get(request?: TokenRequest, options?: { readonly signal?: AbortSignal }): Promise<AccessToken>
  /** A credential changed: back-off, holds and (without a store) refused logins are forgotten. Tokens stay. */
  reset(): void
  stats(): TokenCacheStats
  /** Refuses new calls and waits for flights. `revoke`: and revokes (RFC 7009) what this process alone holds. */
  close(options?: { readonly revoke?: boolean }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** One request's token. */
export interface TokenHandle {
  /** Rejects with `signal.reason` or a {@link TokenCacheError}. */
  get(options?: { readonly signal?: AbortSignal }): Promise<AccessToken>
  /** The token while fresh; starts nothing. */
  peek(): AccessToken | undefined
  /** False unless this token is the current one for this key and no rejection was honoured within `rejectIntervalMs`. */
  invalidate(token: AccessToken): boolean
  /** As `fetch`, with this token. `init.body` may also be a function, which makes a stream replayable. */
  fetch(options: AuthorizedFetchOptions): AuthorizedFetch
}

/** Counts since the cache was made; `size` is the keys held now. */
export interface TokenCacheStats {
  readonly hits: number
  readonly waits: number
  readonly refreshes: number
  readonly failures: number
  readonly adopted: number
  readonly evicted: number
  readonly eventFailures: number
  readonly size: number
}

const optionNames = [
  'grant',
  'max',
  'store',
  'onStoreFailure',
  'policy',
  'narrowedScope',
  'busyWaitMs',
  'loginIntervalMs',
  'loginHoldMs',
  'keepWarm',
  'clock',
  'random',
  'timers',
  'onEvent',
]

/**
 * A bounded cache of access tokens for one client: one request per key in flight, refreshed early, shared between
 * processes through a store.
 *
 * @throws {TypeError} for a missing, unknown or unusable option, an unsealed shared store included; {RangeError} for a number out of range.
 */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  refuseUnknown('options', options, optionNames)
  return new Cache(options)
}

/** A key that is not quiet: its lease, and what its refreshes share. */
interface Active {
  readonly lease: Lease<AccessToken>
  refresh: RefreshKey | undefined
  flying: boolean
  failure: RefreshFailure | undefined
}

const systemTimers: Timers = {
  set: (run, ms) => setTimeout(run, ms),
  clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
}

class Cache implements TokenCache {
  readonly #setting: RefreshSetting
  readonly #rules: RequestRules
  readonly #identity: string
  readonly #initialFor: string | undefined
  readonly #slots: Slots
  readonly #active = new Map<string, Active>()
  readonly #digests = new Map<string, string>()
  readonly #policy: LeasePolicy
  readonly #sourceTimeoutMs: number
  readonly #keepWarm: boolean
  readonly #clock: Clock
  readonly #monotonic: () => number
  readonly #onEvent: ((event: TokenCacheEvent) => void) | undefined
  #closed = false
  #generation = 0
  readonly #counts = { hits: 0, waits: 0, refreshes: 0, failures: 0, adopted: 0, evicted: 0, eventFailures: 0 }

  constructor(options: TokenCacheOptions) {
    const { grant, store, clock = systemClock, random = Math.random, timers = systemTimers, keepWarm = false } = options
    const { onStoreFailure = 'serve-then-fail', narrowedScope = 'accept', onEvent } = options
    const steps = grant?.[grantSteps]
    if (steps === undefined) throw new TypeError('grant must be made by this package')
    const [firstStep] = steps
    if (firstStep === undefined) throw new TypeError('grant must have a step')
    const max = integerIn('max', options.max, 1, 10_000_000)
    oneOf('onStoreFailure', onStoreFailure, ['serve-then-fail', 'process-local'])
    oneOf('narrowedScope', narrowedScope, ['accept', 'refuse'])
    if (typeof keepWarm !== 'boolean') throw new TypeError('keepWarm must be a boolean')
    if (store !== undefined && !isProtected(store))
      throw new TypeError('store is shared: wrap it in sealed(store, sealer)')
    const rotating = steps.some((step) => step.role === 'refresh' && step.rotation !== 'reusable')
    if (onStoreFailure === 'process-local' && rotating) {
      throw new TypeError(
        "onStoreFailure 'process-local' is refused with a rotating refresh token: two processes would send it",
      )
    }
    for (const [name, value] of Object.entries({ random, 'clock.now': clock.now, onEvent: onEvent ?? Math.random })) {
      if (typeof value !== 'function') throw new TypeError(`${name} must be a function`)
    }
    this.#policy = defineLeasePolicy(options.policy)
    this.#keepWarm = keepWarm
    this.#clock = clock
    this.#monotonic = clock.monotonic === undefined ? () => clock.now() : () => clock.monotonic?.() ?? clock.now()
    this.#onEvent = onEvent
    this.#slots = new Slots(max)
    this.#rules = rulesOf(steps)
    this.#identity = formatIdentity({
      issuer: firstStep.issuer,
      grants: steps.map((step) => step.identity),
      subject: steps.find((step) => step.subject !== undefined)?.subject,
    })
    const initial = steps.flatMap((step) => (step.role === 'refresh' && step.initial ? [step.initial.for] : []))[0]
    this.#initialFor = initial && formatRequest(canonicalRequest(initial, this.#rules))
    const busyWaitMs = integerIn('busyWaitMs', options.busyWaitMs ?? 5_000, 0, 600_000)
    // Long enough for every step of the chain and the wait for a peer, so that only a hanging store meets it.
    this.#sourceTimeoutMs = steps.reduce((total, step) => total + 2 * step.timeoutMs, 2 * busyWaitMs + 20_000)
    const own = new MemoryStore(Number.MAX_SAFE_INTEGER, clock)
    const local = store === undefined ? own : undefined
    this.#setting = {
      steps,
      store: store ?? own,
      local,
      onStoreFailure,
      clock,
      timers,
      random,
      narrowedScope,
      busyWaitMs,
      policy: this.#policy,
      loginIntervalMs: integerIn('loginIntervalMs', options.loginIntervalMs ?? 60_000, 0, 86_400_000),
      loginHoldMs: integerIn('loginHoldMs', options.loginHoldMs ?? 900_000, 0, 86_400_000),
      loginQueue: new Map(),
      recordKey: local === undefined ? digestHex : (text) => text,
      nextGeneration: (atLeast) => {
        this.#generation = local === undefined ? atLeast + 1 : this.#generation + 1
        return this.#generation
      },
      initialPresented: false,
    }
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
    if (options.revoke === true) await this.#revoke(held)
    this.#active.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The hot path: two clocks, one comparison each, no allocation. */
  peek(key: string, hint: number): AccessToken | undefined {
    if (this.#closed) return undefined
    const row = this.#slots.rowOf(key, hint)
    if (row < 0) return undefined
    const token = this.#slots.fresh(row, this.#clock.now(), this.#monotonic())
    if (token !== undefined) {
      this.#counts.hits += 1
      return token
    }
    return this.#peekActive(key, row)
  }

  rowOf(key: string): number {
    return this.#slots.rowOf(key, -1)
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
        throw signal?.aborted && error === signal.reason ? error : this.#translate(active, error)
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
      this.#slots.touch(this.#slots.rowOf(key, -1))
      return before
    }
    let row = this.#slots.rowOf(key, -1)
    if (row < 0) {
      if (this.#slots.full) this.#evict()
      row = this.#slots.insert(key)
    }
    const held = this.#slots.take(row)
    this.#slots.touch(row)
    const active: Active = {
      refresh: undefined,
      flying: false,
      failure: undefined,
      lease: createLease<AccessToken>({
        source: (context) => this.#refresh(key, request, active, context),
        same: (a, b) => a.reveal() === b.reveal(),
        classifyError: classify,
        policy: this.#policy,
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
    context: Parameters<typeof sharedRefresh>[2],
  ): Promise<Sourced<AccessToken>> {
    active.flying = true
    try {
      active.refresh ??= await this.#refreshKey(key, request, context.held)
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
      this.#emit(key, { type: 'refresh.failed', code: failure.code, oauthError: failure.toError(undefined).oauthError })
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
      seenGeneration: held?.generation ?? 0,
      usedGeneration: held?.generation ?? 0,
      failures: 0,
      unsaved: undefined,
    }
  }

  #packIfQuiet(key: string, active: Active): void {
    const { lease } = active
    const row = this.#slots.rowOf(key, -1)
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

  #evict(): void {
    const key = this.#slots.oldest((one) => this.#active.get(one)?.flying !== true)
    if (key === undefined) return
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
  }

  #translate(active: Active, error: unknown): TokenCacheError {
    const retryAt = active.lease.retryAt
    if (error instanceof RefreshFailure) return error.toError(retryAt)
    if (!isLeaseError(error)) return new TokenCacheError('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { retryAt })
    switch (error.code) {
      case 'COFFER_LEASE_CLOSED':
        return new TokenCacheError('COFFER_TOKEN_CACHE_CLOSED')
      case 'COFFER_LEASE_STALE_RESULT':
        return new TokenCacheError('COFFER_TOKEN_CACHE_RESPONSE_INVALID', { retryAt })
      case 'COFFER_LEASE_TIMEOUT':
        return new TokenCacheError('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { retryAt })
      case 'COFFER_LEASE_BACKING_OFF':
      case 'COFFER_LEASE_TERMINAL':
        // What the last attempt came to still holds.
        return (
          active.failure?.toError(error.retryAt) ??
          new TokenCacheError('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { retryAt })
        )
    }
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

  async #revoke(tokens: readonly AccessToken[]): Promise<void> {
    const revoke = this.#setting.steps.find((step) => step.revoke !== undefined)?.revoke
    if (revoke === undefined) return
    const { timers, clock, local } = this.#setting
    const context = { timers, clock, signal: new AbortController().signal }
    for (const token of tokens) await revoke(token.reveal(), 'access_token', context)
    for (const body of local?.bodies() ?? []) {
      const token = parseBody(body)?.refreshToken
      if (token !== undefined) await revoke(token, 'refresh_token', context)
    }
  }
}

class Handle implements TokenHandle {
  readonly #cache: Cache
  readonly #request: CanonicalRequest
  readonly #key: string
  #row = -1

  constructor(cache: Cache, request: CanonicalRequest, key: string) {
    this.#cache = cache
    this.#request = request
    this.#key = key
  }

  peek(): AccessToken | undefined {
    const token = this.#cache.peek(this.#key, this.#row)
    if (token !== undefined && this.#row < 0) this.#row = this.#cache.rowOf(this.#key)
    return token
  }

  get(options?: { readonly signal?: AbortSignal }): Promise<AccessToken> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason)
    const token = this.peek()
    return token === undefined ? this.#cache.slow(this.#key, this.#request, options?.signal) : Promise.resolve(token)
  }

  invalidate(token: AccessToken): boolean {
    return this.#cache.reject(this.#key, this.#request, token) === 'rejected'
  }

  fetch(options: AuthorizedFetchOptions): AuthorizedFetch {
    return authorizedFetch(options, {
      get: (signal) => this.get(signal === undefined ? undefined : { signal }),
      peek: () => this.peek(),
      reject: (token) => this.#cache.reject(this.#key, this.#request, token),
    })
  }
}

function rulesOf(steps: readonly Step[]): RequestRules {
  const places = new Set(steps.map((step) => step.tenant))
  return {
    reserved: new Set(steps.flatMap((step) => step.reserved)),
    // A tenant must reach every endpoint of the chain, or one of them would answer for another tenant.
    tenant: places.has('refused') ? 'refused' : places.has('required') ? 'required' : 'allowed',
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
