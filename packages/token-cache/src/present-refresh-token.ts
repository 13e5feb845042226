import type { Exchange } from './exchange.js'
import type { RefreshStep } from './grant.js'
import { type InitialToken, initialTokenOf, refreshTokenDigest, withInitial } from './initial-token.js'
import type { RefreshAttempt } from './refresh-attempt.js'
import { RefreshFailure } from './refresh-failure.js'
import { refreshScope } from './refresh-scope.js'
import { attemptFor, intentAfter, isDead } from './rotation.js'
import type { Snapshot } from './store.js'
import type { StoredBody } from './stored-body.js'

/** An exchange; undefined: nothing to present; a failure: the refresh token may be spent and was not sent. */
export type Presented = Exchange | RefreshFailure | undefined

/** The refresh tokens of one refresh: what the record holds, what of it was sent, and what is known of its fate. */
export class RefreshTokens {
  readonly #attempt: RefreshAttempt
  #record: StoredBody | undefined
  #snapshot: Snapshot
  /** The initial refresh token presented or passed over in this refresh, as a digest. */
  #initial: string | undefined
  #sent: string | undefined
  #lost = false

  constructor(attempt: RefreshAttempt, snapshot: Snapshot, record: StoredBody | undefined) {
    this.#attempt = attempt
    this.#snapshot = snapshot
    this.#record = record
  }

  /** The record as it is now: an initial refresh token may have been written into it. */
  get snapshot(): Snapshot {
    return this.#snapshot
  }

  get record(): StoredBody | undefined {
    return this.#record
  }

  /** The text of the last one sent. */
  get sent(): string | undefined {
    return this.#sent
  }

  /** The last one was sent and nobody knows what became of it. */
  get lost(): boolean {
    return this.#lost
  }

  /** Digests of the initial refresh tokens that this key has come by. */
  get initials(): readonly string[] {
    return withInitial(this.#record?.initials ?? [], this.#initial)
  }

  async present(step: RefreshStep): Promise<Presented> {
    this.#lost = false
    const stored = this.#record?.refreshToken
    if (stored === undefined) {
      const initial = await this.#unusedInitial(step)
      if (initial === undefined) return undefined
      // The intent of an earlier initial token must outlive that of this one, or it would count as never sent.
      const { intent } = this.#snapshot
      const first = this.#record === undefined && (intent?.digest ?? initial.digest) === initial.digest
      return first ? await this.#send(step, initial.token, initial.digest) : await this.#takeUp(step, initial)
    }
    const exchange = await this.#send(step, stored, await refreshTokenDigest(this.#attempt.key, stored))
    const ended = exchange instanceof RefreshFailure || (step.rotation === 'reusable' && isDead(exchange))
    const initial = ended ? await this.#unusedInitial(step) : undefined
    return initial === undefined ? exchange : await this.#takeUp(step, initial)
  }

  /** Sends a refresh token under an intent, unless it is spent or may be. */
  async #send(step: RefreshStep, token: string, digest: string): Promise<Exchange | RefreshFailure> {
    const { key, lease, setting, sending } = this.#attempt
    const snapshot = this.#snapshot
    const scope = refreshScope(key.request.scope, this.#record?.scope)
    const initial = this.#record === undefined
    if (initial) this.#initial = digest
    this.#sent = token
    if (step.rotation === 'reusable') {
      await this.#attempt.beforeSending(step.timeoutMs)
      return await step.present(token, scope, key.request, sending)
    }
    const attempt = attemptFor(step.rotation, snapshot, digest)
    if (snapshot.intent?.digest === digest) key.emit({ type: 'intent.found', sentAgain: attempt !== undefined })
    if (attempt === undefined) return new RefreshFailure('COFFER_TOKEN_CACHE_REFRESH_LOST')
    this.#attempt.refuseAfterAbort()
    const intent = { digest, attempt }
    try {
      await lease.intend(snapshot.fence, intent)
      // Looked at after the intent: a process that was stopped while it wrote it must not send beyond its lease.
      await this.#attempt.beforeSending(step.timeoutMs)
    } catch (error) {
      lease.notSent(intent, step.rotation)
      throw error
    }
    const { presentedInitials } = setting
    if (initial) presentedInitials.add(digest)
    const exchange = await step.present(token, scope, key.request, sending)
    if (exchange.kind === 'granted') return exchange
    if (initial && exchange.sent === 'kept') presentedInitials.delete(digest)
    lease.decide(intentAfter(step.rotation, attempt, exchange))
    // Neither the first nor the one further attempt told us what became of it: from here on it counts as spent.
    const untold = exchange.sent === 'unknown' && exchange.refreshToken === undefined && exchange.stops === 'nothing'
    this.#lost = untold && (step.rotation === 'strict' || attempt === 2)
    return exchange
  }

  /**
   * Puts an initial refresh token in the place of one that is spent, durably and before it is sent: from then on it is
   * the record's own, with an intent of its own, and the one before it is never sent again.
   */
  async #takeUp(step: RefreshStep, { token, digest }: InitialToken): Promise<Exchange | RefreshFailure> {
    const { key, lease, setting } = this.#attempt
    const snapshot = this.#snapshot
    const before = this.#record?.initials ?? (snapshot.intent === undefined ? [] : [snapshot.intent.digest])
    const initials = withInitial(before, digest)
    const body: StoredBody = { accessToken: undefined, scope: undefined, refreshToken: token, initials }
    const generation = setting.nextGeneration(snapshot.generation)
    const stored = await lease.commit(snapshot, generation, body)
    if (stored === 'fenced') throw lease.fenced()
    if (stored === 'unsaved') {
      key.unsaved = undefined
      throw new RefreshFailure('COFFER_TOKEN_CACHE_STORE_UNAVAILABLE')
    }
    setting.presentedInitials.add(digest)
    this.#record = body
    this.#snapshot = { ...snapshot, generation, intent: undefined }
    return await this.#send(step, token, digest)
  }

  /** The initial refresh token, unless this key has come by it before. */
  async #unusedInitial(step: RefreshStep): Promise<InitialToken | undefined> {
    const { key, setting } = this.#attempt
    let initial: InitialToken | undefined
    try {
      initial = await initialTokenOf(setting, key, step, this.#snapshot, this.#record)
    } catch {
      throw this.#attempt.spaced(new RefreshFailure('COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE'))
    }
    if (initial?.used) this.#initial = initial.digest
    return initial?.used ? undefined : initial
  }
}
