import { type Awaitable, all, chain } from './awaitable.js'
import { isWellFormed, toHex, utf8 } from './bytes.js'
import { indexToken } from './context.js'
import { FieldEncryptionError } from './errors.js'
import type { ColumnSettings, Columns } from './field.js'
import type { Encoding } from './format.js'
import { indexedBytes } from './frame.js'
import type { Ring, RingKey } from './key-use.js'
import { checkInteger, checkName, checkOneOf, checkOptions, checkProperty } from './options.js'

export type Normalizer = 'exact' | 'text' | 'email' | 'digits' | ((value: string) => string | null)

/** One searchable token over one or more columns. A token is not a proof: compare after decrypting when `bits` is small. */
export interface IndexOptions<C extends Columns = Columns> {
  /** 1 to 8 columns; the token is written when the row holds all of them. */
  readonly on: readonly (keyof C & string)[]
  /** 8 to 256. Fewer bits leak less about equality and match more rows. */
  readonly bits: number
  /** Per string column. `'exact'` unless given. */
  readonly normalize?: { readonly [K in keyof C & string]?: Normalizer }
  /** `'text'`: lower-case hex (default). */
  readonly encoding?: Encoding
}

export type Indexes<C extends Columns> = Readonly<Record<string, IndexOptions<C>>>

export interface IndexPart {
  readonly property: string
  readonly settings: ColumnSettings
  readonly normalize: (value: string) => string | null
}

export interface IndexSpec {
  readonly name: string
  readonly parts: readonly IndexPart[]
  readonly bits: number
  readonly encoding: Encoding
}

const normalizers = {
  exact: (value: string) => value,
  text: (value: string) => value.normalize('NFKC').trim().replace(/\s+/gu, ' ').toLowerCase(),
  email: (value: string) => value.normalize('NFKC').trim().toLowerCase(),
  digits: (value: string) => value.normalize('NFKC').replace(/[^0-9]/g, ''),
}

export function resolveIndex(name: string, options: IndexOptions, columns: Columns): IndexSpec {
  const what = `index ${checkName('index name', name)}`
  checkProperty('an index', name)
  checkOptions(what, options, ['on', 'bits', 'normalize', 'encoding'])
  const { on, bits, normalize = {}, encoding = 'text' } = options
  if (name in columns) throw new TypeError(`${what} has the name of a column`)
  if (!Array.isArray(on) || on.length < 1 || on.length > 8 || new Set(on).size !== on.length) {
    throw new TypeError(`${what}: on must name 1 to 8 different columns`)
  }
  checkInteger(`${what} bits`, bits, 8, 256)
  checkOneOf(`${what} encoding`, encoding, ['text', 'bytes'])
  checkOptions(`${what} normalize`, normalize, on)
  return Object.freeze({
    name,
    bits,
    encoding,
    parts: on.map((property) => partOf(what, property, columns, normalize[property])),
  })
}

function partOf(what: string, property: string, columns: Columns, given: Normalizer | undefined): IndexPart {
  const settings = Object.hasOwn(columns, property) ? columns[property]?.settings : undefined
  if (settings === undefined) throw new TypeError(`${what}: no column ${JSON.stringify(property)}`)
  if (settings.type === 'json') throw new TypeError(`${what}: a json column cannot be indexed`)
  if (settings.hidesNull) throw new TypeError(`${what}: a column that hides nulls cannot be indexed`)
  if (settings.type === 'decimal' && settings.scale === null) {
    throw new TypeError(`${what}: an indexed decimal needs a scale, or equal amounts would differ`)
  }
  if (given !== undefined && settings.type !== 'string') throw new TypeError(`${what}: only strings are normalized`)
  const chosen = given ?? 'exact'
  const normalize =
    typeof chosen === 'function'
      ? chosen
      : normalizers[checkOneOf(`${what} normalize`, chosen, ['exact', 'text', 'email', 'digits'])]
  return Object.freeze({ property, settings, normalize })
}

/** The parts of a token; null when one of the values is null or its normalizer gives null. */
export function indexParts(index: IndexSpec, values: readonly unknown[]): readonly Uint8Array[] | null {
  const parts: Uint8Array[] = []
  for (const [i, part] of index.parts.entries()) {
    const value = values[i]
    if (value === null) return null
    const bytes = part.settings.type === 'string' ? normalizedBytes(part, value) : indexedBytes(part.settings, value)
    if (bytes === null) return null
    parts.push(bytes)
  }
  return parts
}

function normalizedBytes(part: IndexPart, value: unknown): Uint8Array | null {
  if (typeof value !== 'string') throw new TypeError('the value must be a string')
  const normalized = part.normalize(value)
  if (normalized === null) return null
  if (typeof normalized !== 'string') throw new TypeError('a normalizer must return a string or null')
  if (!isWellFormed(normalized)) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_VALUE_INVALID')
  return utf8(normalized)
}

/** The token under one key: the key's version, then the first bits of an HMAC; unused low bits are zero. */
export function token(
  ring: Ring,
  key: RingKey,
  tenant: string | null,
  table: string,
  index: IndexSpec,
  parts: readonly Uint8Array[],
): Awaitable<string | Uint8Array> {
  return chain(ring.columnKeys(key, tenant, table, index.name).of('idx'), (idx) =>
    chain(indexToken(ring.input, idx, parts), (mac) => {
      const length = Math.ceil(index.bits / 8)
      const bytes = new Uint8Array(1 + length)
      bytes[0] = key.record.version
      bytes.set(mac.subarray(0, length), 1)
      bytes[length] = (bytes[length] ?? 0) & (0xff << (length * 8 - index.bits))
      return index.encoding === 'text' ? toHex(bytes) : bytes
    }),
  )
}

/** One token per key that may still decrypt, so that queries keep working during a rotation. */
export function tokensForSearch(
  ring: Ring,
  tenant: string | null,
  table: string,
  index: IndexSpec,
  parts: readonly Uint8Array[],
): Awaitable<readonly (string | Uint8Array)[]> {
  return all(ring.forSearch().map((key) => token(ring, key, tenant, table, index, parts)))
}
