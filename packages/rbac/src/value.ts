/** The scalar kinds of the language; `enum` is one of a closed list of texts. */
export type Kind = 'id' | 'string' | 'int' | 'bool' | 'timestamp' | 'enum'

/** A declared type, parsed. */
export interface ValueType {
  readonly kind: Kind
  /** Of an enum, in the order of the document; the same object for the same texts, and empty for every other kind. */
  readonly members: ReadonlySet<string>
  readonly optional: boolean
  readonly list: boolean
}

/** Of a type that is no enum. */
export const NO_MEMBERS: ReadonlySet<string> = new Set()

/** Whether two types are of one kind: what may be compared. */
export function sameKind(left: ValueType, right: ValueType): boolean {
  return left.kind === right.kind && left.members === right.members
}

/** Whether two attributes of resources, which are no lists, are declared alike. */
export function sameType(left: ValueType, right: ValueType): boolean {
  return sameKind(left, right) && left.optional === right.optional
}

/** A value that is well typed: `timestamp` as milliseconds, `int` as it came. */
export type Typed = string | number | bigint | boolean | readonly (string | number | bigint)[]

/** Stands for a value that is absent, `undefined` or `null`. */
export const MISSING: unique symbol = Symbol('missing')
/** Stands for a value of another type than declared. */
export const ILL_TYPED: unique symbol = Symbol('ill-typed')
/** Stands for a value of which not even the presence is known: reading it throws. */
export const UNREADABLE: unique symbol = Symbol('unreadable')
/** What reading an attribute gives. */
export type Reading = Typed | typeof MISSING | typeof ILL_TYPED | typeof UNREADABLE

const MIN_INT64 = -(2n ** 63n)
const MAX_INT64 = 2n ** 63n - 1n
/** 0001-01-01T00:00:00.000Z */
export const MIN_TIMESTAMP: number = -62_135_596_800_000
/** 9999-12-31T23:59:59.999Z */
export const MAX_TIMESTAMP: number = 253_402_300_799_999
export const MAX_LIST = 1000

/** Types one value; never throws, whatever it is handed. */
export function typed(value: unknown, type: ValueType): Reading {
  if (value === undefined || value === null) return MISSING
  if (value === UNREADABLE) return UNREADABLE
  return type.list ? typedList(value, type) : scalar(value, type)
}

function scalar(value: unknown, type: ValueType): string | number | bigint | boolean | typeof ILL_TYPED {
  switch (type.kind) {
    case 'id':
    case 'string':
      return typeof value === 'string' && isText(value) ? value : ILL_TYPED
    case 'enum':
      return typeof value === 'string' && type.members.has(value) ? value : ILL_TYPED
    case 'bool':
      return typeof value === 'boolean' ? value : ILL_TYPED
    case 'int':
      return isInt(value) ? value : ILL_TYPED
    case 'timestamp':
      return instant(value)
  }
}

function typedList(value: unknown, type: ValueType): readonly (string | number | bigint)[] | typeof ILL_TYPED {
  try {
    // The length is read once: that of a proxy may grow under the loop.
    const length: unknown = Array.isArray(value) ? value.length : undefined
    if (!Array.isArray(value) || typeof length !== 'number' || !(length <= MAX_LIST)) return ILL_TYPED
    const list: (string | number | bigint)[] = []
    for (let index = 0; index < length; index++) {
      const element = scalar(value[index], type)
      if (element === ILL_TYPED || typeof element === 'boolean') return ILL_TYPED
      list.push(element)
    }
    return Object.freeze(list)
  } catch {
    return ILL_TYPED
  }
}

/** A text has neither U+0000, which PostgreSQL cannot store, nor a lone surrogate, which UTF-8 cannot carry. */
export function isText(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index)
    if (unit === 0) return false
    if (unit < 0xd800 || unit > 0xdfff) continue
    const next = value.charCodeAt(index + 1)
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false
    index++
  }
  return true
}

/** A safe integer or a bigint of 64 bits. */
export function isInt(value: unknown): value is number | bigint {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  return typeof value === 'bigint' && value >= MIN_INT64 && value <= MAX_INT64
}

function instant(value: unknown): number | typeof ILL_TYPED {
  const ms = typeof value === 'number' ? value : dateValue(value)
  return Number.isInteger(ms) && ms >= MIN_TIMESTAMP && ms <= MAX_TIMESTAMP ? ms : ILL_TYPED
}

/** `getTime` of the value itself: a subclass or a proxy cannot answer in its place, and a date of another realm can. */
export function dateValue(value: unknown): number {
  if (typeof value !== 'object') return Number.NaN
  try {
    return Date.prototype.getTime.call(value)
  } catch {
    return Number.NaN
  }
}

/** Reads an own property; `UNREADABLE` if reading throws. The prototype chain is never consulted. */
export function own(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null) return undefined
  try {
    return Object.hasOwn(holder, name) ? (holder as Readonly<Record<string, unknown>>)[name] : undefined
  } catch {
    return UNREADABLE
  }
}

/** Mathematical equality of two ints, number or bigint; identity for everything else. */
export function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left === 'bigint' && typeof right === 'number') return left === BigInt(right)
  return typeof left === 'number' && typeof right === 'bigint' && BigInt(left) === right
}

/** Orders texts by code unit, as every list of this package is ordered. */
export function byCodeUnit(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
