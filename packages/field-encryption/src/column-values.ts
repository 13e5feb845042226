import { type Awaitable, all, attempt, ending } from './awaitable.js'
import { Cell } from './cell.js'
import { at, FieldEncryptionError } from './errors.js'
import { beginsLikeCiphertext, Parser } from './format.js'
import { readAndZero, readFrame, writeFrame } from './frame.js'
import type { KeyIds } from './gate.js'
import type { Ring } from './key-use.js'
import type { KeyringCore } from './keyring.js'
import type { Clock } from './options.js'
import type { RandomBytes } from './random-pool.js'
import { redact, revealed } from './redacted.js'
import { Reused, Scratch } from './scratch.js'
import type { ColumnSpec, RowBinding, TableSpec } from './table-spec.js'

interface Count {
  encrypted: number
  decrypted: number
  plaintextRead: number
}

/** A column of a table in use. */
export interface LiveColumn extends ColumnSpec {
  readonly cell: Cell
  readonly count: Count
}

export type Statistics = Record<keyof Count, Record<string, number>>

/** Single values of one table's columns: from a JS value to what is stored, and back. */
export class ColumnValues {
  readonly #spec: TableSpec
  readonly #columns: ReadonlyMap<string, LiveColumn>
  /** In the order of their declaration. */
  readonly columns: readonly LiveColumn[]
  readonly #clock: Clock
  readonly #frames = new Scratch()
  readonly #parser: Parser

  constructor(options: {
    readonly core: KeyringCore
    readonly spec: TableSpec
    readonly random: RandomBytes
    readonly clock: Clock
  }) {
    const { core, spec, random, clock } = options
    this.#spec = spec
    const { backend } = core
    this.columns = [...spec.columns.values()].map(({ property, column, suite, settings }) => ({
      property,
      column,
      suite,
      settings,
      cell: new Cell({ backend, random, table: spec.name, column, suite, encoding: settings.encoding }),
      count: { encrypted: 0, decrypted: 0, plaintextRead: 0 },
    }))
    this.#columns = new Map(this.columns.map((column) => [column.property, column]))
    this.#clock = clock
    this.#parser = new Parser(backend.mode === 'sync' ? new Reused() : null)
  }

  column(property: unknown): LiveColumn {
    const column = typeof property === 'string' ? this.#columns.get(property) : undefined
    if (column === undefined) throw new TypeError(`table ${this.#spec.name} has no such column`)
    return column
  }

  seal(ring: Ring, column: LiveColumn, given: unknown, binding: RowBinding): Awaitable<unknown> {
    try {
      const sealed = this.#seal(ring, column, given, binding)
      return sealed instanceof Promise ? this.#refused(column, sealed) : sealed
    } catch (error) {
      throw this.#placed(column, error)
    }
  }

  open(ring: Ring, column: LiveColumn, stored: unknown, binding: RowBinding, keyIds: KeyIds): Awaitable<unknown> {
    try {
      const opened = this.#open(ring, column, stored, binding, keyIds)
      return opened instanceof Promise ? this.#refused(column, opened) : opened
    } catch (error) {
      throw this.#placed(column, error)
    }
  }

  #seal(ring: Ring, column: LiveColumn, given: unknown, binding: RowBinding): Awaitable<unknown> {
    const { settings, property } = column
    const value = revealed(given)
    if (value === undefined) throw new TypeError(`column ${JSON.stringify(property)} has no value`)
    if (value === null && !settings.hidesNull) return null
    refuseCiphertext(ring, value)
    const frame = writeColumn(column, value, this.#frames)
    let sealed: Awaitable<string | Uint8Array>
    try {
      sealed = column.cell.seal(ring, binding, frame)
    } catch (error) {
      this.#frames.give(frame)
      throw error
    }
    if (sealed instanceof Promise) return this.#sealedLater(column, frame, sealed)
    this.#frames.give(frame)
    column.count.encrypted += 1
    return sealed
  }

  async #sealedLater(column: LiveColumn, frame: Uint8Array, sealed: Promise<string | Uint8Array>): Promise<unknown> {
    try {
      const stored = await sealed
      column.count.encrypted += 1
      return stored
    } finally {
      this.#frames.give(frame)
    }
  }

  #open(ring: Ring, column: LiveColumn, stored: unknown, binding: RowBinding, keyIds: KeyIds): Awaitable<unknown> {
    if (stored === null && !column.settings.hidesNull) return null
    if (!isStored(stored) || !beginsLikeCiphertext(stored)) return this.#readPlaintext(column, stored)
    const parsed = this.#parser.parse(stored)
    keyIds.add(parsed.keyId)
    const frame = column.cell.open(ring, binding, parsed)
    return frame instanceof Promise ? this.#openedLater(column, frame) : this.#opened(column, frame)
  }

  #openedLater(column: LiveColumn, frame: Promise<Uint8Array>): Promise<unknown> {
    return frame.then((bytes) => this.#opened(column, bytes))
  }

  #opened(column: LiveColumn, frame: Uint8Array): unknown {
    const value = readAndZero(column.settings, frame)
    column.count.decrypted += 1
    return released(column, value)
  }

  /** The ciphertexts that a deterministic column holds for a value: one per key that may still decrypt. */
  search(ring: Ring, column: LiveColumn, value: unknown, tenant: string | null): Awaitable<(string | Uint8Array)[]> {
    return attempt(
      () => {
        const frame = writeColumn(column, value, this.#frames)
        return ending(
          () => all(ring.forSearch().map((key) => column.cell.deterministic(ring, key, tenant, frame))),
          () => this.#frames.give(frame),
        )
      },
      (error) => {
        throw this.#placed(column, error)
      },
    )
  }

  stats(): Statistics {
    const of = (kind: keyof Count) =>
      Object.fromEntries(this.columns.map(({ property, count }) => [property, count[kind]]))
    return { encrypted: of('encrypted'), decrypted: of('decrypted'), plaintextRead: of('plaintextRead') }
  }

  /** While a column migrates, what was written before it was encrypted is read, and counted; from `until` on it is not. */
  #readPlaintext(column: LiveColumn, stored: unknown): unknown {
    const { settings } = column
    if (settings.migrating === null || this.#clock.now() >= settings.migrating.until || stored === null)
      throw notEncrypted()
    let value: unknown
    try {
      const frame = writeFrame(settings, stored, this.#frames)
      try {
        value = readFrame(settings, frame)
      } finally {
        this.#frames.give(frame)
      }
    } catch {
      throw notEncrypted()
    }
    column.count.plaintextRead += 1
    return released(column, value)
  }

  #refused(column: LiveColumn, work: Promise<unknown>): Promise<unknown> {
    return work.catch((error: unknown) => {
      throw this.#placed(column, error)
    })
  }

  #placed(column: LiveColumn, error: unknown): unknown {
    return at(error, { table: this.#spec.name, column: column.property })
  }
}

function released(column: ColumnSpec, value: unknown): unknown {
  return column.settings.redacted && value !== null ? redact(value) : value
}

function notEncrypted(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED')
}

/** A wrong JS type is a bug of the caller: the column is named, the value is not. */
function writeColumn(column: ColumnSpec, value: unknown, frames: Scratch): Uint8Array {
  try {
    return writeFrame(column.settings, value, frames)
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(`column ${JSON.stringify(column.property)}: ${error.message}`)
    throw error
  }
}

/** Encrypting twice hides a bug until the day of decryption. Bytes may begin like a header by chance, so they must name a key. */
function refuseCiphertext(ring: Ring, value: unknown): void {
  if (!isStored(value) || !beginsLikeCiphertext(value)) return
  let keyId: string
  try {
    keyId = new Parser().parse(value).keyId
  } catch {
    return
  }
  if (typeof value === 'string' || ring.has(keyId)) {
    throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_ALREADY_ENCRYPTED')
  }
}

function isStored(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}
