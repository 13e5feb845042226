import { type Awaitable, chain } from './awaitable.js'
import type { Backend } from './backend.js'
import { hedgedSalt, openMessage, type RowContext, sealWithSalt } from './codec.js'
import { FieldEncryptionError } from './errors.js'
import { type Encoding, formatText, maxSingleFrame, type ParsedCiphertext, type Suite, suites } from './format.js'
import type { Ring } from './key-use.js'
import type { RandomBytes } from './random-pool.js'

/** One place where ciphertexts live: a column of a table, under the suite it writes. */
export interface Cell {
  readonly table: string
  readonly column: string
  readonly suite: 1 | 2
  readonly encoding: Encoding
}

/** Everything a ciphertext is bound to beside its table and column. Empty bytes mean "not bound". */
export interface CellContext extends RowContext {
  readonly tenant: Uint8Array
}

/** Encrypts one frame under the key that encrypts now. */
export function sealCell(
  backend: Backend,
  ring: Ring,
  cell: Cell,
  context: CellContext,
  frame: Uint8Array,
  random: RandomBytes,
): Awaitable<string | Uint8Array> {
  if (frame.length > maxSingleFrame) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
  const { table, column, suite, encoding } = cell
  const key = ring.forEncrypt(frame.length)
  const sealed = chain(ring.columnKey(key, context.tenant, table, column, 'hedge'), (hedge) => {
    const drawn = random(suites[suite].salt)
    return chain(hedgedSalt(suite, hedge, key.idBytes, drawn, context, frame), (salt) => {
      drawn.fill(0)
      return chain(ring.columnKey(key, context.tenant, table, column, 'enc'), (enc) =>
        sealWithSalt(backend, suite, enc, key.idBytes, salt, context, frame),
      )
    })
  })
  return chain(sealed, (bytes) => (encoding === 'text' ? formatText(bytes) : bytes))
}

/** The authentic frame of a stored value. Which part failed is not told: one code for all of them. */
export function openCell(
  backend: Backend,
  ring: Ring,
  cell: Cell,
  context: CellContext,
  parsed: ParsedCiphertext,
): Awaitable<Uint8Array> {
  const { keyId } = parsed
  if (!acceptedSuites(cell).includes(parsed.suite)) {
    throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED', { keyId })
  }
  if (parsed.subject) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN', { keyId })
  const key = ring.forDecrypt(keyId)
  const opened = chain(ring.columnKey(key, context.tenant, cell.table, cell.column, 'enc'), (enc) =>
    openMessage(backend, enc, parsed, context),
  )
  return chain(opened, (frame) => {
    if (frame === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED', { keyId })
    return frame
  })
}

/** Nothing is negotiated: a column that asks for the long commitment does not read the short one. */
function acceptedSuites(cell: Cell): readonly Suite[] {
  return cell.suite === 2 ? [2] : [1, 2]
}
