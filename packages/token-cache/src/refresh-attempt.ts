import { elapsedMs, type Instant, instantOf, type Sourced } from '@coffer/lease'
import { AccessToken, type AccessTokenParts } from './access-token.js'
import { RefreshFailure } from './refresh-failure.js'
import type { RefreshContext, RefreshKey, RefreshSetting } from './refresh-setting.js'
import { spacedFailure } from './spaced-failure.js'
import { StoreLease } from './store-lease.js'
import type { SendContext } from './token-endpoint.js'

/** One refresh of one key: its hold on the record, and the moment it was asked for. */
export class RefreshAttempt {
  readonly setting: RefreshSetting
  readonly key: RefreshKey
  readonly context: RefreshContext
  readonly lease: StoreLease
  readonly #calledAt: Instant

  constructor(setting: RefreshSetting, key: RefreshKey, context: RefreshContext) {
    this.setting = setting
    this.key = key
    this.context = context
    this.lease = new StoreLease(setting, key)
    this.#calledAt = instantOf(setting.clock)
  }

  /** Looked at last before a request: nothing is sent after an abort or beyond the lease. */
  async beforeSending(timeoutMs: number): Promise<void> {
    this.refuseAfterAbort()
    await this.lease.outlast(timeoutMs)
  }

  refuseAfterAbort(): void {
    if (this.context.signal.aborted)
      throw new RefreshFailure('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { reason: 'timeout' })
  }

  get sending(): SendContext {
    const { timers, clock } = this.setting
    return { signal: this.context.signal, timers, clock }
  }

  /** What is left of a token whose life began when its request was sent. */
  leftMs(ttlMs: number, sentAt: Instant): number {
    return Math.min(ttlMs, this.setting.policy.maxTtlMs) - elapsedMs(sentAt, instantOf(this.setting.clock))
  }

  /** A token as the lease takes it. */
  sourced(parts: Omit<AccessTokenParts, 'expiresAt'>, leftMs: number): Sourced<AccessToken> {
    const at = instantOf(this.setting.clock)
    const value = new AccessToken({ ...parts, expiresAt: at.wallMs + leftMs })
    // The lease counts a ttl from the call of its source, which was earlier.
    return { value, ttlMs: leftMs + elapsedMs(this.#calledAt, at) }
  }

  spaced(failure: RefreshFailure): RefreshFailure {
    return spacedFailure(this.setting, this.key, this.context.held, failure)
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.setting.timers.set(resolve, ms)
    })
  }
}
