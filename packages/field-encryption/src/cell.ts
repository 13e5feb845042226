import { type Awaitable, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { equalBytes } from './bytes.js'
import {
  deterministicContext,
  hedgedSalt,
  openLarge,
  openMessage,
  type RowContext,
  sealLarge,
  sealWithSalt,
  syntheticSalt,
} from './codec.js'
import type { KeyPurpose } from './context.js'
import { FieldEncryptionError } from './errors.js'
import {
  type Encoding,
  formatText,
  headerBytes,
  maxLargeFrame,
  maxSingleFrame,
  type ParsedCiphertext,
  type Suite,
  suites,
} from './format.js'
import type { Ring, RingKey } from './key-use.js'
import type { RandomBytes } from './random-pool.js'

/** One place where ciphertexts live: a column of a table, under the suite it writes. */
export interface Cell {
  readonly table: string
  readonly column: string
  /** 04 is written in place of 01 and 02 for frames over 64 KiB. */
  readonly suite: 1 | 2 | 3
  readonly encoding: Encoding
}

/** Everything a ciphertext is bound to beside its table and column. Empty bytes mean "not bound". */
export interface CellContext extends RowContext {
  readonly tenant: Uint8Array
}

const accepted: Readonly<Record<1 | 2 | 3, readonly Suite[]>> = { 1: [1, 2, 4], 2: [2, 4], 3: [3] }

/** The operations on one cell under one ring: what a call uses from its beginning to its end. */
export class CellCodec {
  readonly #backend: Backend
  readonly #ring: Ring
  readonly #random: RandomBytes

  constructor(backend: Backend, ring: Ring, random: RandomBytes) {
    this.#backend = backend
    this.#ring = ring
    this.#random = random
  }

  /** Encrypts one frame under the key that encrypts now. */
  seal(cell: Cell, context: CellContext, frame: Uint8Array): Awaitable<string | Uint8Array> {
    if (frame.length > maxLargeFrame) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
    const key = this.#ring.forEncrypt(frame.length)
    if (cell.suite === 3) return this.deterministic(key, cell, context.tenant, frame)
    return chain(this.#randomized(key, cell, cell.suite, context, frame), (bytes) => encoded(cell, bytes))
  }

  /** The one ciphertext of a frame within tenant, column and key; also what a query looks for. */
  deterministic(key: RingKey, cell: Cell, tenant: Uint8Array, frame: Uint8Array): Awaitable<string | Uint8Array> {
    return chain(this.#key(key, tenant, cell, 'siv'), (siv) =>
      chain(syntheticSalt(siv, key.idBytes, frame), (salt) =>
        chain(this.#key(key, tenant, cell, 'enc'), (enc) =>
          chain(sealWithSalt(this.#backend, 3, enc, key.idBytes, salt, deterministicContext, frame), (bytes) =>
            encoded(cell, bytes),
          ),
        ),
      ),
    )
  }

  /** The authentic frame of a stored value. Which part failed is not told: one code for all of them. */
  open(cell: Cell, context: CellContext, parsed: ParsedCiphertext): Awaitable<Uint8Array> {
    const { keyId, suite } = parsed
    // Nothing is negotiated: a column that asks for the long commitment does not read the short one.
    if (!accepted[cell.suite].includes(suite))
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED', { keyId })
    if (parsed.subject) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN', { keyId })
    const key = this.#ring.forDecrypt(keyId)
    return chain(this.#openWith(key, cell, context, parsed), (frame) => {
      if (frame === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED', { keyId })
      return frame
    })
  }

  #randomized(key: RingKey, cell: Cell, single: 1 | 2, context: CellContext, frame: Uint8Array): Awaitable<Uint8Array> {
    const suite = frame.length > maxSingleFrame ? 4 : single
    return chain(this.#key(key, context.tenant, cell, 'hedge'), (hedge) => {
      const drawn = this.#random(suites[suite].salt)
      return chain(hedgedSalt(suite, hedge, key.idBytes, drawn, context, frame), (salt) => {
        drawn.fill(0)
        return chain(this.#key(key, context.tenant, cell, suite === 4 ? 'blob' : 'enc'), (mac) =>
          suite === 4
            ? sealLarge(this.#backend, mac, key.idBytes, salt, context, frame)
            : sealWithSalt(this.#backend, suite, mac, key.idBytes, salt, context, frame),
        )
      })
    })
  }

  #openWith(key: RingKey, cell: Cell, context: CellContext, parsed: ParsedCiphertext): Awaitable<Uint8Array | null> {
    const { suite } = parsed
    if (suite === 4) {
      return chain(this.#key(key, context.tenant, cell, 'blob'), (blob) =>
        openLarge(this.#backend, blob, parsed, context),
      )
    }
    const bound = suite === 3 ? deterministicContext : context
    return chain(this.#key(key, context.tenant, cell, 'enc'), (enc) => {
      const opened = openMessage(this.#backend, enc, parsed, bound)
      return suite === 3 ? chain(opened, (frame) => this.#withSyntheticSalt(key, cell, context, parsed, frame)) : opened
    })
  }

  /** The frame again when its own salt is the one in the header; else zeroed, and null. */
  #withSyntheticSalt(
    key: RingKey,
    cell: Cell,
    context: CellContext,
    parsed: ParsedCiphertext,
    frame: Uint8Array | null,
  ): Awaitable<Uint8Array | null> {
    if (frame === null) return null
    const stored = parsed.bytes.subarray(headerBytes, headerBytes + suites[3].salt)
    return chain(this.#key(key, context.tenant, cell, 'siv'), (siv) =>
      chain(syntheticSalt(siv, key.idBytes, frame), (salt) => {
        if (equalBytes(salt, stored)) return frame
        frame.fill(0)
        return null
      }),
    )
  }

  #key(key: RingKey, tenant: Uint8Array, cell: Cell, purpose: KeyPurpose): Awaitable<Mac> {
    return this.#ring.columnKey(key, tenant, cell.table, cell.column, purpose)
  }
}

function encoded(cell: Cell, bytes: Uint8Array): string | Uint8Array {
  return cell.encoding === 'text' ? formatText(bytes) : bytes
}
