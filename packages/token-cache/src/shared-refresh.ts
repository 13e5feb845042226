import { elapsedMs, type Instant, instantOf, type Sourced } from '@coffer/lease'
import { AccessToken, type AccessTokenParts, markAdopted, markProcessLocal } from './access-token.js'
import type { Exchange, GrantedToken } from './exchange.js'
import type { LoginStep, RefreshStep, Step } from './grant.js'
import { type InitialToken, initialTokenOf, refreshTokenDigest, withInitial } from './initial-token.js'
import { limitedLogin } from './login-limit.js'
import { failureOf, RefreshFailure } from './refresh-failure.js'
import { refreshScope } from './refresh-scope.js'
import type { RefreshContext, RefreshKey, RefreshSetting } from './refresh-setting.js'
import { attemptFor, intentAfter, isDead } from './rotation.js'
import { spacedFailure } from './spaced-failure.js'
import type { Snapshot } from './store.js'
import { isStoreFailure, StoreLease } from './store-lease.js'
import { parseBody, type StoredBody } from './stored-body.js'
import type { SendContext } from './token-endpoint.js'

const pollMs = { min: 50, max: 500 } as const

/** One refresh of one key, under the store's lease: adopt what a peer obtained, or obtain it and leave it to the peers. */
export async function sharedRefresh(
  setting: RefreshSetting,
  key: RefreshKey,
  context: RefreshContext,
): Promise<Sourced<AccessToken>> {
  return await new Refresh(setting, key, context).run()
}

class Refresh {
  readonly #setting: RefreshSetting
  readonly #key: RefreshKey
  readonly #context: RefreshContext
  readonly #lease: StoreLease
  readonly #calledAt: Instant
  #record: StoredBody | undefined
  #sentToken: string | undefined
  /** The initial refresh token presented or passed over in this refresh, as a digest. */
  #initial: string | undefined
  /** The record after an initial refresh token was written into it. */
  #taken: Snapshot | undefined
  /** The refresh token was sent and nobody knows what became of it. */
  #lost = false

  constructor(setting: RefreshSetting, key: RefreshKey, context: RefreshContext) {
    this.#setting = setting
    this.#key = key
    this.#context = context
    this.#lease = new StoreLease(setting, key)
    this.#calledAt = instantOf(setting.clock)
  }

  async run(): Promise<Sourced<AccessToken>> {
    let snapshot: Snapshot | undefined
    try {
      snapshot = await this.#lease.acquire()
    } catch (error) {
      if (this.#setting.onStoreFailure === 'process-local' && isStoreFailure(error)) return await this.#withoutStore()
      throw error
    }
    if (snapshot === undefined) return await this.#awaitPeer()
    try {
      const sourced = await this.#underLease(snapshot)
      await this.#lease.release(0)
      return sourced
    } catch (error) {
      const failure = error instanceof RefreshFailure ? error : undefined
      await this.#lease.release(failure === undefined || failure.terminal ? 0 : (failure.retryAfterMs ?? 0))
      throw error
    }
  }

  async #underLease(snapshot: Snapshot): Promise<Sourced<AccessToken>> {
    this.#record = this.#open(snapshot)
    const adopted = this.#fromPeer(snapshot, this.#record)
    if (adopted !== undefined) return adopted
    return await this.#obtain(snapshot)
  }

  async #obtain(snapshot: Snapshot): Promise<Sourced<AccessToken>> {
    let last: RefreshFailure | undefined
    for (const step of this.#setting.steps) {
      const sentAt = instantOf(this.#setting.clock)
      const exchange = await this.#present(step, snapshot)
      if (exchange === undefined) continue
      if (exchange instanceof RefreshFailure) {
        last = exchange
        continue
      }
      if (exchange.kind === 'granted') return await this.#keep(step, this.#taken ?? snapshot, exchange.token, sentAt)
      last = this.#lost ? new RefreshFailure('COFFER_TOKEN_CACHE_REFRESH_LOST') : failureOf(exchange)
      if (exchange.refreshToken !== undefined) await this.#keepSuccessor(this.#taken ?? snapshot, exchange.refreshToken)
      if (exchange.stops !== 'grant' && !this.#lost) break
      this.#lost = false
    }
    throw this.#spaced(last ?? new RefreshFailure('COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED'))
  }

  /** An exchange; undefined: nothing to present; a failure: the refresh token may be spent and was not sent. */
  async #present(step: Step, snapshot: Snapshot): Promise<Exchange | RefreshFailure | undefined> {
    if (step.role === 'refresh') return await this.#presentRefresh(step, snapshot)
    await this.#beforeSending(step)
    if (step.role === 'plain') return await step.present(this.#key.request, this.#sending)
    return await this.#login(step)
  }

  async #login(step: LoginStep): Promise<Exchange> {
    const { store, recordKey, loginIntervalMs, loginHoldMs, loginQueue, busyWaitMs, clock } = this.#setting
    const sleep = (ms: number): Promise<void> => this.#sleep(ms)
    const limit = {
      store,
      recordKey,
      loginIntervalMs,
      loginHoldMs,
      loginQueue,
      busyWaitMs,
      clock,
      sleep,
      owner: this.#lease.owner,
    }
    try {
      return await limitedLogin(limit, this.#key.storeKey, step, (credential) =>
        step.present(credential, this.#key.request, this.#sending),
      )
    } catch (error) {
      throw this.#lease.failure(error, 'acquire')
    }
  }

  async #presentRefresh(step: RefreshStep, snapshot: Snapshot): Promise<Exchange | RefreshFailure | undefined> {
    const stored = this.#record?.refreshToken
    if (stored === undefined) {
      const initial = await this.#unusedInitial(step, snapshot)
      if (initial === undefined) return undefined
      // The intent of an earlier initial token must outlive that of this one, or it would count as never sent.
      const first = this.#record === undefined && (snapshot.intent?.digest ?? initial.digest) === initial.digest
      return first
        ? await this.#send(step, snapshot, initial.token, initial.digest)
        : await this.#takeUp(step, snapshot, initial)
    }
    const exchange = await this.#send(step, snapshot, stored, await refreshTokenDigest(this.#key, stored))
    const ended = exchange instanceof RefreshFailure || (step.rotation === 'reusable' && isDead(exchange))
    const initial = ended ? await this.#unusedInitial(step, snapshot) : undefined
    return initial === undefined ? exchange : await this.#takeUp(step, snapshot, initial)
  }

  /** Sends a refresh token under an intent, unless it is spent or may be. */
  async #send(
    step: RefreshStep,
    snapshot: Snapshot,
    token: string,
    digest: string,
  ): Promise<Exchange | RefreshFailure> {
    const { request } = this.#key
    const initial = this.#record === undefined
    if (initial) this.#initial = digest
    this.#sentToken = token
    if (step.rotation === 'reusable') {
      await this.#beforeSending(step)
      return await step.present(token, refreshScope(request.scope, this.#record?.scope), request, this.#sending)
    }
    const attempt = attemptFor(step.rotation, snapshot, digest)
    if (snapshot.intent?.digest === digest) this.#key.emit({ type: 'intent.found', sentAgain: attempt !== undefined })
    if (attempt === undefined) return new RefreshFailure('COFFER_TOKEN_CACHE_REFRESH_LOST')
    this.#refuseAfterAbort()
    const intent = { digest, attempt }
    try {
      await this.#lease.intend(snapshot.fence, intent)
      // Looked at after the intent: a process that was stopped while it wrote it must not send beyond its lease.
      await this.#beforeSending(step)
    } catch (error) {
      this.#lease.notSent(intent, step.rotation)
      throw error
    }
    const { presentedInitials } = this.#setting
    if (initial) presentedInitials.add(digest)
    const exchange = await step.present(token, refreshScope(request.scope, this.#record?.scope), request, this.#sending)
    if (exchange.kind === 'granted') return exchange
    if (initial && exchange.sent === 'kept') presentedInitials.delete(digest)
    this.#lease.decide(intentAfter(step.rotation, attempt, exchange))
    // Neither the first nor the one further attempt told us what became of it: from here on it counts as spent.
    const untold = exchange.sent === 'unknown' && exchange.refreshToken === undefined && exchange.stops === 'nothing'
    this.#lost = untold && (step.rotation === 'strict' || attempt === 2)
    return exchange
  }

  /**
   * Puts an initial refresh token in the place of one that is spent, durably and before it is sent: from then on it is
   * the record's own, with an intent of its own, and the one before it is never sent again.
   */
  async #takeUp(
    step: RefreshStep,
    snapshot: Snapshot,
    { token, digest }: InitialToken,
  ): Promise<Exchange | RefreshFailure> {
    const before = this.#record?.initials ?? (snapshot.intent === undefined ? [] : [snapshot.intent.digest])
    const initials = withInitial(before, digest)
    const body: StoredBody = { accessToken: undefined, scope: undefined, refreshToken: token, initials }
    const generation = this.#setting.nextGeneration(snapshot.generation)
    const stored = await this.#lease.commit(snapshot, generation, body)
    if (stored === 'fenced') throw this.#lease.fenced()
    if (stored === 'unsaved') {
      this.#key.unsaved = undefined
      throw new RefreshFailure('COFFER_TOKEN_CACHE_STORE_UNAVAILABLE')
    }
    this.#setting.presentedInitials.add(digest)
    this.#record = body
    this.#taken = { ...snapshot, generation, intent: undefined }
    return await this.#send(step, this.#taken, token, digest)
  }

  /** The initial refresh token, unless this key has come by it before. */
  async #unusedInitial(step: RefreshStep, snapshot: Snapshot): Promise<InitialToken | undefined> {
    let initial: InitialToken | undefined
    try {
      initial = await initialTokenOf(this.#setting, this.#key, step, snapshot, this.#record)
    } catch {
      throw this.#spaced(new RefreshFailure('COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE'))
    }
    if (initial?.used) this.#initial = initial.digest
    return initial?.used ? undefined : initial
  }

  get #initials(): readonly string[] {
    return withInitial(this.#record?.initials ?? [], this.#initial)
  }

  /** Keeps what was granted. A store that fails now costs the peers a login, not this process its token. */
  async #keep(step: Step, snapshot: Snapshot, token: GrantedToken, sentAt: Instant): Promise<Sourced<AccessToken>> {
    const setting = this.#setting
    const { request } = this.#key
    const scope = token.scope ?? request.scope
    const kept = step.role === 'refresh' ? this.#sentToken : undefined
    const successor = token.refreshToken === undefined ? kept : (token.refreshToken ?? undefined)
    const narrowed = (request.scope ?? []).some((one) => !(scope ?? []).includes(one))
    if (narrowed) this.#key.emit({ type: 'scope.narrowed' })
    const refused = narrowed && setting.narrowedScope === 'refuse'
    const leftMs = Math.min(token.ttlMs, setting.policy.maxTtlMs) - elapsedMs(sentAt, instantOf(setting.clock))
    const stale = leftMs <= 0
    const body: StoredBody = {
      accessToken: refused || stale ? undefined : { text: token.text, ttlMs: leftMs },
      scope,
      refreshToken: successor,
      initials: this.#initials,
    }
    const generation = setting.nextGeneration(snapshot.generation)
    const stored = await this.#lease.commit(snapshot, generation, body)
    if (stored === 'fenced') return await this.#superseded(step, token)
    if (refused) throw new RefreshFailure('COFFER_TOKEN_CACHE_SCOPE_NARROWED')
    if (stale) throw this.#spaced(new RefreshFailure('COFFER_TOKEN_CACHE_RESPONSE_INVALID'))
    return this.#sourced({ text: token.text, scope: scope ?? [], generation }, leftMs)
  }

  async #keepSuccessor(snapshot: Snapshot, refreshToken: string): Promise<void> {
    const body: StoredBody = {
      accessToken: undefined,
      scope: this.#record?.scope,
      refreshToken,
      initials: this.#initials,
    }
    const stored = await this.#lease.commit(snapshot, this.#setting.nextGeneration(snapshot.generation), body)
    if (stored === 'fenced') throw this.#lease.fenced()
  }

  /** A later fence exists: this result belongs to a family nobody holds any more. */
  async #superseded(step: Step, token: GrantedToken): Promise<Sourced<AccessToken>> {
    this.#lease.fenced()
    if (step.revoke !== undefined) {
      await step.revoke(token.text, 'access_token', this.#sending)
      if (typeof token.refreshToken === 'string') await step.revoke(token.refreshToken, 'refresh_token', this.#sending)
    }
    const snapshot = await this.#lease.read()
    const adopted = snapshot && this.#adoptable(snapshot, this.#open(snapshot))
    if (adopted === undefined) throw this.#busy()
    this.#key.emit({ type: 'adopted', generation: adopted.value.generation })
    return adopted
  }

  /** Polls the value, not the lock: whoever holds the lease answers for everybody. */
  async #awaitPeer(): Promise<Sourced<AccessToken>> {
    const { clock, busyWaitMs, random } = this.#setting
    const since = instantOf(clock)
    let waitMs: number = pollMs.min
    for (;;) {
      const leftMs = busyWaitMs - elapsedMs(since, instantOf(clock))
      if (leftMs <= 0 || this.#context.signal.aborted) throw this.#busy()
      await this.#sleep(Math.min(leftMs, waitMs * (1 + random() / 2)))
      waitMs = Math.min(pollMs.max, waitMs * 2)
      const snapshot = await this.#lease.read()
      if (snapshot === undefined) continue
      const adopted = this.#fromPeer(snapshot, this.#open(snapshot))
      if (adopted !== undefined) return adopted
    }
  }

  /** The store failed and the grant sends nothing that rotates: a token for this process alone. */
  async #withoutStore(): Promise<Sourced<AccessToken>> {
    let last: RefreshFailure | undefined
    for (const step of this.#setting.steps) {
      if (step.role !== 'plain') continue
      const sentAt = instantOf(this.#setting.clock)
      const exchange = await step.present(this.#key.request, this.#sending)
      if (exchange.kind === 'granted') {
        const { text, ttlMs, scope = this.#key.request.scope ?? [] } = exchange.token
        const leftMs =
          Math.min(ttlMs, this.#setting.policy.maxTtlMs) - elapsedMs(sentAt, instantOf(this.#setting.clock))
        // The store knows nothing of this token, so its generation must not pass for one of the store's.
        const { seenGeneration, usedGeneration } = this.#key
        const generation = Math.max(seenGeneration, this.#context.held?.generation ?? 0) + 1
        const sourced = this.#sourced({ text, scope, generation }, leftMs)
        this.#key.usedGeneration = usedGeneration
        markProcessLocal(sourced.value, seenGeneration)
        return sourced
      }
      last = failureOf(exchange)
      if (exchange.stops !== 'grant') break
    }
    throw this.#spaced(last ?? new RefreshFailure('COFFER_TOKEN_CACHE_STORE_UNAVAILABLE'))
  }

  #sourced(parts: Omit<AccessTokenParts, 'expiresAt'>, leftMs: number): Sourced<AccessToken> {
    const at = instantOf(this.#setting.clock)
    this.#key.usedGeneration = parts.generation
    const value = new AccessToken({ ...parts, expiresAt: at.wallMs + leftMs })
    // The lease counts a ttl from the call of its source, which was earlier.
    return { value, ttlMs: leftMs + elapsedMs(this.#calledAt, at) }
  }

  #open(snapshot: Snapshot): StoredBody | undefined {
    const key = this.#key
    if (this.#setting.local === undefined) {
      // A store that lost its last writes, or was rolled back, would have an old refresh token sent again.
      if (snapshot.generation < key.seenGeneration) throw new RefreshFailure('COFFER_TOKEN_CACHE_STORE_CORRUPT')
      key.seenGeneration = snapshot.generation
    }
    const { unsaved } = key
    if (unsaved !== undefined) {
      const ours = snapshot.generation === unsaved.generation && snapshot.intent?.digest === unsaved.digest
      if (ours) return { ...unsaved.body, accessToken: undefined }
      key.unsaved = undefined
    }
    if (snapshot.body === undefined) return undefined
    const body = parseBody(snapshot.body)
    if (body === undefined) throw new RefreshFailure('COFFER_TOKEN_CACHE_STORE_CORRUPT')
    return body
  }

  /** What a peer has done already: its newer token is taken; its delay is ours too, so that a fleet backs off as one. */
  #fromPeer(snapshot: Snapshot, body: StoredBody | undefined): Sourced<AccessToken> | undefined {
    const adopted = this.#adoptable(snapshot, body)
    if (adopted !== undefined) {
      this.#key.emit({ type: 'adopted', generation: adopted.value.generation })
      return adopted
    }
    if (!(snapshot.holdMs > 0)) return undefined
    throw new RefreshFailure('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', {
      retryAfterMs: snapshot.holdMs,
      reason: 'held-back',
    })
  }

  #adoptable(snapshot: Snapshot, body: StoredBody | undefined): Sourced<AccessToken> | undefined {
    const { held } = this.#context
    if (body?.accessToken === undefined || snapshot.generation <= this.#key.usedGeneration) return undefined
    const { text, ttlMs } = body.accessToken
    const leftMs = ttlMs - snapshot.ageMs
    if (held?.reveal() === text) return undefined
    if (leftMs <= Math.min(this.#setting.policy.mandatoryMs, ttlMs / 10)) return undefined
    const parts = { text, scope: body.scope ?? this.#key.request.scope ?? [], generation: snapshot.generation }
    const sourced = this.#sourced(parts, leftMs)
    markAdopted(sourced.value)
    return { ...sourced, ageMs: snapshot.ageMs }
  }

  async #beforeSending(step: Step): Promise<void> {
    this.#refuseAfterAbort()
    await this.#lease.outlast(step.timeoutMs)
  }

  #refuseAfterAbort(): void {
    if (this.#context.signal.aborted)
      throw new RefreshFailure('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { reason: 'timeout' })
  }

  #spaced(failure: RefreshFailure): RefreshFailure {
    return spacedFailure(this.#setting, this.#key, this.#context.held, failure)
  }

  #busy(): RefreshFailure {
    return new RefreshFailure('COFFER_TOKEN_CACHE_BUSY')
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#setting.timers.set(resolve, ms)
    })
  }

  get #sending(): SendContext {
    const { timers, clock } = this.#setting
    return { signal: this.#context.signal, timers, clock }
  }
}
