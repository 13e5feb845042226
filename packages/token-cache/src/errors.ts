/** Every stable error code of this package. Adding one is minor; renaming or removing one is major. */
export type TokenCacheErrorCode =
  | 'COFFER_TOKEN_CACHE_BUSY'
  | 'COFFER_TOKEN_CACHE_CLOSED'
  | 'COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED'
  | 'COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE'
  | 'COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE'
  | 'COFFER_TOKEN_CACHE_ORIGIN_REFUSED'
  | 'COFFER_TOKEN_CACHE_REFRESH_LOST'
  | 'COFFER_TOKEN_CACHE_REQUEST_REFUSED'
  | 'COFFER_TOKEN_CACHE_RESPONSE_INVALID'
  | 'COFFER_TOKEN_CACHE_SCOPE_NARROWED'
  | 'COFFER_TOKEN_CACHE_STORE_CORRUPT'
  | 'COFFER_TOKEN_CACHE_STORE_UNAVAILABLE'

/**
 * Why no answer could be used: no connection, no address, no trust, no answer in time, a connection that broke off, an
 * answer that says so by its status, no attempt because an earlier one's delay runs, or nothing known.
 */
export type UnavailableReason = 'connect' | 'dns' | 'tls' | 'timeout' | 'reset' | 'status' | 'held-back' | 'unknown'

const table: Readonly<Record<TokenCacheErrorCode, { readonly terminal: boolean; readonly message: string }>> = {
  COFFER_TOKEN_CACHE_BUSY: { terminal: false, message: 'another process is refreshing this token' },
  COFFER_TOKEN_CACHE_CLOSED: { terminal: true, message: 'the token cache is closed' },
  COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED: { terminal: true, message: 'the issuer refused every credential' },
  COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE: { terminal: false, message: 'the source of the credential failed' },
  COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE: { terminal: false, message: 'the issuer gave no answer that can be used now' },
  COFFER_TOKEN_CACHE_ORIGIN_REFUSED: { terminal: true, message: 'the URL is outside the listed origins' },
  COFFER_TOKEN_CACHE_REFRESH_LOST: { terminal: true, message: 'the refresh token may be spent; log in again' },
  COFFER_TOKEN_CACHE_REQUEST_REFUSED: { terminal: true, message: 'the issuer refused the request' },
  COFFER_TOKEN_CACHE_RESPONSE_INVALID: { terminal: false, message: 'the issuer gave no usable token' },
  COFFER_TOKEN_CACHE_SCOPE_NARROWED: { terminal: true, message: 'the issuer granted less scope than asked' },
  COFFER_TOKEN_CACHE_STORE_CORRUPT: { terminal: true, message: 'the stored token does not open, or is an old one' },
  COFFER_TOKEN_CACHE_STORE_UNAVAILABLE: { terminal: false, message: 'the token store failed' },
}

/** The error names of RFC 6749 §5.2 and §4.1.2.1, and RFC 8628's `slow_down`: no other text of a response is repeated. */
const oauthErrors: ReadonlySet<string> = new Set([
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'server_error',
  'slow_down',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
])

/**
 * Thrown where no token can be given. Branch on {@link code}. Carries no token, secret, subject or URL, and no cause:
 * an issuer's description and a transport's error can both quote the credential.
 */
export class TokenCacheError extends Error {
  override readonly name: string = 'TokenCacheError'
  readonly code: TokenCacheErrorCode
  /** Whether a person must act: trying again will not help. */
  readonly terminal: boolean
  /** Epoch milliseconds of the next attempt, where one is known. */
  readonly retryAt: number | undefined
  /** The issuer's `error`, if it is one that RFC 6749 names. */
  readonly oauthError: string | undefined
  /** With `COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE` alone: why. A `'tls'` failure does not mend by waiting. */
  readonly reason: UnavailableReason | undefined
  constructor(
    code: TokenCacheErrorCode,
    details: {
      readonly retryAt?: number | undefined
      readonly oauthError?: string | undefined
      readonly reason?: UnavailableReason | undefined
    } = {},
  ) {
    super(table[code].message)
    this.code = code
    this.terminal = table[code].terminal
    this.retryAt = details.retryAt
    this.oauthError = knownOauthError(details.oauthError)
    this.reason = code === 'COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE' ? (details.reason ?? 'unknown') : undefined
  }
}

/** `error` if RFC 6749 names it. */
export function knownOauthError(error: string | undefined): string | undefined {
  return error !== undefined && oauthErrors.has(error) ? error : undefined
}

/** Whether `error` is a {@link TokenCacheError} of this or another copy of the package. */
export function isTokenCacheError(error: unknown): error is TokenCacheError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('COFFER_TOKEN_CACHE_')
  )
}
