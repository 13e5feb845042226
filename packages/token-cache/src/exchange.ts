import type { TokenCacheErrorCode, UnavailableReason } from './errors.js'

/** A token as granted. `ttlMs` counts from the moment the request was sent. */
export interface GrantedToken {
  readonly text: string
  readonly ttlMs: number
  readonly scope: readonly string[] | undefined
  /** A new refresh token; undefined: the old one stays; null: a new one came that cannot be sent, so none is left. */
  readonly refreshToken: string | undefined | null
}

/**
 * Why no token was granted, and what that says about the credential that was sent: `'kept'` (not processed),
 * `'dead'`, or `'unknown'` (it may have been processed). `stops`: nothing (try again later), this grant, or the chain.
 */
export interface Refusal {
  readonly kind: 'refused'
  readonly code: TokenCacheErrorCode
  readonly oauthError: string | undefined
  readonly sent: 'kept' | 'dead' | 'unknown'
  readonly stops: 'nothing' | 'grant' | 'chain'
  readonly retryAfterMs?: number | undefined
  readonly reason?: UnavailableReason | undefined
  /** A new refresh token that came beside an unusable access token. */
  readonly refreshToken?: string | undefined
}

/** What one request to an issuer came to. */
export type Exchange = { readonly kind: 'granted'; readonly token: GrantedToken } | Refusal

/** A refusal of a credential or request that was not processed. */
export function refusal(
  code: TokenCacheErrorCode,
  sent: Refusal['sent'],
  stops: Refusal['stops'],
  more: {
    readonly oauthError?: string
    readonly retryAfterMs?: number | undefined
    readonly reason?: UnavailableReason | undefined
    readonly refreshToken?: string | undefined
  } = {},
): Refusal {
  const { oauthError, retryAfterMs, reason, refreshToken } = more
  return { kind: 'refused', code, oauthError, sent, stops, retryAfterMs, reason, refreshToken }
}
