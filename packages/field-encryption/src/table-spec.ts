import { type Indexes, type IndexSpec, resolveIndex } from './blind-index.js'
import type { CellContext } from './cell.js'
import { boundRow, boundText, extraBytes, unbound } from './context.js'
import type { ColumnSettings, Columns } from './field.js'
import { maxSingleFrame } from './format.js'
import { largestFrame } from './frame.js'
import { checkName, checkOptions, checkProperty } from './options.js'
import type { Binding } from './table-types.js'

export interface ColumnSpec {
  readonly property: string
  readonly settings: ColumnSettings
  /** The name in the derivation. */
  readonly column: string
  readonly suite: 1 | 2 | 3
}

export interface TableSpec {
  readonly name: string
  readonly columns: ReadonlyMap<string, ColumnSpec>
  readonly tenant: string | null
  readonly row: string | null
  /** In code-unit order, as they are encoded. */
  readonly extra: readonly string[]
  readonly indexes: readonly IndexSpec[]
}

/** The bound values of one row, encoded once for all its columns. */
export interface RowBinding extends CellContext {
  readonly row: string | null
}

const maxExtra = 255
const maxMigrationMs = 180 * 86_400_000

export function resolveTable(
  name: string,
  columns: Columns,
  options: { readonly bind: Binding; readonly indexes?: Indexes<Columns> },
  now: number,
): TableSpec {
  const what = `table ${checkName('table name', name)}`
  checkOptions(what, options, ['bind', 'indexes'])
  const { bind, indexes = {} } = options
  checkOptions(`${what} bind`, bind, ['tenant', 'row', 'extra'])
  const { tenant, row, extra = [] } = bind
  if (!Array.isArray(extra)) throw new TypeError(`${what} bind: extra must be an array of property names`)
  const bound = [tenant, row, ...extra].filter((property) => property !== null)
  for (const property of bound) {
    if (typeof property !== 'string' || property === '') throw new TypeError(`${what} bind: name a property, or null`)
    if (Object.hasOwn(columns, property))
      throw new TypeError(`${what} bind: ${JSON.stringify(property)} is an encrypted column`)
  }
  if (new Set(bound).size !== bound.length) throw new TypeError(`${what} bind names a property twice`)
  if (extra.length > maxExtra) throw new RangeError(`${what} bind: at most ${maxExtra} extra properties`)
  const specs = new Map(Object.entries(columns).map(([property, column]) => [property, columnSpec(property, column)]))
  if (specs.size === 0) throw new TypeError(`${what} has no columns`)
  if (new Set([...specs.values()].map((spec) => spec.column)).size !== specs.size) {
    throw new TypeError(`${what}: two columns are bound under one name`)
  }
  for (const { property, settings } of specs.values()) {
    if (settings.migrating !== null && settings.migrating.until > now + maxMigrationMs) {
      throw new RangeError(`column ${JSON.stringify(property)}: migrating.until is at most 180 days ahead`)
    }
  }
  const resolved = Object.entries(indexes).map(([index, given]) => resolveIndex(index, given, columns))
  for (const { name: index } of resolved) {
    if (bound.includes(index)) throw new TypeError(`${what}: index ${index} has the name of a bound property`)
  }
  return Object.freeze({
    name,
    columns: specs,
    tenant,
    row,
    extra: Object.freeze([...extra].sort(byCodeUnit)),
    indexes: Object.freeze(resolved),
  })
}

function columnSpec(property: string, column: unknown): ColumnSpec {
  checkProperty('a column', property)
  const settings = (column as { settings?: ColumnSettings } | null)?.settings
  if (settings === undefined) throw new TypeError(`column ${JSON.stringify(property)} must come from field`)
  const bound = settings.boundAs ?? checkName('column name', property)
  const suite = settings.mode === 'deterministic' ? 3 : settings.commitment === 32 ? 2 : 1
  if (suite === 3 && largestFrame(settings) > maxSingleFrame) {
    throw new RangeError(
      `column ${JSON.stringify(property)}: a deterministic value has at most ${maxSingleFrame} bytes`,
    )
  }
  return Object.freeze({ property, settings, column: bound, suite })
}

export function bindRow(spec: TableSpec, row: Readonly<Record<string, unknown>>): RowBinding {
  const rowId = spec.row === null ? null : boundText(spec.row, row[spec.row])
  const tenant = bindTenant(spec, row)
  if (spec.extra.length === 0) return { tenant, row: rowId, bound: boundRow(rowId, unbound) }
  const extra = spec.extra.map((property) => [property, boundText(property, row[property])] as const)
  return { tenant, row: rowId, bound: boundRow(rowId, extraBytes(extra)) }
}

/** Queries know the tenant and no row. */
export function bindTenant(spec: TableSpec, values: Readonly<Record<string, unknown>>): string | null {
  return spec.tenant === null ? null : boundText(spec.tenant, values[spec.tenant])
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
