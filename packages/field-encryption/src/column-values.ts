import { Arena } from './arena.js'
import { type Awaitable, all, attempt, chain, ending } from './awaitable.js'
import { Cell } from './cell.js'
import { at, FieldEncryptionError } from './errors.js'
import { beginsLikeCiphertext, parse } from './format.js'
import { readAndZero, writeFrame } from './frame.js'
import type { Ring } from './key-use.js'
import type { KeyringCore } from './keyring.js'
import type { Clock } from './options.js'
import type { RandomBytes } from './random-pool.js'
import { redact, revealed } from './redacted.js'
import type { ColumnSpec, RowBinding, TableSpec } from './table-spec.js'

interface Count {
  encrypted: number
  decrypted: number
  plaintextRead: number
}

export type Statistics = Record<keyof Count, Record<string, number>>

/** Single values of one table's columns: from a JS value to what is stored, and back. */
export class ColumnValues {
  readonly #spec: TableSpec
  readonly #cells: ReadonlyMap<string, Cell>
  readonly #clock: Clock
  readonly #arena: Arena = new Arena()
  readonly #counts: ReadonlyMap<string, Count>

  constructor(options: {
    readonly core: KeyringCore
    readonly spec: TableSpec
    readonly random: RandomBytes
    readonly clock: Clock
  }) {
    const { core, spec, random, clock } = options
    this.#spec = spec
    const { backend } = core
    this.#cells = new Map(
      [...spec.columns.values()].map(({ property, column, suite, settings }) => [
        property,
        new Cell({ backend, random, table: spec.name, column, suite, encoding: settings.encoding }),
      ]),
    )
    this.#clock = clock
    this.#counts = new Map(
      [...spec.columns.keys()].map((property) => [property, { encrypted: 0, decrypted: 0, plaintextRead: 0 }]),
    )
  }

  column(property: unknown): ColumnSpec {
    const column = typeof property === 'string' ? this.#spec.columns.get(property) : undefined
    if (column === undefined) throw new TypeError(`table ${this.#spec.name} has no such column`)
    return column
  }

  seal(ring: Ring, column: ColumnSpec, given: unknown, binding: RowBinding): Awaitable<unknown> {
    return this.#placed(column, () => {
      const { settings, property } = column
      const value = revealed(given)
      if (value === undefined) throw new TypeError(`column ${JSON.stringify(property)} has no value`)
      if (value === null && !settings.hidesNull) return null
      refuseCiphertext(ring, value)
      const frame = writeColumn(column, value, this.#arena)
      const sealed = ending(
        () => this.#cell(column).seal(ring, binding, frame),
        () => frame.fill(0),
      )
      return chain(sealed, (stored) => {
        this.#count(column, 'encrypted')
        return stored
      })
    })
  }

  open(ring: Ring, column: ColumnSpec, stored: unknown, binding: RowBinding, keyIds: Set<string>): Awaitable<unknown> {
    return this.#placed(column, () => {
      const { settings } = column
      if (stored === null && !settings.hidesNull) return null
      if (!isStored(stored) || !beginsLikeCiphertext(stored)) return this.#readPlaintext(column, stored)
      const parsed = parse(stored)
      keyIds.add(parsed.keyId)
      return chain(this.#cell(column).open(ring, binding, parsed), (frame) => {
        const value = readAndZero(settings, frame)
        this.#count(column, 'decrypted')
        return released(column, value)
      })
    })
  }

  /** The ciphertexts that a deterministic column holds for a value: one per key that may still decrypt. */
  search(ring: Ring, column: ColumnSpec, value: unknown, tenant: string | null): Awaitable<(string | Uint8Array)[]> {
    return this.#placed(column, () => {
      const frame = writeColumn(column, value, this.#arena)
      const cell = this.#cell(column)
      return ending(
        () => all(ring.forSearch().map((key) => cell.deterministic(ring, key, tenant, frame))),
        () => frame.fill(0),
      )
    })
  }

  stats(): Statistics {
    const of = (kind: keyof Count) => Object.fromEntries([...this.#counts].map(([name, count]) => [name, count[kind]]))
    return { encrypted: of('encrypted'), decrypted: of('decrypted'), plaintextRead: of('plaintextRead') }
  }

  /** While a column migrates, what was written before it was encrypted is read, and counted; from `until` on it is not. */
  #readPlaintext(column: ColumnSpec, stored: unknown): unknown {
    const { settings } = column
    if (settings.migrating === null || this.#clock.now() >= settings.migrating.until || stored === null)
      throw notEncrypted()
    let value: unknown
    try {
      value = readAndZero(settings, writeFrame(settings, stored, this.#arena))
    } catch {
      throw notEncrypted()
    }
    this.#count(column, 'plaintextRead')
    return released(column, value)
  }

  #cell(column: ColumnSpec): Cell {
    const cell = this.#cells.get(column.property)
    if (cell === undefined) throw new TypeError(`table ${this.#spec.name} has no such column`)
    return cell
  }

  #placed<T>(column: ColumnSpec, work: () => Awaitable<T>): Awaitable<T> {
    return attempt(work, (error) => {
      throw at(error, { table: this.#spec.name, column: column.property })
    })
  }

  #count(column: ColumnSpec, kind: keyof Count): void {
    const count = this.#counts.get(column.property)
    if (count !== undefined) count[kind] += 1
  }
}

function released(column: ColumnSpec, value: unknown): unknown {
  return column.settings.redacted && value !== null ? redact(value) : value
}

function notEncrypted(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED')
}

/** A wrong JS type is a bug of the caller: the column is named, the value is not. */
function writeColumn(column: ColumnSpec, value: unknown, arena: Arena): Uint8Array {
  try {
    return writeFrame(column.settings, value, arena)
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
    keyId = parse(value).keyId
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
