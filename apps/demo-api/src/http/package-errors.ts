import type { FieldEncryptionErrorCode } from '@coffer/field-encryption'
import type { JwtErrorCode } from '@coffer/jwt'
import type { RbacErrorCode } from '@coffer/rbac'
import type { ProblemCode } from './problem.js'

type Table<Code extends string> = Readonly<Record<Code, ProblemCode>>

/** What a client is told about each error of the packages. A code that is missing here does not compile. */
const jwt = {
  COFFER_JWT_TOKEN_MISSING: 'authentication-required',
  COFFER_JWT_REQUEST_INVALID: 'malformed-request',
  COFFER_JWT_SCOPE_INSUFFICIENT: 'scope-insufficient',
  COFFER_JWT_TOO_LARGE: 'token-invalid',
  COFFER_JWT_MALFORMED: 'token-invalid',
  COFFER_JWT_ENCODING_INVALID: 'token-invalid',
  COFFER_JWT_HEADER_REFUSED: 'token-invalid',
  COFFER_JWT_ALGORITHM_REFUSED: 'token-invalid',
  COFFER_JWT_TYP_MISMATCH: 'token-invalid',
  COFFER_JWT_ISSUER_UNKNOWN: 'token-invalid',
  COFFER_JWT_KEY_UNKNOWN: 'token-invalid',
  COFFER_JWT_KEY_UNUSABLE: 'token-invalid',
  COFFER_JWT_SIGNATURE_INVALID: 'token-invalid',
  COFFER_JWT_CLAIM_MISSING: 'token-invalid',
  COFFER_JWT_CLAIM_INVALID: 'token-invalid',
  COFFER_JWT_AUDIENCE_MISMATCH: 'token-invalid',
  COFFER_JWT_EXPIRED: 'token-expired',
  COFFER_JWT_NOT_YET_VALID: 'token-invalid',
  COFFER_JWT_LIFETIME_EXCEEDED: 'token-invalid',
  COFFER_JWT_SENDER_CONSTRAINED: 'token-invalid',
  COFFER_JWT_REVOKED: 'session-revoked',
  COFFER_JWT_KEYS_NOT_READY: 'state-stale',
  COFFER_JWT_KEYS_UNAVAILABLE: 'state-stale',
  COFFER_JWT_REVOCATION_UNAVAILABLE: 'state-stale',
  COFFER_JWT_GRANT_REFUSED: 'internal',
  COFFER_JWT_SCOPE_WIDENED: 'credentials-invalid',
  COFFER_JWT_REFRESH_INVALID: 'credentials-invalid',
  COFFER_JWT_REFRESH_REUSED: 'credentials-invalid',
  COFFER_JWT_KEYS_INVALID: 'internal',
  COFFER_JWT_REVOCATION_FULL: 'state-stale',
  COFFER_JWT_STORE_UNAVAILABLE: 'state-stale',
  COFFER_JWT_KEY_RING_CORRUPT: 'internal',
  COFFER_JWT_KEY_RING_UNAVAILABLE: 'state-stale',
} as const satisfies Table<JwtErrorCode>

const rbac = {
  COFFER_RBAC_POLICY_INVALID: 'internal',
  COFFER_RBAC_ROLE_NOT_ASSIGNED: 'internal',
  COFFER_RBAC_SUBJECT_INVALID: 'internal',
} as const satisfies Table<RbacErrorCode>

/** A stored value that does not open is this service's fault whatever the reason, and none of it is told. */
const fieldEncryption = {
  COFFER_FIELD_ENCRYPTION_ALREADY_ENCRYPTED: 'internal',
  COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED: 'internal',
  COFFER_FIELD_ENCRYPTION_MALFORMED: 'internal',
  COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED: 'internal',
  COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED: 'internal',
  COFFER_FIELD_ENCRYPTION_TYPE_MISMATCH: 'internal',
  COFFER_FIELD_ENCRYPTION_VALUE_INVALID: 'validation-failed',
  COFFER_FIELD_ENCRYPTION_TOO_LARGE: 'validation-failed',
  COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN: 'internal',
  COFFER_FIELD_ENCRYPTION_KEY_UNAVAILABLE: 'internal',
  COFFER_FIELD_ENCRYPTION_KEY_EXPIRED: 'internal',
  COFFER_FIELD_ENCRYPTION_KEY_EXHAUSTED: 'internal',
  COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED: 'internal',
  COFFER_FIELD_ENCRYPTION_KEYRING_INVALID: 'internal',
  COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE: 'state-stale',
  COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED: 'rate-limited',
  COFFER_FIELD_ENCRYPTION_AUDIT_FAILED: 'internal',
  COFFER_FIELD_ENCRYPTION_PAN_INVALID: 'card-not-accepted',
  COFFER_FIELD_ENCRYPTION_PAN_DOMAIN_TOO_SMALL: 'card-not-accepted',
  COFFER_FIELD_ENCRYPTION_TOKEN_INVALID: 'internal',
} as const satisfies Table<FieldEncryptionErrorCode>

const table: ReadonlyMap<string, ProblemCode> = new Map<string, ProblemCode>(
  Object.entries({ ...jwt, ...rbac, ...fieldEncryption }),
)

/** The problem for an error of a Coffer package; `undefined` for any other error. */
export function problemOfPackageError(code: string): ProblemCode | undefined {
  return table.get(code)
}
