import { type Awaitable, all, attempt, chain, settled, start } from './awaitable.js'
import { type IndexSpec, indexParts, token, tokensForSearch } from './blind-index.js'
import { ColumnValues, type LiveColumn, type Statistics } from './column-values.js'
import { at, FieldEncryptionError } from './errors.js'
import type { Gate, KeyIds, Verdict } from './gate.js'
import { type PlanEntry, planTable } from './index-plan.js'
import type { Ring } from './key-use.js'
import type { KeyringCore } from './keyring.js'
import { type Clock, checkOptions } from './options.js'
import { checkActor } from './purpose.js'
import type { RandomBytes } from './random-pool.js'
import { revealed } from './redacted.js'
import { bindRow, bindTenant, type RowBinding, type TableSpec } from './table-spec.js'

type Row = Readonly<Record<string, unknown>>

interface Request {
  readonly purpose: string
  readonly actor: string | null
  readonly fields: readonly LiveColumn[]
}

type Collected = { readonly row: Row } | { readonly error: FieldEncryptionError }

const maxRows = 10_000

/** Row operations of one table: which values are sealed or opened, under which context, and what happens on refusal. */
export class Table {
  readonly #core: KeyringCore
  readonly #spec: TableSpec
  readonly #gate: Gate
  readonly #values: ColumnValues
  /** Columns and indexes: what is not passed through. */
  readonly #own: ReadonlySet<string>

  constructor(options: {
    readonly core: KeyringCore
    readonly spec: TableSpec
    readonly gate: Gate
    readonly random: RandomBytes
    readonly clock: Clock
  }) {
    const { core, spec, gate, random, clock } = options
    this.#core = core
    this.#spec = spec
    this.#gate = gate
    this.#values = new ColumnValues({ core, spec, random, clock })
    this.#own = new Set([...spec.columns.keys(), ...spec.indexes.map(({ name }) => name)])
  }

  encrypt(row: Row): Awaitable<Row> {
    return this.#encryptRow(this.#core.use(), row)
  }

  encryptMany(rows: readonly Row[]): Awaitable<Row[]> {
    checkRows(rows)
    const ring = this.#core.use()
    return this.#each(rows, (row) => this.#encryptRow(ring, row))
  }

  decrypt(row: Row, options: unknown): Awaitable<Row> {
    const request = this.#request(options, ['purpose', 'actor', 'fields'])
    const binding = this.#bind(row)
    return this.#gate.release(this.#gateRequest(request, [row], [binding]), (keyIds) =>
      this.#openRow(this.#core.use(), request, row, binding, keyIds),
    )
  }

  decryptMany(rows: readonly Row[], options: unknown): Awaitable<unknown[]> {
    checkRows(rows)
    const request = this.#request(options, ['purpose', 'actor', 'fields', 'onRowFailure'])
    const collect = (options as { onRowFailure?: unknown }).onRowFailure
    if (collect !== undefined && collect !== 'collect') throw new TypeError("onRowFailure must be 'collect'")
    const bindings = rows.map((row) => this.#bind(row))
    const gateRequest = this.#gateRequest(request, rows, bindings)
    const opener = (keyIds: KeyIds) => {
      const ring = this.#core.use()
      return (row: Row, i: number) => this.#openRow(ring, request, row, bindings[i] ?? this.#bind(row), keyIds)
    }
    if (collect === undefined) return this.#gate.release(gateRequest, (keyIds) => this.#each(rows, opener(keyIds)))
    return this.#gate.release(gateRequest, (keyIds) => this.#collect(rows, opener(keyIds)), verdictOf)
  }

  /** Row or refusal of each; what is no refusal of this package, a bug of the caller, ends the call. */
  #collect(rows: readonly Row[], open: (row: Row, i: number) => Awaitable<Row>): Awaitable<Collected[]> {
    const collected = rows.map((row, i) =>
      attempt<Collected, Collected>(
        () => chain(open(row, i), (opened) => ({ row: opened })),
        (error) => {
          const placed = at(error, { table: this.#spec.name, rowIndex: i })
          if (!(placed instanceof FieldEncryptionError)) throw placed
          return { error: placed }
        },
      ),
    )
    return all(collected)
  }

  encryptField(property: string, value: unknown, context: Row): Awaitable<unknown> {
    const column = this.#values.column(property)
    const ring = this.#core.use()
    return this.#values.seal(ring, column, value, this.#bind(context))
  }

  decryptField(property: string, stored: unknown, context: Row, options: unknown): Awaitable<unknown> {
    const column = this.#values.column(property)
    const request = { ...this.#request(options, ['purpose', 'actor']), fields: [column] }
    const binding = this.#bind(context)
    const row = { [property]: stored }
    return this.#gate.release(this.#gateRequest(request, [row], [binding]), (keyIds) =>
      this.#values.open(this.#core.use(), column, stored, binding, keyIds),
    )
  }

  query(name: string, values: Row): Awaitable<readonly (string | Uint8Array)[]> {
    checkRow(values)
    const index = this.#spec.indexes.find((candidate) => candidate.name === name)
    const ring = this.#core.use()
    const tenant = bindTenant(this.#spec, values)
    if (index !== undefined) {
      const parts = indexParts(
        index,
        index.parts.map(({ property }) => queried(values, property)),
      )
      return parts === null ? [] : tokensForSearch(ring, tenant, this.#spec.name, index, parts)
    }
    const column = this.#spec.columns.has(name) ? this.#values.column(name) : null
    if (column?.suite !== 3) throw new TypeError('query needs the name of an index or of a deterministic column')
    const value = queried(values, name)
    if (value === null) return []
    return this.#values.search(ring, column, value, tenant)
  }

  plan(populations: Readonly<Record<string, number>>): readonly PlanEntry[] {
    return planTable(this.#spec, this.#core.use().forSearch().length, populations)
  }

  stats(): Statistics {
    return this.#values.stats()
  }

  #encryptRow(ring: Ring, row: Row): Awaitable<Row> {
    checkRow(row)
    for (const { name } of this.#spec.indexes) {
      if (row[name] !== undefined) throw new TypeError(`property ${JSON.stringify(name)} is written by its index`)
    }
    const binding = bindRow(this.#spec, row)
    // Misuse is found before any work is under way.
    const indexed = this.#spec.indexes.map((index) => ({ index, values: this.#indexValues(index, row) }))
    const out: Record<string, unknown> = { ...row }
    const pending: Promise<void>[] = []
    const put = (property: string, value: Awaitable<unknown>) => {
      if (value instanceof Promise) {
        pending.push(
          observed(
            value.then((settled: unknown) => {
              out[property] = settled
            }),
          ),
        )
      } else out[property] = value
    }
    for (const column of this.#values.columns) {
      const value = row[column.property]
      if (value !== undefined)
        put(
          column.property,
          this.#start(() => this.#values.seal(ring, column, value, binding)),
        )
    }
    for (const { index, values } of indexed) {
      if (values !== null)
        put(
          index.name,
          this.#start(() => this.#token(ring, binding.tenant, index, values)),
        )
    }
    return pending.length === 0 ? out : Promise.all(pending).then(() => out)
  }

  /** The values of an index in a row: all of them, or null when the row has none of its columns. */
  #indexValues(index: IndexSpec, row: Row): readonly unknown[] | null {
    const values = index.parts.map(({ property }) => revealed(row[property]))
    const missing = values.filter((value) => value === undefined).length
    if (missing === values.length) return null
    if (missing > 0) throw new TypeError(`index ${index.name} needs all of its columns in the row, or none`)
    return values
  }

  #token(ring: Ring, tenant: string | null, index: IndexSpec, values: readonly unknown[]): Awaitable<unknown> {
    const parts = indexParts(index, values)
    return parts === null ? null : token(ring, ring.forToken(), tenant, this.#spec.name, index, parts)
  }

  #openRow(ring: Ring, request: Request, row: Row, binding: RowBinding, keyIds: KeyIds): Awaitable<Row> {
    const out: Record<string, unknown> = {}
    for (const property of Object.keys(row)) {
      if (this.#own.has(property)) continue
      // An own `__proto__` stays a property; assigned, it would become the prototype.
      if (property === '__proto__') Object.defineProperty(out, property, { value: row[property], enumerable: true })
      else out[property] = row[property]
    }
    const pending: Promise<void>[] = []
    for (const column of request.fields) {
      const stored = row[column.property]
      if (stored === undefined) continue
      if (this.#core.backend.mode === 'sync') {
        out[column.property] = this.#values.open(ring, column, stored, binding, keyIds)
        continue
      }
      const opened = this.#start(() => this.#values.open(ring, column, stored, binding, keyIds))
      pending.push(observed(placed(opened, out, column.property)))
    }
    return pending.length === 0 ? out : Promise.all(pending).then(() => out)
  }

  #start<T>(work: () => Awaitable<T>): Awaitable<T> {
    return start(this.#core.backend.mode, work)
  }

  #each<T>(rows: readonly Row[], work: (row: Row, i: number) => Awaitable<T>): Awaitable<T[]> {
    if (this.#core.backend.mode === 'sync') return rows.map((row, i) => this.#workOn(row, i, work))
    return all(
      rows.map((row, i) =>
        attempt(
          () => this.#start(() => work(row, i)),
          (error) => {
            throw at(error, { table: this.#spec.name, rowIndex: i })
          },
        ),
      ),
    )
  }

  #workOn<T>(row: Row, i: number, work: (row: Row, i: number) => Awaitable<T>): T {
    try {
      return settled(work(row, i))
    } catch (error) {
      throw at(error, { table: this.#spec.name, rowIndex: i })
    }
  }

  #request(options: unknown, allowed: readonly string[]): Request {
    checkOptions('decrypt', options, allowed)
    const { purpose, actor, fields } = options as { purpose?: unknown; actor?: unknown; fields?: unknown }
    if (typeof purpose !== 'string') throw new TypeError('purpose must be one of the declared purposes')
    if (fields !== undefined && !Array.isArray(fields)) throw new TypeError('fields must be an array of column names')
    const columns =
      fields === undefined ? this.#values.columns : [...new Set(fields)].map((name) => this.#values.column(name))
    return { purpose, actor: checkActor(actor), fields: columns }
  }

  #gateRequest(request: Request, rows: readonly Row[], bindings: readonly RowBinding[]) {
    const { purpose, actor, fields } = request
    let count = 0
    for (const row of rows) {
      for (const { property } of fields) if (row[property] !== undefined && row[property] !== null) count += 1
    }
    return {
      purpose,
      actor,
      table: this.#spec.name,
      fields: () => fields.map((column) => column.property),
      rows: () => bindings.map(({ tenant, row }) => ({ tenant, row })),
      count,
    }
  }

  #bind(row: Row): RowBinding {
    checkRow(row)
    return bindRow(this.#spec, row)
  }
}

async function placed(opened: Awaitable<unknown>, out: Record<string, unknown>, property: string): Promise<void> {
  out[property] = await opened
}

/** The same promise. A property of the row that throws further on would leave its rejection unhandled. */
function observed(work: Promise<void>): Promise<void> {
  work.catch(() => {})
  return work
}

function verdictOf(collected: readonly Collected[]): Verdict {
  const refused = collected.flatMap((item) => ('error' in item ? [item.error.code] : []))
  const outcome = refused.length === 0 ? 'success' : refused.length === collected.length ? 'failure' : 'partial'
  return { outcome, code: refused[0] ?? null }
}

function queried(values: Row, property: string): unknown {
  if (values[property] === undefined) throw new TypeError(`query needs ${JSON.stringify(property)}`)
  return revealed(values[property])
}

function checkRow(row: unknown): void {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new TypeError('a row must be an object')
}

function checkRows(rows: unknown): void {
  if (!Array.isArray(rows)) throw new TypeError('rows must be an array')
  if (rows.length > maxRows) throw new RangeError(`at most ${maxRows} rows in one call`)
}
