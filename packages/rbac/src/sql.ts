/**
 * @module PostgreSQL text for a filter: one parenthesised boolean expression and its parameters.
 */
import type { Scalar } from './document.js'
import type { Column, ColumnOperator, ColumnType, Filter, Residual } from './filter.js'
import { checkOptions } from './options.js'

/** How a filter becomes SQL. */
export interface PostgresOptions {
  /** The table's alias, `[A-Za-z_][A-Za-z0-9_]{0,62}`; default none. */
  readonly alias?: string
  /** The number of the first parameter, 1 to 60,000; default 1. */
  readonly firstParameter?: number
}

/** An expression and the values of its parameters, in their order. */
export interface PostgresFilter {
  readonly text: string
  readonly values: readonly unknown[]
}

const ALIAS = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
/** The wire protocol counts parameters in 16 bits. */
const MAX_PARAMETERS = 65_535
const SIGNS: Readonly<Record<ColumnOperator, string>> = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' }
const CASTS: Readonly<Record<Exclude<ColumnType, 'enum'>, string>> = {
  text: 'text',
  uuid: 'uuid',
  int: 'bigint',
  bool: 'boolean',
  timestamp: 'timestamptz',
}

/**
 * Writes a filter as PostgreSQL. Columns are quoted, values are parameters with a cast; under a deterministic collation
 * and UTF-8 the rows it selects are those that the session's `can` permits.
 *
 * Does not check the columns' types: `text` or an enum, `uuid` where declared, `smallint` to `bigint`, `boolean`,
 * `timestamptz(3)`.
 *
 * @returns `text` is always one parenthesised boolean expression, `(TRUE)` and `(FALSE)` included.
 */
export function toPostgres(filter: Filter, options: PostgresOptions = {}): PostgresFilter {
  checkOptions('toPostgres', options, { alias: true, firstParameter: true })
  const { alias, firstParameter = 1 } = options
  if (alias !== undefined && !ALIAS.test(alias)) throw new TypeError('toPostgres: alias is not a plain identifier')
  if (!Number.isInteger(firstParameter) || firstParameter < 1 || firstParameter > 60_000)
    throw new RangeError('toPostgres: firstParameter must be a whole number from 1 to 60000')
  if (filter.kind !== 'if')
    return Object.freeze({ text: filter.kind === 'all' ? '(TRUE)' : '(FALSE)', values: Object.freeze([]) })
  const writer = new Writer(alias, firstParameter)
  const text = writer.write(filter.condition)
  return Object.freeze({ text: text.startsWith('(') ? text : `(${text})`, values: Object.freeze(writer.values) })
}

class Writer {
  readonly values: unknown[] = []
  readonly #prefix: string
  readonly #first: number

  constructor(alias: string | undefined, first: number) {
    this.#prefix = alias === undefined ? '' : `${alias}.`
    this.#first = first
  }

  /** A group is parenthesised, a comparison is not. */
  write(residual: Residual): string {
    if ('all' in residual) return `(${residual.all.map((item) => this.write(item)).join(' AND ')})`
    if ('any' in residual) return `(${residual.any.map((item) => this.write(item)).join(' OR ')})`
    const { column } = residual
    if ('values' in residual) return this.#list(column, residual.op, residual.values)
    if ('value' in residual) return this.#comparison(column, SIGNS[residual.op], residual.value)
    return `${this.#column(column)} IS ${residual.op === 'isNull' ? '' : 'NOT '}NULL`
  }

  #comparison(column: Column, sign: string, value: Scalar | Column): string {
    if (typeof value !== 'object') return `${this.#column(column)} ${sign} ${this.#parameter(column.type, value)}`
    // Two columns of one declared type may be of two types in the database: text, uuid and any enum meet as text.
    const cast = value.type !== column.type || column.type === 'enum' ? '::text' : ''
    return `${this.#column(column)}${cast} ${sign} ${this.#column(value)}${cast}`
  }

  /** The members of an enum stand alone without a cast, so that they take the column's own type. */
  #list(column: Column, op: 'in' | 'notIn', values: readonly Scalar[]): string {
    if (column.type === 'enum')
      return `${this.#column(column)} IN (${values.map((value) => this.#parameter('enum', value)).join(', ')})`
    const list = this.#push(Object.freeze(values.map((value) => encode(column.type, value))))
    return `${this.#column(column)} ${op === 'in' ? '= ANY' : '<> ALL'}(${list}::${CASTS[column.type]}[])`
  }

  #parameter(type: ColumnType, value: Scalar): string {
    const place = this.#push(encode(type, value))
    return type === 'enum' ? place : `${place}::${CASTS[type]}`
  }

  #push(value: unknown): string {
    const place = this.#first + this.values.length
    if (place > MAX_PARAMETERS)
      throw new RangeError('toPostgres: the filter needs more parameters than PostgreSQL takes')
    this.values.push(value)
    return `$${place}`
  }

  #column(column: Column): string {
    return `${this.#prefix}"${column.name.replaceAll('"', '""')}"`
  }
}

/** A value as every driver sends it: a timestamp as ISO 8601 text, a bigint as digits. */
function encode(type: ColumnType, value: Scalar): unknown {
  if (type === 'timestamp') return new Date(Number(value)).toISOString()
  return typeof value === 'bigint' ? value.toString() : value
}
