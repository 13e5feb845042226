import { instantOf, type Sourced } from '@coffer/lease'
import type { AccessToken } from './access-token.js'
import type { Exchange, GrantedToken } from './exchange.js'
import type { LoginStep, Step } from './grant.js'
import { limitedLogin } from './login-limit.js'
import { adoptPeer, awaitPeer, heedPeer, openRecord } from './peer-token.js'
import { type Presented, RefreshTokens } from './present-refresh-token.js'
import { refreshWithoutStore } from './process-local.js'
import { RefreshAttempt } from './refresh-attempt.js'
import { failureOf, RefreshFailure } from './refresh-failure.js'
import type { RefreshContext, RefreshKey, RefreshSetting } from './refresh-setting.js'
import type { Snapshot } from './store.js'
import { isStoreFailure } from './store-lease.js'
import type { StoredBody } from './stored-body.js'

/** One refresh of one key, under the store's lease: adopt what a peer obtained, or obtain it and leave it to the peers. */
export async function sharedRefresh(
  setting: RefreshSetting,
  key: RefreshKey,
  context: RefreshContext,
): Promise<Sourced<AccessToken>> {
  const attempt = new RefreshAttempt(setting, key, context)
  const { lease } = attempt
  let snapshot: Snapshot | undefined
  try {
    snapshot = await lease.acquire()
  } catch (error) {
    if (setting.onStoreFailure === 'process-local' && isStoreFailure(error)) return await refreshWithoutStore(attempt)
    throw error
  }
  if (snapshot === undefined) return await awaitPeer(attempt)
  try {
    const record = openRecord(attempt, snapshot)
    const sourced = heedPeer(attempt, snapshot, record) ?? (await new Obtaining(attempt, snapshot, record).run())
    await lease.release(0)
    return sourced
  } catch (error) {
    const failure = error instanceof RefreshFailure ? error : undefined
    await lease.release(failure === undefined || failure.terminal ? 0 : (failure.retryAfterMs ?? 0))
    throw error
  }
}

/** The steps of the grant, one after the other, until one is granted a token. */
class Obtaining {
  readonly #attempt: RefreshAttempt
  readonly #refreshTokens: RefreshTokens

  constructor(attempt: RefreshAttempt, snapshot: Snapshot, record: StoredBody | undefined) {
    this.#attempt = attempt
    this.#refreshTokens = new RefreshTokens(attempt, snapshot, record)
  }

  async run(): Promise<Sourced<AccessToken>> {
    const { setting } = this.#attempt
    let last: RefreshFailure | undefined
    for (const step of setting.steps) {
      const sentAt = instantOf(setting.clock)
      const exchange = await this.#present(step)
      if (exchange === undefined) continue
      if (exchange instanceof RefreshFailure) {
        last = exchange
        continue
      }
      if (exchange.kind === 'granted') {
        return await this.#keep(step, exchange.token, this.#attempt.leftMs(exchange.token.ttlMs, sentAt))
      }
      const lost = step.role === 'refresh' && this.#refreshTokens.lost
      last = lost ? new RefreshFailure('COFFER_TOKEN_CACHE_REFRESH_LOST') : failureOf(exchange)
      if (exchange.refreshToken !== undefined) await this.#keepSuccessor(exchange.refreshToken)
      if (exchange.stops !== 'grant' && !lost) break
    }
    throw this.#attempt.spaced(last ?? new RefreshFailure('COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED'))
  }

  async #present(step: Step): Promise<Presented> {
    if (step.role === 'refresh') return await this.#refreshTokens.present(step)
    if (step.role === 'login') return await this.#login(step)
    await this.#attempt.beforeSending(step.timeoutMs)
    return await step.present(this.#attempt.key.request, this.#attempt.sending)
  }

  async #login(step: LoginStep): Promise<Exchange> {
    const { setting, key, lease, sending } = this.#attempt
    const { store, recordKey, loginIntervalMs, loginHoldMs, loginQueue, busyWaitMs, clock } = setting
    const limit = {
      store,
      recordKey,
      loginIntervalMs,
      loginHoldMs,
      loginQueue,
      busyWaitMs,
      clock,
      sleep: (ms: number): Promise<void> => this.#attempt.sleep(ms),
      owner: lease.owner,
      beforeSending: (): Promise<void> => this.#attempt.beforeSending(step.timeoutMs),
    }
    try {
      return await limitedLogin(limit, key.storeKey, step, (credential) =>
        step.present(credential, key.request, sending),
      )
    } catch (error) {
      throw lease.failure(error, 'acquire')
    }
  }

  /** Keeps what was granted. A store that fails now costs the peers a login, not this process its token. */
  async #keep(step: Step, token: GrantedToken, leftMs: number): Promise<Sourced<AccessToken>> {
    const { setting, key, lease } = this.#attempt
    const { snapshot, initials, sent } = this.#refreshTokens
    const scope = token.scope ?? key.request.scope
    const kept = step.role === 'refresh' ? sent : undefined
    const successor = token.refreshToken === undefined ? kept : (token.refreshToken ?? undefined)
    const narrowed = (key.request.scope ?? []).some((one) => !(scope ?? []).includes(one))
    if (narrowed) key.emit({ type: 'scope.narrowed' })
    const refused = narrowed && setting.narrowedScope === 'refuse'
    const stale = leftMs <= 0
    const body: StoredBody = {
      accessToken: refused || stale ? undefined : { text: token.text, ttlMs: leftMs },
      scope,
      refreshToken: successor,
      initials,
    }
    const generation = setting.nextGeneration(snapshot.generation)
    const stored = await lease.commit(snapshot, generation, body)
    if (stored === 'fenced') return await this.#superseded(step, token)
    if (refused) throw new RefreshFailure('COFFER_TOKEN_CACHE_SCOPE_NARROWED')
    if (stale) throw this.#attempt.spaced(new RefreshFailure('COFFER_TOKEN_CACHE_RESPONSE_INVALID'))
    key.usedGeneration = generation
    return this.#attempt.sourced({ text: token.text, scope: scope ?? [], generation }, leftMs)
  }

  async #keepSuccessor(refreshToken: string): Promise<void> {
    const { setting, lease } = this.#attempt
    const { snapshot, record, initials } = this.#refreshTokens
    const body: StoredBody = { accessToken: undefined, scope: record?.scope, refreshToken, initials }
    const stored = await lease.commit(snapshot, setting.nextGeneration(snapshot.generation), body)
    if (stored === 'fenced') throw lease.fenced()
  }

  /** A later fence exists: this result belongs to a family nobody holds any more. */
  async #superseded(step: Step, token: GrantedToken): Promise<Sourced<AccessToken>> {
    const attempt = this.#attempt
    const fenced = attempt.lease.fenced()
    if (step.revoke !== undefined) {
      await step.revoke(token.text, 'access_token', attempt.sending)
      if (typeof token.refreshToken === 'string')
        await step.revoke(token.refreshToken, 'refresh_token', attempt.sending)
    }
    const snapshot = await attempt.lease.read()
    const adopted = snapshot && adoptPeer(attempt, snapshot, openRecord(attempt, snapshot))
    if (adopted === undefined) throw fenced
    return adopted
  }
}
