import type { Awaitable } from './awaitable.js'
import type { Backend } from './backend.js'
import { openLater, openNow, type Sealing, sealLater, sealNow, type Work } from './codec.js'
import type { ColumnKeys } from './column-keys.js'
import { unboundRow } from './context.js'
import { FieldEncryptionError } from './errors.js'
import {
  type Encoding,
  formatText,
  type Header,
  maxLargeFrame,
  maxSingleFrame,
  type ParsedCiphertext,
  type Suite,
} from './format.js'
import type { Ring, RingKey } from './key-use.js'
import type { RandomBytes } from './random-pool.js'
import { Reused } from './scratch.js'

/** Everything a ciphertext is bound to beside its table and column. */
export interface CellContext {
  readonly tenant: string | null
  /** `LP(row) || LP(extra)`. */
  readonly bound: Uint8Array
}

export interface CellOptions {
  readonly backend: Backend
  readonly random: RandomBytes
  readonly table: string
  readonly column: string
  /** 04 is written in place of 01 and 02 for frames over 64 KiB. */
  readonly suite: 1 | 2 | 3
  readonly encoding: Encoding
}

const accepted: Readonly<Record<1 | 2 | 3, readonly Suite[]>> = { 1: [1, 2, 4], 2: [2, 4], 3: [3] }

/** One place where ciphertexts live: a column of a table. Seals and opens its frames. */
export class Cell {
  readonly #options: CellOptions
  /** The keys of the latest call: rows of one tenant come in runs. */
  #latest: {
    readonly ring: Ring
    readonly key: RingKey
    readonly tenant: string | null
    readonly keys: ColumnKeys
  } | null = null

  readonly #text: Reused | null

  constructor(options: CellOptions) {
    this.#options = options
    this.#text = options.encoding === 'text' && options.backend.mode === 'sync' ? new Reused() : null
  }

  /** Encrypts one frame under the key that encrypts now. */
  seal(ring: Ring, context: CellContext, frame: Uint8Array): Awaitable<string | Uint8Array> {
    if (frame.length > maxLargeFrame) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
    const { suite: single, random } = this.#options
    const key = ring.forEncrypt(frame.length)
    if (single === 3) return this.deterministic(ring, key, context.tenant, frame)
    const suite = frame.length > maxSingleFrame ? 4 : single
    return this.#sealed(this.#work(ring, key, context.tenant), { suite, frame, bound: context.bound, random })
  }

  /** The one ciphertext of a frame within tenant, column and key; also what a query looks for. */
  deterministic(ring: Ring, key: RingKey, tenant: string | null, frame: Uint8Array): Awaitable<string | Uint8Array> {
    const { random } = this.#options
    return this.#sealed(this.#work(ring, key, tenant), { suite: 3, frame, bound: unboundRow, random })
  }

  /** The authentic frame of a stored value. Which part failed is not told: one code for all of them. */
  open(ring: Ring, context: CellContext, parsed: ParsedCiphertext): Awaitable<Uint8Array> {
    const { keyId, suite } = parsed
    // Nothing is negotiated: a column that asks for the long commitment does not read the short one.
    if (!accepted[this.#options.suite].includes(suite)) {
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED', { keyId })
    }
    if (parsed.subject) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN', { keyId })
    const work = this.#work(ring, ring.forDecrypt(keyId), context.tenant)
    return this.#options.backend.mode === 'sync'
      ? authentic(openNow(work, parsed, context.bound), keyId)
      : openLater(work, parsed, context.bound).then((frame) => authentic(frame, keyId))
  }

  #sealed(work: Work, sealing: Sealing): Awaitable<string | Uint8Array> {
    if (this.#options.backend.mode === 'async') return this.#sealedLater(work, sealing)
    return this.#encoded(work.headers[sealing.suite], sealNow(work, sealing))
  }

  async #sealedLater(work: Work, sealing: Sealing): Promise<string | Uint8Array> {
    return this.#encoded(work.headers[sealing.suite], await sealLater(work, sealing))
  }

  #keys(ring: Ring, key: RingKey, tenant: string | null): ColumnKeys {
    const latest = this.#latest
    if (latest !== null && latest.ring === ring && latest.key === key && latest.tenant === tenant) return latest.keys
    const keys = ring.columnKeys(key, tenant, this.#options.table, this.#options.column)
    this.#latest = { ring, key, tenant, keys }
    return keys
  }

  #work(ring: Ring, key: RingKey, tenant: string | null): Work {
    const { input, secrets } = ring
    const keys = this.#keys(ring, key, tenant)
    return { backend: this.#options.backend, input, secrets, headers: key.headers, keys, text: this.#text }
  }

  #encoded(header: Header, bytes: Uint8Array): string | Uint8Array {
    return this.#options.encoding === 'text' ? formatText(header, bytes) : bytes
  }
}

function authentic(frame: Uint8Array | null, keyId: string): Uint8Array {
  if (frame === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED', { keyId })
  return frame
}
