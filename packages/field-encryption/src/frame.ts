import { fromUtf8, isWellFormed, readU32, utf8, writeAscii, writeU32 } from './bytes.js'
import { FieldEncryptionError } from './errors.js'
import { checkJson } from './json-value.js'
import type { Scratch } from './scratch.js'

/** The declared type of a column; what goes into GCM names its type and is checked against this on the way out. */
export type FieldType =
  | 'string'
  | 'bytes'
  | 'boolean'
  | 'number'
  | 'integer'
  | 'bigint'
  | 'decimal'
  | 'timestamp'
  | 'date'
  | 'json'

export type Pad = number | 'padme' | null

/** How values of one column become bytes. `maxBytes` and `scale` hold on writing only: old values stay readable. */
export interface FrameSpec {
  readonly type: FieldType
  readonly maxBytes: number
  readonly scale: number | null
  readonly pad: Pad
  readonly hidesNull: boolean
}

interface TypedBytes {
  readonly code: number
  readonly value: Uint8Array
}

const code = {
  string: 0x01,
  bytes: 0x02,
  false: 0x03,
  true: 0x04,
  number: 0x05,
  integer: 0x06,
  bigint: 0x07,
  decimal: 0x08,
  timestamp: 0x09,
  date: 0x0a,
  json: 0x0b,
  null: 0x0c,
}
const paddedBit = 0x80
const none = new Uint8Array(0)
const maxTime = 8.64e15
const decimalPattern = /^-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?$/
const datePattern = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/

/** Value bytes of the fixed-size types; null where the length varies. */
export function fixedBytes(type: FieldType): number | null {
  if (type === 'boolean') return 0
  if (type === 'date') return 4
  return type === 'number' || type === 'integer' || type === 'timestamp' ? 8 : null
}

/** `type || value`, or padded: `type | 0x80 || u32 length || value || zeros`. */
export function writeFrame(spec: FrameSpec, value: unknown, frames: Scratch): Uint8Array {
  if (spec.type === 'string' && spec.pad === null && typeof value === 'string' && value.length <= spec.maxBytes) {
    // What most text is needs one pass and no array of its own.
    const frame = frames.take(1 + value.length)
    frame[0] = code.string
    if (writeAscii(value, frame, 1)) return frame
    frames.give(frame)
  }
  const { code: type, value: bytes } = value === null ? { code: code.null, value: none } : typedBytes(spec, value)
  if (spec.pad === null) {
    const frame = frames.take(1 + bytes.length)
    frame[0] = type
    frame.set(bytes, 1)
    return frame
  }
  const frame = frames.take(5 + paddedLength(bytes.length, spec.pad))
  frame[0] = type | paddedBit
  writeU32(frame, 1, bytes.length)
  frame.set(bytes, 5)
  return frame
}

/** The value of an authentic frame. `COFFER_FIELD_ENCRYPTION_TYPE_MISMATCH` when it is not canonical for this column. */
export function readFrame(spec: FrameSpec, frame: Uint8Array): unknown {
  // A frame has at least its type byte: no shorter ciphertext parses.
  const [first = 0] = frame
  const padded = (first & paddedBit) !== 0
  const type = first & ~paddedBit
  const bytes = padded ? unpad(frame) : new Uint8Array(frame.buffer, frame.byteOffset + 1, frame.length - 1)
  if (type === code.null) {
    if (!padded || !spec.hidesNull || bytes.length !== 0) throw mismatch()
    return null
  }
  return readTyped(spec.type, type, bytes)
}

/** The same, and nothing of the frame is left, whether or not it is refused. */
export function readAndZero(spec: FrameSpec, frame: Uint8Array): unknown {
  try {
    return readFrame(spec, frame)
  } finally {
    frame.fill(0)
  }
}

/** The bytes that a blind index covers: the unpadded value, and for a boolean, which has none, its type. */
export function indexedBytes(spec: FrameSpec, value: unknown): Uint8Array {
  const { code: type, value: bytes } = typedBytes(spec, value)
  return spec.type === 'boolean' ? Uint8Array.of(type) : bytes
}

export function paddedLength(length: number, pad: number | 'padme'): number {
  const least = Math.max(1, length)
  return pad === 'padme' ? padme(least) : Math.ceil(least / pad) * pad
}

/** True when a stored value's size says nothing, or little, about the value. */
export function paddingHidesLength(spec: FrameSpec): boolean {
  return fixedBytes(spec.type) !== null || spec.pad !== null
}

/** Bytes of the longest frame a column can write. */
export function largestFrame(spec: FrameSpec): number {
  const longest = fixedBytes(spec.type) ?? spec.maxBytes
  return spec.pad === null ? 1 + longest : 5 + paddedLength(longest, spec.pad)
}

/** Padmé: keeps as many leading bits of the length as its exponent has bits, so at most 12 % is added. */
function padme(length: number): number {
  if (length < 2) return length
  const exponent = Math.floor(Math.log2(length))
  const kept = Math.floor(Math.log2(exponent)) + 1
  const step = 2 ** (exponent - kept)
  return Math.ceil(length / step) * step
}

function unpad(frame: Uint8Array): Uint8Array {
  if (frame.length < 6) throw mismatch()
  const length = readU32(frame, 1)
  const area = new Uint8Array(frame.buffer, frame.byteOffset + 5, frame.length - 5)
  if (length > area.length) throw mismatch()
  for (let i = length; i < area.length; i++) if (area[i] !== 0) throw mismatch()
  return area.subarray(0, length)
}

function typedBytes(spec: FrameSpec, value: unknown): TypedBytes {
  switch (spec.type) {
    case 'string':
      if (typeof value !== 'string') throw wrongType('a string')
      return { code: code.string, value: limited(spec, wellFormed(value)) }
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw wrongType('a Uint8Array')
      return { code: code.bytes, value: limited(spec, value) }
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType('a boolean')
      return { code: value ? code.true : code.false, value: none }
    case 'number':
      if (typeof value !== 'number') throw wrongType('a number')
      if (!Number.isFinite(value)) throw unholdable()
      return { code: code.number, value: view8((view) => view.setFloat64(0, value === 0 ? 0 : value)) }
    case 'integer':
      if (typeof value !== 'number') throw wrongType('a number')
      if (!Number.isSafeInteger(value)) throw unholdable()
      return { code: code.integer, value: view8((view) => view.setBigInt64(0, BigInt(value))) }
    case 'bigint':
      if (typeof value !== 'bigint') throw wrongType('a bigint')
      return { code: code.bigint, value: twosComplement(value, spec.maxBytes) }
    case 'decimal':
      if (typeof value !== 'string') throw wrongType('a decimal string')
      return { code: code.decimal, value: limited(spec, utf8(canonicalDecimal(value, spec))) }
    case 'timestamp': {
      if (!(value instanceof Date)) throw wrongType('a Date')
      const time = value.getTime()
      if (Number.isNaN(time)) throw unholdable()
      return { code: code.timestamp, value: view8((view) => view.setBigInt64(0, BigInt(time))) }
    }
    case 'date':
      if (typeof value !== 'string') throw wrongType('a YYYY-MM-DD string')
      return { code: code.date, value: dateBytes(value) }
    case 'json':
      checkJson(value)
      return { code: code.json, value: limited(spec, utf8(JSON.stringify(value))) }
  }
}

function readTyped(type: FieldType, typeCode: number, bytes: Uint8Array): unknown {
  if (type === 'boolean') {
    if ((typeCode !== code.true && typeCode !== code.false) || bytes.length !== 0) throw mismatch()
    return typeCode === code.true
  }
  if (typeCode !== code[type]) throw mismatch()
  const size = fixedBytes(type)
  if (size !== null && bytes.length !== size) throw mismatch()
  switch (type) {
    case 'string':
      return text(bytes)
    case 'bytes':
      return new Uint8Array(bytes)
    case 'number': {
      const value = viewOf(bytes).getFloat64(0)
      if (!Number.isFinite(value) || Object.is(value, -0)) throw mismatch()
      return value
    }
    case 'integer': {
      const value = Number(viewOf(bytes).getBigInt64(0))
      if (!Number.isSafeInteger(value)) throw mismatch()
      return value
    }
    case 'bigint':
      return readTwosComplement(bytes)
    case 'decimal': {
      const value = text(bytes)
      if (!isCanonicalDecimal(value)) throw mismatch()
      return value
    }
    case 'timestamp': {
      const time = Number(viewOf(bytes).getBigInt64(0))
      if (Math.abs(time) > maxTime) throw mismatch()
      return new Date(time)
    }
    case 'date':
      return readDate(bytes)
    case 'json':
      return readJson(bytes)
  }
}

function wellFormed(value: string): Uint8Array {
  if (!isWellFormed(value)) throw unholdable()
  return utf8(value)
}

function limited(spec: FrameSpec, bytes: Uint8Array): Uint8Array {
  if (bytes.length > spec.maxBytes) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
  return bytes
}

function view8(write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(8)
  write(new DataView(bytes.buffer))
  return bytes
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function text(bytes: Uint8Array): string {
  const value = fromUtf8(bytes)
  if (value === null) throw mismatch()
  return value
}

function isCanonicalDecimal(value: string): boolean {
  return decimalPattern.test(value) && !/^-[0.]*$/.test(value)
}

function canonicalDecimal(value: string, spec: FrameSpec): string {
  // Longer text cannot fit, and is not worth matching.
  if (value.length > spec.maxBytes) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
  const match = decimalPattern.exec(value)
  if (match === null || !isCanonicalDecimal(value)) throw unholdable()
  if (spec.scale === null) return value
  const fraction = match[1] ?? ''
  if (fraction.length > spec.scale) throw unholdable()
  if (fraction.length === spec.scale) return value
  return `${value}${fraction === '' ? '.' : ''}${'0'.repeat(spec.scale - fraction.length)}`
}

function twosComplement(value: bigint, maxBytes: number): Uint8Array {
  const magnitude = value < 0n ? -value - 1n : value
  // One bit more than the magnitude has, for the sign.
  const length = Math.floor(magnitude.toString(2).length / 8) + 1
  if (length > maxBytes) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0')
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16))
}

function readTwosComplement(bytes: Uint8Array): bigint {
  const [first, second] = bytes
  if (first === undefined) throw mismatch()
  // A leading byte that only repeats the sign bit is not the shortest form.
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) throw mismatch()
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(bytes.length * 8, value)
}

function dateBytes(value: string): Uint8Array {
  const match = datePattern.exec(value)
  if (match === null) throw unholdable()
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (!isRealDay(year, month, day)) throw unholdable()
  return Uint8Array.of(year >>> 8, year, month, day)
}

function readDate(bytes: Uint8Array): string {
  const [high = 0, low = 0, month = 0, day = 0] = bytes
  const year = (high << 8) | low
  if (!isRealDay(year, month, day)) throw mismatch()
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

function isRealDay(year: number, month: number, day: number): boolean {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return false
  if (month === 2) return day <= ((year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28)
  return day <= ([4, 6, 9, 11].includes(month) ? 30 : 31)
}

function readJson(bytes: Uint8Array): unknown {
  const source = text(bytes)
  let canonical: string
  let value: unknown
  try {
    value = JSON.parse(source)
    checkJson(value)
    canonical = JSON.stringify(value)
  } catch {
    throw mismatch()
  }
  if (canonical !== source) throw mismatch()
  return value
}

function wrongType(expected: string): TypeError {
  return new TypeError(`the value must be ${expected}`)
}

function unholdable(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_VALUE_INVALID')
}

function mismatch(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TYPE_MISMATCH')
}
