/** Every problem this API answers with, and its status (RFC 9457). A code is stable: its page is `{PUBLIC_URL}/problems/<code>`. */
export const problemStatus = {
  'malformed-request': 400,
  'validation-failed': 400,
  'idempotency-key-missing': 400,
  'credential-in-url': 400,
  'address-invalid': 400,
  'authentication-required': 401,
  'token-invalid': 401,
  'token-expired': 401,
  'session-revoked': 401,
  'credentials-invalid': 401,
  'permission-denied': 403,
  'network-not-allowed': 403,
  'scope-insufficient': 403,
  'feature-not-in-plan': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'idempotency-in-progress': 409,
  'state-conflict': 409,
  'last-owner': 409,
  'body-too-large': 413,
  'url-too-long': 414,
  'media-type-unsupported': 415,
  'host-not-served': 421,
  'idempotency-mismatch': 422,
  'card-not-accepted': 422,
  'cardholder-data-in-text': 422,
  'separation-of-duties': 422,
  'password-refused': 422,
  'would-lock-out': 422,
  'network-list-invalid': 422,
  'rate-limited': 429,
  'headers-too-large': 431,
  internal: 500,
  'audit-unavailable': 503,
  overloaded: 503,
  'shutting-down': 503,
  'state-stale': 503,
  'database-unavailable': 503,
} as const satisfies Readonly<Record<string, number>>

/** The closed union of problem codes. */
export type ProblemCode = keyof typeof problemStatus

/** One refused member of the input: where it stands and which rule it broke, never its value. */
export interface InputFault {
  /** RFC 6901 pointer, such as `/body/amount/currency`. */
  readonly pointer: string
  /** The schema keyword or the name of the rule. */
  readonly rule: string
}

/** What a problem may say besides its code. */
export interface ProblemDetails {
  readonly errors?: readonly InputFault[]
  readonly decisionId?: string
  /** The entry of a list that was refused. */
  readonly index?: number
  readonly retryAfterSeconds?: number
  /** The `WWW-Authenticate` value (RFC 6750 §3). */
  readonly challenge?: string
  /** RFC 6749 §5.2, for the token endpoint and for login. */
  readonly oauthError?:
    | 'invalid_client'
    | 'invalid_grant'
    | 'invalid_request'
    | 'invalid_scope'
    | 'unsupported_grant_type'
}

/** Thrown anywhere in a request to refuse it. Carries a code and facts about the refusal, and nothing of the input. */
export class Problem extends Error {
  override readonly name: string = 'Problem'
  readonly code: ProblemCode
  readonly details: ProblemDetails
  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(code)
    this.code = code
    this.details = details
  }

  get status(): number {
    return problemStatus[this.code]
  }
}
