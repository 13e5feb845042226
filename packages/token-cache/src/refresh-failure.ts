import { TokenCacheError, type TokenCacheErrorCode, type UnavailableReason } from './errors.js'
import type { Refusal } from './exchange.js'

/** A refresh that failed, on its way from the protocol to the lease. Never reaches a caller: the cache translates it. */
export class RefreshFailure extends Error {
  readonly code: TokenCacheErrorCode
  readonly oauthError: string | undefined
  readonly terminal: boolean
  readonly retryAfterMs: number | undefined
  readonly reason: UnavailableReason | undefined
  constructor(
    code: TokenCacheErrorCode,
    details: {
      oauthError?: string | undefined
      retryAfterMs?: number | undefined
      reason?: UnavailableReason | undefined
    } = {},
  ) {
    super(code)
    this.code = code
    this.oauthError = details.oauthError
    this.retryAfterMs = details.retryAfterMs
    this.reason = details.reason
    this.terminal = new TokenCacheError(code).terminal
  }

  /** The error a caller sees. */
  toError(retryAt: number | undefined): TokenCacheError {
    const { code, oauthError, reason } = this
    return new TokenCacheError(code, { retryAt: this.terminal ? undefined : retryAt, oauthError, reason })
  }
}

/** A refusal as a failure. */
export function failureOf({ code, oauthError, retryAfterMs, reason }: Refusal): RefreshFailure {
  return new RefreshFailure(code, { oauthError, retryAfterMs, reason })
}
