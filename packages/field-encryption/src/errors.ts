/** Every stable error code of this package. Adding one is minor; renaming or removing one is major. */
export type FieldEncryptionErrorCode =
  | 'COFFER_FIELD_ENCRYPTION_ALREADY_ENCRYPTED'
  | 'COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED'
  | 'COFFER_FIELD_ENCRYPTION_MALFORMED'
  | 'COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED'
  | 'COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED'
  | 'COFFER_FIELD_ENCRYPTION_TYPE_MISMATCH'
  | 'COFFER_FIELD_ENCRYPTION_VALUE_INVALID'
  | 'COFFER_FIELD_ENCRYPTION_TOO_LARGE'
  | 'COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN'
  | 'COFFER_FIELD_ENCRYPTION_KEY_UNAVAILABLE'
  | 'COFFER_FIELD_ENCRYPTION_KEY_EXPIRED'
  | 'COFFER_FIELD_ENCRYPTION_KEY_EXHAUSTED'
  | 'COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED'
  | 'COFFER_FIELD_ENCRYPTION_KEYRING_INVALID'
  | 'COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE'
  | 'COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED'
  | 'COFFER_FIELD_ENCRYPTION_AUDIT_FAILED'
  | 'COFFER_FIELD_ENCRYPTION_PAN_INVALID'
  | 'COFFER_FIELD_ENCRYPTION_PAN_DOMAIN_TOO_SMALL'
  | 'COFFER_FIELD_ENCRYPTION_TOKEN_INVALID'

const prefix = 'COFFER_FIELD_ENCRYPTION_'

const messages: Readonly<Record<FieldEncryptionErrorCode, string>> = {
  COFFER_FIELD_ENCRYPTION_ALREADY_ENCRYPTED: 'the value is already encrypted',
  COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED: 'the stored value is not a ciphertext',
  COFFER_FIELD_ENCRYPTION_MALFORMED: 'the ciphertext is malformed',
  COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED: 'the ciphertext uses a suite that is not accepted here',
  COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED: 'decryption failed',
  COFFER_FIELD_ENCRYPTION_TYPE_MISMATCH: 'the decrypted value is not of the declared type',
  COFFER_FIELD_ENCRYPTION_VALUE_INVALID: 'the value cannot be held by this column',
  COFFER_FIELD_ENCRYPTION_TOO_LARGE: 'the value is too large',
  COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN: 'no key of this ID is in the keyring',
  COFFER_FIELD_ENCRYPTION_KEY_UNAVAILABLE: 'the key is disabled, destroyed or below the lowest accepted version',
  COFFER_FIELD_ENCRYPTION_KEY_EXPIRED: 'no data key is within its cryptoperiod for encryption',
  COFFER_FIELD_ENCRYPTION_KEY_EXHAUSTED: 'the data key has reached its limit of messages or bytes',
  COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED: 'a data key could not be unwrapped',
  COFFER_FIELD_ENCRYPTION_KEYRING_INVALID: 'the key records are not valid',
  COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE: 'the keyring is closed or its keys are too old',
  COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED: 'the budget of this purpose is spent',
  COFFER_FIELD_ENCRYPTION_AUDIT_FAILED: 'the decrypt hook failed, so nothing is released',
  COFFER_FIELD_ENCRYPTION_PAN_INVALID: 'not a PAN of 12 to 19 digits with a valid check digit',
  COFFER_FIELD_ENCRYPTION_PAN_DOMAIN_TOO_SMALL: 'fewer than 6 digits are left to tokenize',
  COFFER_FIELD_ENCRYPTION_TOKEN_INVALID: 'not a token of this tokenizer',
}

/** Where a refusal happened, as far as it is known. Names and numbers only, never a value. */
export interface FieldEncryptionErrorPlace {
  readonly table?: string
  readonly column?: string
  readonly keyId?: string
  readonly rowIndex?: number
}

/** Thrown for any value or key this package refuses. Branch on {@link code}. Carries no value, key, token or cause. */
export class FieldEncryptionError<Code extends FieldEncryptionErrorCode = FieldEncryptionErrorCode> extends Error {
  override readonly name: string = 'FieldEncryptionError'
  readonly code: Code
  declare readonly table?: string
  declare readonly column?: string
  declare readonly keyId?: string
  declare readonly rowIndex?: number

  constructor(code: Code, place: FieldEncryptionErrorPlace = {}) {
    super(messages[code])
    this.code = code
    Object.assign(this, place)
  }
}

/** True for an error of this package, also one from another copy of it: the test is the prefix of `code`. */
export function isFieldEncryptionError(error: unknown): error is FieldEncryptionError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith(prefix)
}

/** The same refusal with its place filled in; places that are known stay. Other errors come back unchanged. */
export function at(error: unknown, place: FieldEncryptionErrorPlace): unknown {
  if (!(error instanceof FieldEncryptionError)) return error
  const { table, column, keyId, rowIndex } = error
  return new FieldEncryptionError(error.code, {
    ...place,
    ...(table === undefined ? {} : { table }),
    ...(column === undefined ? {} : { column }),
    ...(keyId === undefined ? {} : { keyId }),
    ...(rowIndex === undefined ? {} : { rowIndex }),
  })
}
