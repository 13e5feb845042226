import { type Awaitable, chain } from './awaitable.js'
import type { Backend } from './backend.js'
import { equalAt } from './bytes.js'
import {
  begin,
  hedgedSalt,
  openLarge,
  openMessage,
  sealLarge,
  sealMessage,
  syntheticSalt,
  type Work,
  writeSyntheticSalt,
} from './codec.js'
import type { ColumnKeys } from './column-keys.js'
import { unboundRow } from './context.js'
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
    const { suite } = this.#options
    const key = ring.forEncrypt(frame.length)
    if (suite === 3) return this.deterministic(ring, key, context.tenant, frame)
    return chain(this.#randomized(ring, key, suite, context, frame), (bytes) => this.#encoded(key, bytes))
  }

  /** The one ciphertext of a frame within tenant, column and key; also what a query looks for. */
  deterministic(ring: Ring, key: RingKey, tenant: string | null, frame: Uint8Array): Awaitable<string | Uint8Array> {
    const keys = this.#keys(ring, key, tenant)
    const work = this.#work(ring, key)
    const out = begin(work, 3, frame.length)
    const sealed = chain(keys.of('siv'), (siv) =>
      chain(writeSyntheticSalt(work, siv, frame, out), () =>
        chain(keys.enc, (enc) => sealMessage(work, 3, enc, unboundRow, frame, out)),
      ),
    )
    return chain(sealed, (bytes) => this.#encoded(key, bytes))
  }

  /** The authentic frame of a stored value. Which part failed is not told: one code for all of them. */
  open(ring: Ring, context: CellContext, parsed: ParsedCiphertext): Awaitable<Uint8Array> {
    const { keyId, suite } = parsed
    // Nothing is negotiated: a column that asks for the long commitment does not read the short one.
    if (!accepted[this.#options.suite].includes(suite)) {
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED', { keyId })
    }
    if (parsed.subject) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN', { keyId })
    const key = ring.forDecrypt(keyId)
    return chain(this.#openWith(ring, key, context, parsed), (frame) => {
      if (frame === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED', { keyId })
      return frame
    })
  }

  #randomized(ring: Ring, key: RingKey, single: 1 | 2, context: CellContext, frame: Uint8Array): Awaitable<Uint8Array> {
    const suite = frame.length > maxSingleFrame ? 4 : single
    const keys = this.#keys(ring, key, context.tenant)
    const work = this.#work(ring, key)
    return chain(keys.hedge, (hedge) => {
      const drawn = this.#options.random(suites[suite].salt)
      const out = begin(work, suite, frame.length)
      const salted = hedgedSalt(work, hedge, suite, drawn, context.bound, frame, out)
      drawn.fill(0)
      return chain(salted, () =>
        suite === 4
          ? chain(keys.of('blob'), (blob) => sealLarge(work, blob, context.bound, frame, out))
          : chain(keys.enc, (enc) => sealMessage(work, suite, enc, context.bound, frame, out)),
      )
    })
  }

  #openWith(ring: Ring, key: RingKey, context: CellContext, parsed: ParsedCiphertext): Awaitable<Uint8Array | null> {
    const keys = this.#keys(ring, key, context.tenant)
    const work = this.#work(ring, key)
    if (parsed.suite === 4) return chain(keys.of('blob'), (blob) => openLarge(work, blob, parsed, context.bound))
    if (parsed.suite !== 3) return chain(keys.enc, (enc) => openMessage(work, enc, parsed, context.bound))
    return chain(keys.enc, (enc) =>
      chain(openMessage(work, enc, parsed, unboundRow), (frame) => checkSyntheticSalt(work, keys, parsed, frame)),
    )
  }

  #keys(ring: Ring, key: RingKey, tenant: string | null): ColumnKeys {
    const latest = this.#latest
    if (latest !== null && latest.ring === ring && latest.key === key && latest.tenant === tenant) return latest.keys
    const keys = ring.columnKeys(key, tenant, this.#options.table, this.#options.column)
    this.#latest = { ring, key, tenant, keys }
    return keys
  }

  #work(ring: Ring, key: RingKey): Work {
    const { input, secrets } = ring
    return { backend: this.#options.backend, input, secrets, headers: key.headers, text: this.#text }
  }

  #encoded(key: RingKey, bytes: Uint8Array): string | Uint8Array {
    if (this.#options.encoding === 'bytes') return bytes
    const suite = bytes[1] === 4 ? 4 : this.#options.suite
    return formatText(key.headers[suite], bytes)
  }
}

/** The frame again when its own salt is the one in the header; else zeroed, and null. */
function checkSyntheticSalt(
  work: Work,
  keys: ColumnKeys,
  parsed: ParsedCiphertext,
  frame: Uint8Array | null,
): Awaitable<Uint8Array | null> {
  if (frame === null) return null
  return chain(keys.of('siv'), (siv) =>
    chain(syntheticSalt(work, siv, frame), (salt) => {
      if (equalAt(parsed.bytes, headerBytes, salt, 0, suites[3].salt)) return frame
      frame.fill(0)
      return null
    }),
  )
}
