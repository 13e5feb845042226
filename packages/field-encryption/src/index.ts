/**
 * Encrypts single fields with AES-256-GCM, bound to tenant, table, column and row, searchable and rotatable.
 *
 * @module
 */
export type { Indexes, IndexOptions, Normalizer } from './blind-index.js'
export { createFieldCipher, type FieldCipher, type FieldCipherOptions } from './cipher.js'
export type { BoundValue } from './context.js'
export { FieldEncryptionError, type FieldEncryptionErrorCode, isFieldEncryptionError } from './errors.js'
export {
  type Column,
  type ColumnOptions,
  type ColumnShape,
  type Columns,
  type DecimalOptions,
  type Encrypted,
  field,
  type Input,
  type Opened,
  type ShapeOf,
  type SizedOptions,
  type Stored,
} from './field.js'
export { type Encoding, parseCiphertext, type Suite } from './format.js'
export type { PlanEntry, PlanWarning } from './index-plan.js'
export { createLocalKeyEncryptionKey, type KeyEncryptionKey, type WrapContext } from './key-encryption-key.js'
export { type AddDataKeyOptions, addDataKey, type DataKeyRecord, type DataKeyState } from './key-record.js'
export type { KeyringLimits } from './key-use.js'
export { createKeyring, type DataKeyInfo, type Keyring, type KeyringOptions } from './keyring.js'
export type { Clock, Mode, Out } from './options.js'
export type { Budget, DecryptEvent } from './purpose.js'
export type { Redacted } from './redacted.js'
export { createSealer, type Sealer } from './sealer.js'
export type {
  Binding,
  BoundValues,
  Counts,
  DecryptOptions,
  EncryptedRow,
  OpenedRow,
  PlainRow,
  QueryValues,
  RowResult,
  StoredRow,
  TableCipher,
} from './table-types.js'
