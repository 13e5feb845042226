import type { Encoding } from './format.js'
import { type FieldType, type FrameSpec, fixedBytes, type Pad } from './frame.js'
import { checkInteger, checkName, checkOneOf, checkOptions } from './options.js'
import type { Redacted } from './redacted.js'

declare const encrypted: unique symbol
declare const shape: unique symbol

/**
 * A stored ciphertext of a `T`. Assignable to `string` (or `Uint8Array`); plaintext is not assignable to it, so a
 * database column typed with it makes a plaintext write a compile error.
 */
export type Encrypted<T, E extends Encoding = 'text'> = (E extends 'bytes' ? Uint8Array : string) & {
  readonly [encrypted]: T
}

/** What a column is, at the level of types. */
export interface ColumnShape {
  readonly value: unknown
  readonly encoding: Encoding
  readonly hidesNull: boolean
  readonly redacted: boolean
  readonly deterministic: boolean
}

/** A declared column; made by {@link field}. */
export interface Column<S extends ColumnShape = ColumnShape> {
  readonly type: FieldType
  readonly settings: ColumnSettings
  readonly [shape]?: S
}

export type Columns = Readonly<Record<string, Column>>

export interface ColumnOptions {
  /** `'deterministic'`: equal values give equal ciphertexts within tenant, column and key. Default `'randomized'`. */
  readonly mode?: 'randomized' | 'deterministic'
  /** Bytes of key commitment; 32 for bring-your-own-key tenants and values that leave the tenant. Default 16. */
  readonly commitment?: 16 | 32
  /** `'hide'`: null is encrypted too; a variable-length type then needs a numeric `pad`. Default `'pass'`. */
  readonly nulls?: 'pass' | 'hide'
  /** `true`: decrypt returns `Redacted<T>`; encrypt takes either. */
  readonly redacted?: boolean
  /** What encrypt writes; decrypt reads both. Default `'text'`. */
  readonly encoding?: Encoding
  /** The column name in the derivation: the old one when a column was renamed. Default: the property name. */
  readonly boundAs?: string
  /** Plaintext is read, and counted, until this time in ms; at most 180 days after construction. */
  readonly migrating?: { readonly until: number }
}

export interface SizedOptions extends ColumnOptions {
  /** Bytes of the encoded value; a longer one is `COFFER_FIELD_ENCRYPTION_TOO_LARGE`. */
  readonly maxBytes?: number
  /** Value area rounded up to a multiple of n bytes (1 to 4096), or by Padmé (at most 12 % growth). */
  readonly pad?: number | 'padme'
}

export interface DecimalOptions extends SizedOptions {
  /** 0 to 30: pads to, and allows at most, that many fraction digits. */
  readonly scale?: number
}

export interface ColumnSettings extends FrameSpec {
  readonly mode: 'randomized' | 'deterministic'
  readonly commitment: 16 | 32
  readonly redacted: boolean
  readonly encoding: Encoding
  readonly boundAs: string | null
  readonly migrating: { readonly until: number } | null
}

type Given<O, K extends PropertyKey, D> = K extends keyof O
  ? Exclude<O[K], undefined> | (undefined extends O[K] ? D : never)
  : D

type Is<A, B> = A extends B ? true : false

export interface ShapeOf<T, O> extends ColumnShape {
  readonly value: T
  readonly encoding: Given<O, 'encoding', 'text'> & Encoding
  readonly hidesNull: Is<Given<O, 'nulls', 'pass'>, 'hide'>
  readonly redacted: Given<O, 'redacted', false> & boolean
  readonly deterministic: Is<Given<O, 'mode', 'randomized'>, 'deterministic'>
}

type ShapeOfColumn<C> = C extends Column<infer S> ? S : never

/** What encrypt takes for a column. */
export type Input<C> =
  ShapeOfColumn<C> extends infer S extends ColumnShape
    ? S['redacted'] extends false
      ? S['value']
      : S['value'] | Redacted<S['value']>
    : never

/** What decrypt gives for a column. */
export type Opened<C> =
  ShapeOfColumn<C> extends infer S extends ColumnShape
    ? Shown<S['value'], S['redacted']> | (S['hidesNull'] extends false ? never : null)
    : never

type Shown<T, R extends boolean> = R extends true ? Redacted<T> : T

/** What the database holds for a column. */
export type Stored<C> =
  ShapeOfColumn<C> extends infer S extends ColumnShape ? Encrypted<S['value'], S['encoding']> : never

export type DeterministicColumn<C extends Columns> = {
  [K in keyof C & string]: ShapeOfColumn<C[K]>['deterministic'] extends true ? K : never
}[keyof C & string]

const common = ['mode', 'commitment', 'nulls', 'redacted', 'encoding', 'boundAs', 'migrating']
const sized = [...common, 'maxBytes', 'pad']

interface Kind {
  readonly type: FieldType
  readonly allowed: readonly string[]
  readonly maxBytes: readonly [fallback: number, most: number]
}

function column<S extends ColumnShape>(kind: Kind, options: DecimalOptions = {}): Column<S> {
  const what = `field.${kind.type}`
  checkOptions(what, options, kind.allowed)
  const { mode = 'randomized', commitment = 16, nulls = 'pass', redacted = false, encoding = 'text' } = options
  const { boundAs = null, migrating = null, maxBytes = kind.maxBytes[0], pad = null, scale = null } = options
  checkOneOf(`${what} mode`, mode, ['randomized', 'deterministic'])
  checkOneOf(`${what} commitment`, commitment, [16, 32])
  checkOneOf(`${what} nulls`, nulls, ['pass', 'hide'])
  checkOneOf(`${what} encoding`, encoding, ['text', 'bytes'])
  if (typeof redacted !== 'boolean') throw new TypeError(`${what} redacted must be a boolean`)
  if (boundAs !== null) checkName(`${what} boundAs`, boundAs)
  if (kind.maxBytes[1] > 0) checkInteger(`${what} maxBytes`, maxBytes, 1, kind.maxBytes[1])
  if (scale !== null) checkInteger(`${what} scale`, scale, 0, 30)
  const hidesNull = nulls === 'hide'
  const settings: ColumnSettings = Object.freeze({
    type: kind.type,
    maxBytes,
    scale,
    pad: resolvePad(what, kind.type, pad, hidesNull),
    hidesNull,
    mode,
    commitment,
    redacted,
    encoding,
    boundAs,
    migrating: migrating === null ? null : checkMigrating(what, migrating),
  })
  if (mode === 'deterministic') checkDeterministic(what, settings)
  return Object.freeze({ type: kind.type, settings })
}

function resolvePad(what: string, type: FieldType, pad: Pad, hidesNull: boolean): Pad {
  if (pad !== null && pad !== 'padme') checkInteger(`${what} pad`, pad, 1, 4096)
  if (!hidesNull) return pad
  const size = fixedBytes(type)
  if (size !== null) return Math.max(1, size)
  if (typeof pad !== 'number') throw new TypeError(`${what}: nulls 'hide' needs a numeric pad`)
  return pad
}

function checkMigrating(what: string, migrating: unknown): { readonly until: number } {
  checkOptions(`${what} migrating`, migrating, ['until'])
  const until: unknown = (migrating as { until?: unknown }).until
  return Object.freeze({ until: checkInteger(`${what} migrating.until`, until, 0, Number.MAX_SAFE_INTEGER) })
}

function checkDeterministic(what: string, settings: ColumnSettings): void {
  const { type, hidesNull, commitment, scale } = settings
  if (type === 'boolean' || type === 'json') throw new TypeError(`${what} cannot be deterministic`)
  if (hidesNull) throw new TypeError(`${what}: a deterministic column cannot hide nulls`)
  if (commitment === 32) throw new TypeError(`${what}: a deterministic column has a commitment of 16 bytes`)
  if (type === 'decimal' && scale === null) {
    throw new TypeError(`${what}: a deterministic decimal needs a scale, or equal amounts would differ`)
  }
}

const kilobyte = 1024
const largest = 16 * kilobyte * kilobyte

/** JSON values; `T` narrows what a column holds and is not checked at run time. */
function json<T>(): Column<ShapeOf<T, object>>
function json<T, const O extends SizedOptions = SizedOptions>(options: O): Column<ShapeOf<T, O>>
function json<T>(options?: SizedOptions): Column<ShapeOf<T, SizedOptions>> {
  return column({ type: 'json', allowed: sized, maxBytes: [4 * kilobyte, largest] }, options)
}

/** Column builders, one per type. Every option is checked at construction. */
export const field: {
  /** Well-formed text, bound byte for byte: no Unicode normalisation. `maxBytes` of UTF-8, default 4096, at most 16 777 216. */
  string<const O extends SizedOptions = object>(options?: O): Column<ShapeOf<string, O>>
  /** `maxBytes` default 4096, at most 16 777 216. */
  bytes<const O extends SizedOptions = object>(options?: O): Column<ShapeOf<Uint8Array, O>>
  boolean<const O extends ColumnOptions = object>(options?: O): Column<ShapeOf<boolean, O>>
  /** A finite number; -0 is written as 0. */
  number<const O extends ColumnOptions = object>(options?: O): Column<ShapeOf<number, O>>
  /** A safe integer. */
  integer<const O extends ColumnOptions = object>(options?: O): Column<ShapeOf<number, O>>
  /** `maxBytes` of two's complement, default 128, at most 1024. */
  bigint<const O extends SizedOptions = object>(options?: O): Column<ShapeOf<bigint, O>>
  /** Canonical text such as `'-12.50'`: no exponent, plus sign, leading zero or negative zero. `maxBytes` default 64, at most 1024. */
  decimal<const O extends DecimalOptions = object>(options?: O): Column<ShapeOf<string, O>>
  /** A `Date`, to the millisecond. */
  timestamp<const O extends ColumnOptions = object>(options?: O): Column<ShapeOf<Date, O>>
  /** A real day as `'YYYY-MM-DD'`, years 1 to 9999. */
  date<const O extends ColumnOptions = object>(options?: O): Column<ShapeOf<string, O>>
  json: typeof json
} = Object.freeze({
  string: (options) => column({ type: 'string', allowed: sized, maxBytes: [4 * kilobyte, largest] }, options),
  bytes: (options) => column({ type: 'bytes', allowed: sized, maxBytes: [4 * kilobyte, largest] }, options),
  boolean: (options) => column({ type: 'boolean', allowed: common, maxBytes: [0, 0] }, options),
  number: (options) => column({ type: 'number', allowed: common, maxBytes: [8, 0] }, options),
  integer: (options) => column({ type: 'integer', allowed: common, maxBytes: [8, 0] }, options),
  bigint: (options) => column({ type: 'bigint', allowed: sized, maxBytes: [128, kilobyte] }, options),
  decimal: (options) => column({ type: 'decimal', allowed: [...sized, 'scale'], maxBytes: [64, kilobyte] }, options),
  timestamp: (options) => column({ type: 'timestamp', allowed: common, maxBytes: [8, 0] }, options),
  date: (options) => column({ type: 'date', allowed: common, maxBytes: [4, 0] }, options),
  json,
} satisfies typeof field)
