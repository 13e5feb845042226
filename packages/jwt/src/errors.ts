/** Codes with which a verifier refuses a token, a request, or everything because it cannot judge. */
export type VerifyErrorCode =
  | 'COFFER_JWT_TOKEN_MISSING'
  | 'COFFER_JWT_REQUEST_INVALID'
  | 'COFFER_JWT_SCOPE_INSUFFICIENT'
  | 'COFFER_JWT_TOO_LARGE'
  | 'COFFER_JWT_MALFORMED'
  | 'COFFER_JWT_ENCODING_INVALID'
  | 'COFFER_JWT_HEADER_REFUSED'
  | 'COFFER_JWT_ALGORITHM_REFUSED'
  | 'COFFER_JWT_TYP_MISMATCH'
  | 'COFFER_JWT_ISSUER_UNKNOWN'
  | 'COFFER_JWT_KEY_UNKNOWN'
  | 'COFFER_JWT_KEY_UNUSABLE'
  | 'COFFER_JWT_SIGNATURE_INVALID'
  | 'COFFER_JWT_CLAIM_MISSING'
  | 'COFFER_JWT_CLAIM_INVALID'
  | 'COFFER_JWT_AUDIENCE_MISMATCH'
  | 'COFFER_JWT_EXPIRED'
  | 'COFFER_JWT_NOT_YET_VALID'
  | 'COFFER_JWT_LIFETIME_EXCEEDED'
  | 'COFFER_JWT_SENDER_CONSTRAINED'
  | 'COFFER_JWT_REVOKED'
  | 'COFFER_JWT_KEYS_NOT_READY'
  | 'COFFER_JWT_KEYS_UNAVAILABLE'
  | 'COFFER_JWT_REVOCATION_UNAVAILABLE'

/** Codes of issuing, of key documents, and of the stores behind them. */
export type IssueErrorCode =
  | 'COFFER_JWT_GRANT_REFUSED'
  | 'COFFER_JWT_SCOPE_WIDENED'
  | 'COFFER_JWT_REFRESH_INVALID'
  | 'COFFER_JWT_REFRESH_REUSED'
  | 'COFFER_JWT_KEYS_INVALID'
  | 'COFFER_JWT_REVOCATION_FULL'
  | 'COFFER_JWT_STORE_UNAVAILABLE'
  | 'COFFER_JWT_KEY_RING_CORRUPT'
  | 'COFFER_JWT_KEY_RING_UNAVAILABLE'

/** Every stable error code of this package. Adding one is minor; renaming or removing one is major. */
export type JwtErrorCode = VerifyErrorCode | IssueErrorCode

const messages: Readonly<Record<JwtErrorCode, string>> = {
  COFFER_JWT_TOKEN_MISSING: 'the request carries no Bearer token',
  COFFER_JWT_REQUEST_INVALID: 'the Authorization header is not one Bearer token',
  COFFER_JWT_SCOPE_INSUFFICIENT: 'the token does not cover the scope that is asked for',
  COFFER_JWT_TOO_LARGE: 'the token is longer than the limit',
  COFFER_JWT_MALFORMED: 'the token is not a compact JWS of strict JSON objects',
  COFFER_JWT_ENCODING_INVALID: 'a part of the token is not the one base64url spelling of its bytes',
  COFFER_JWT_HEADER_REFUSED: 'the header has a member that is refused or mistyped',
  COFFER_JWT_ALGORITHM_REFUSED: 'the header names an algorithm that the issuer is not allowed',
  COFFER_JWT_TYP_MISMATCH: 'the token is not of the type that the profile asks for',
  COFFER_JWT_ISSUER_UNKNOWN: 'the token names an issuer that is not configured',
  COFFER_JWT_KEY_UNKNOWN: 'the issuer has no key with the kid of the token',
  COFFER_JWT_KEY_UNUSABLE: 'the key that the token names may not verify it',
  COFFER_JWT_SIGNATURE_INVALID: 'the signature does not verify',
  COFFER_JWT_CLAIM_MISSING: 'a required claim is missing',
  COFFER_JWT_CLAIM_INVALID: 'a claim has the wrong type or value',
  COFFER_JWT_AUDIENCE_MISMATCH: 'the token is for another audience',
  COFFER_JWT_EXPIRED: 'the token has expired',
  COFFER_JWT_NOT_YET_VALID: 'the token is not valid yet',
  COFFER_JWT_LIFETIME_EXCEEDED: 'the token lives longer than the issuer is allowed',
  COFFER_JWT_SENDER_CONSTRAINED: 'the token is bound to a key and worth nothing as a plain Bearer token',
  COFFER_JWT_REVOKED: 'the token has been revoked',
  COFFER_JWT_KEYS_NOT_READY: 'the keys of the issuer are not loaded yet',
  COFFER_JWT_KEYS_UNAVAILABLE: 'the keys of the issuer cannot be had',
  COFFER_JWT_REVOCATION_UNAVAILABLE: 'the revocations are not known',
  COFFER_JWT_GRANT_REFUSED: 'the grant would make a token that a verifier refuses',
  COFFER_JWT_SCOPE_WIDENED: 'the requested scope is wider than the one that was granted',
  COFFER_JWT_REFRESH_INVALID: 'the refresh token is not valid',
  COFFER_JWT_REFRESH_REUSED: 'the refresh token was spent before; its family is now revoked',
  COFFER_JWT_KEYS_INVALID: 'the JWKS is refused',
  COFFER_JWT_REVOCATION_FULL: 'the revocation index is full; revoke the subject, client or issuer instead',
  COFFER_JWT_STORE_UNAVAILABLE: 'a store failed',
  COFFER_JWT_KEY_RING_CORRUPT: 'the record of the key ring does not parse or open',
  COFFER_JWT_KEY_RING_UNAVAILABLE: 'the key ring has no key that may sign',
}

/**
 * Thrown for any token, request, document or store that this package refuses. Branch on {@link code}.
 * Carries no token, claim value, key or cause.
 */
export class JwtError<Code extends JwtErrorCode = JwtErrorCode> extends Error {
  override readonly name: string = 'JwtError'
  readonly code: Code
  /** When trying again may help, in milliseconds; set on some of the codes that `check` answers with 503. */
  readonly retryAfterMs: number | undefined

  constructor(code: Code, options: { readonly message?: string; readonly retryAfterMs?: number | undefined } = {}) {
    super(options.message ?? messages[code])
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Why a claim was refused: absent, of the wrong type, of the wrong value, or by the issuer's schema. */
export type ClaimRefusal = 'missing' | 'type' | 'value' | 'schema'

/** A claim of an authentic token is missing or wrong. Names the claim, never its value. */
export class JwtClaimError extends JwtError<'COFFER_JWT_CLAIM_INVALID' | 'COFFER_JWT_CLAIM_MISSING'> {
  override readonly name: string = 'JwtClaimError'
  readonly claim: string
  readonly reason: ClaimRefusal

  constructor(claim: string, reason: ClaimRefusal) {
    super(reason === 'missing' ? 'COFFER_JWT_CLAIM_MISSING' : 'COFFER_JWT_CLAIM_INVALID', {
      message: reason === 'missing' ? `the claim ${claim} is missing` : `the claim ${claim} is refused by ${reason}`,
    })
    this.claim = claim
    this.reason = reason
  }
}

/** Whether an error is this package's, also one that another copy of the package threw. */
export function isJwtError(error: unknown): error is JwtError {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && Object.hasOwn(messages, error.code)
  )
}
