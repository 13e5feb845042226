import type { JwtError, VerifyErrorCode } from './errors.js'

/** How HTTP answers a refusal (RFC 6750 §3.1). */
export type CheckStatus = 400 | 401 | 403 | 503

interface Answer {
  readonly status: CheckStatus
  /** The `error` of the challenge; none where the request had no token at all. */
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope'
  readonly description?: string
}

const invalidToken: Answer = { status: 401, error: 'invalid_token' }
const unavailable: Answer = { status: 503 }

const answers = {
  COFFER_JWT_TOKEN_MISSING: { status: 401 },
  COFFER_JWT_REQUEST_INVALID: { status: 400, error: 'invalid_request' },
  COFFER_JWT_SCOPE_INSUFFICIENT: { status: 403, error: 'insufficient_scope' },
  COFFER_JWT_TOO_LARGE: invalidToken,
  COFFER_JWT_MALFORMED: invalidToken,
  COFFER_JWT_ENCODING_INVALID: invalidToken,
  COFFER_JWT_HEADER_REFUSED: invalidToken,
  COFFER_JWT_ALGORITHM_REFUSED: invalidToken,
  COFFER_JWT_TYP_MISMATCH: invalidToken,
  COFFER_JWT_ISSUER_UNKNOWN: invalidToken,
  COFFER_JWT_KEY_UNKNOWN: invalidToken,
  COFFER_JWT_KEY_UNUSABLE: invalidToken,
  COFFER_JWT_SIGNATURE_INVALID: invalidToken,
  COFFER_JWT_CLAIM_MISSING: invalidToken,
  COFFER_JWT_CLAIM_INVALID: invalidToken,
  COFFER_JWT_AUDIENCE_MISMATCH: invalidToken,
  COFFER_JWT_EXPIRED: { ...invalidToken, description: 'The access token expired' },
  COFFER_JWT_NOT_YET_VALID: invalidToken,
  COFFER_JWT_LIFETIME_EXCEEDED: invalidToken,
  COFFER_JWT_SENDER_CONSTRAINED: invalidToken,
  COFFER_JWT_REVOKED: invalidToken,
  COFFER_JWT_KEYS_NOT_READY: unavailable,
  COFFER_JWT_KEYS_UNAVAILABLE: unavailable,
  COFFER_JWT_REVOCATION_UNAVAILABLE: unavailable,
} satisfies Record<VerifyErrorCode, Answer>

/** The refusing half of `CheckResult`. */
export interface CheckRefusal {
  readonly ok: false
  readonly error: JwtError<VerifyErrorCode>
  readonly status: CheckStatus
  /** Value of the `WWW-Authenticate` header; null with 503. */
  readonly challenge: string | null
  readonly retryAfterMs: number | undefined
}

/** Puts a refusal into the words of RFC 6750 §3. */
export function refuseRequest(error: JwtError<VerifyErrorCode>, realm: string, scope: readonly string[]): CheckRefusal {
  const { status, error: name, description }: Answer = answers[error.code]
  let challenge: string | null = null
  if (status !== 503) {
    challenge = `Bearer realm="${realm}"`
    if (name !== undefined) challenge += `, error="${name}"`
    if (description !== undefined) challenge += `, error_description="${description}"`
    if (status === 403) challenge += `, scope="${scope.join(' ')}"`
  }
  return { ok: false, error, status, challenge, retryAfterMs: error.retryAfterMs }
}

/** Whether a code is one that a verifier refuses with. */
export function isVerifyError(error: JwtError): error is JwtError<VerifyErrorCode> {
  return Object.hasOwn(answers, error.code)
}
