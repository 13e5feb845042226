/** The vectors of docs/fle1/vectors.json, made from the plain reference: the published file is compared with these. */
import { createHash } from 'node:crypto'
import * as reference from './reference.js'

const createdAt = 1767225600000
export const kek: Buffer = Buffer.alloc(32, 0x22)
export const active: reference.ReferenceKey = { id: '0a0b0c0d', version: 1, createdAt, dek: Buffer.alloc(32, 0x11) }
export const disabled: reference.ReferenceKey = { id: 'd15ab1ed', version: 2, createdAt, dek: Buffer.alloc(32, 0x44) }
const absent: reference.ReferenceKey = { id: 'abadcafe', version: 3, createdAt, dek: Buffer.alloc(32, 0x55) }

/** Values as JSON: bytes in hex, bigints in decimal, timestamps in ms. */
export type JsonValue = string | number | boolean | null | { readonly [name: string]: unknown } | readonly unknown[]

export interface Place {
  readonly tenant: string | null
  readonly table: string
  readonly column: string
  readonly row: string | null
  readonly extra: Readonly<Record<string, string>>
}

export interface ColumnShape {
  readonly type: string
  readonly suite: 1 | 2 | 3 | 4
  readonly pad: number | 'padme' | null
  readonly nulls: 'pass' | 'hide'
}

export interface ValidVector extends Place, ColumnShape {
  readonly id: number
  readonly random: string
  readonly value: JsonValue
  readonly frame: string
  readonly bytes: string
  readonly text: string
}

export interface LargeVector extends Place {
  readonly id: number
  readonly random: string
  /** A string of this many letters x, unpadded. */
  readonly length: number
  readonly suite: 1 | 4
  readonly sha512: string
}

export interface InvalidVector extends Place, ColumnShape {
  readonly id: number
  readonly comment: string
  readonly stored: { readonly text: string } | { readonly bytes: string }
  readonly code: string
}

export interface TokenVector {
  readonly id: number
  readonly tenant: string | null
  readonly table: string
  readonly index: string
  readonly bits: number
  readonly parts: readonly string[]
  readonly token: string
}

const place: Place = { tenant: 'acme', table: 'cards', column: 'pan', row: '018f-42', extra: {} }
const places: readonly Place[] = [
  { ...place, tenant: null },
  { ...place, row: null },
  { ...place, tenant: null, row: null },
  { ...place, extra: { version: '7' } },
  { ...place, extra: { b: 'x', B: 'y', _: 'z', a10: '1', a9: '2' } },
  { ...place, tenant: 'Ünïcode-租户-🏦', row: 'línea\u0000' },
  { ...place, table: '_t.$-9', column: 'A' },
  { ...place, row: '9007199254740993' },
  { ...place, row: 'r'.repeat(1024) },
  { ...place, tenant: 'acm', row: 'e018f-42' },
]

const values: readonly (readonly [type: string, value: JsonValue])[] = [
  ['string', '4111111111111111'],
  ['string', ''],
  ['string', 'naïve 𝒳 \u0000 \ufeff'],
  ['string', 'fle1'],
  ['bytes', ''],
  ['bytes', '00'],
  ['bytes', 'f1010a0b'],
  ['boolean', true],
  ['boolean', false],
  ['number', 0],
  ['number', -1.5],
  ['number', 5e-324],
  ['number', Number.MAX_VALUE],
  ['integer', 0],
  ['integer', -1],
  ['integer', Number.MAX_SAFE_INTEGER],
  ['integer', Number.MIN_SAFE_INTEGER],
  ['bigint', '0'],
  ['bigint', '127'],
  ['bigint', '128'],
  ['bigint', '-128'],
  ['bigint', '-129'],
  ['bigint', '170141183460469231731687303715884105727'],
  ['decimal', '0'],
  ['decimal', '-12.50'],
  ['decimal', '0.00'],
  ['timestamp', 0],
  ['timestamp', 1767225600000],
  ['timestamp', -8.64e15],
  ['date', '0001-01-01'],
  ['date', '1815-12-10'],
  ['date', '2024-02-29'],
  ['json', {}],
  ['json', { b: [1, null, 'x'], a: { '1': true } }],
  ['json', 'text'],
]

/** The JS value that a JSON value stands for. */
export function fromJson(type: string, value: JsonValue): unknown {
  if (value === null) return null
  if (type === 'bytes') return Uint8Array.from(Buffer.from(String(value), 'hex'))
  if (type === 'bigint') return BigInt(String(value))
  if (type === 'timestamp') return new Date(Number(value))
  return value
}

/** Padmé as its paper defines it. */
function padme(length: number): number {
  if (length < 2) return length
  const exponent = 31 - Math.clz32(length)
  const mask = 2 ** Math.max(0, exponent - (32 - Math.clz32(exponent))) - 1
  return (length + mask) & ~mask
}

function areaOf(pad: number | 'padme' | null, length: number): number | null {
  if (pad === null) return null
  const least = Math.max(1, length)
  return pad === 'padme' ? padme(least) : Math.ceil(least / pad) * pad
}

function randomOf(id: number, length: number): Buffer {
  return createHash('sha256').update(`fle1 vector ${id}`).digest().subarray(0, length)
}

export function validVectors(): readonly ValidVector[] {
  const made: ValidVector[] = []
  const add = (at: Place, shape: ColumnShape, value: JsonValue) => {
    const id = made.length + 1
    const random = randomOf(id, shape.suite === 4 ? 24 : 16)
    const type = reference.typed(shape.type, fromJson(shape.type, value))
    const frame = reference.frameOf(type, areaOf(shape.pad, type.value.length))
    const bytes = reference.seal(shape.suite, active, at, random, frame)
    const sealed = { bytes: bytes.toString('hex'), text: reference.textOf(bytes) }
    made.push({ id, ...at, ...shape, random: random.toString('hex'), value, frame: frame.toString('hex'), ...sealed })
  }
  const plain = { pad: null, nulls: 'pass' } as const
  for (const [type, value] of values) {
    add(place, { type, suite: 1, ...plain }, value)
    add(place, { type, suite: 2, ...plain }, value)
    if (type !== 'boolean' && type !== 'json' && type !== 'decimal') add(place, { type, suite: 3, ...plain }, value)
    if (value !== '') add(place, { type, suite: 4, ...plain }, value)
  }
  for (const at of places) {
    for (const suite of [1, 2, 3, 4] as const) add(at, { type: 'string', suite, ...plain }, 'ada lovelace')
  }
  for (const pad of [1, 16, 32, 4096, 'padme'] as const) {
    for (const value of ['', 'a', 'x'.repeat(16), 'x'.repeat(33)])
      add(place, { type: 'string', suite: 1, pad, nulls: 'pass' }, value)
  }
  for (const [type, pad, value] of [
    ['string', 32, 'ada'],
    ['bytes', 8, '00ff'],
    ['decimal', 16, '1.00'],
    ['bigint', 16, '-1'],
    ['boolean', 1, true],
    ['number', 8, 1.5],
    ['timestamp', 8, 1],
    ['date', 4, '2024-02-29'],
  ] as const) {
    for (const hidden of [value, null]) add(place, { type, suite: 1, pad, nulls: 'hide' }, hidden)
  }
  // In code units U+1F600 comes before U+FB00, in UTF-8 after it.
  const beyond = { ...place, row: 'строка-🏦', extra: { '\ufb00': 'é', '\u{1f600}': '🏦', ключ: 'значение', k: 'v' } }
  for (const suite of [1, 2, 3, 4] as const) add(beyond, { type: 'string', suite, ...plain }, 'ada lovelace')
  return made
}

export function largeVectors(): readonly LargeVector[] {
  return [65_535, 65_536, 81_919, 81_920, 100_000].map((length, i) => {
    const suite = length > 65_535 ? 4 : 1
    const random = randomOf(1000 + i, suite === 4 ? 24 : 16)
    const bytes = reference.seal(suite, active, place, random, Buffer.concat([Buffer.of(1), Buffer.alloc(length, 'x')]))
    const sha512 = createHash('sha512').update(bytes).digest('hex')
    return { id: i + 1, ...place, random: random.toString('hex'), length, suite, sha512 }
  })
}

export function tokenVectors(): readonly TokenVector[] {
  const text = (value: string) => Buffer.from(value).toString('hex')
  const made: Omit<TokenVector, 'id' | 'token'>[] = [
    { tenant: 'acme', table: 'cards', index: 'pan_eq', bits: 64, parts: [text('4111111111111111')] },
    { tenant: 'acme', table: 'cards', index: 'pan_last4', bits: 12, parts: [text('1111')] },
    { tenant: 'acme', table: 'cards', index: 'name_dob', bits: 32, parts: [text('ada lovelace'), '07170c0a'] },
    { tenant: null, table: 'cards', index: 'pan_eq', bits: 64, parts: [text('4111111111111111')] },
    { tenant: 'acme', table: 'cards', index: 'ab', bits: 64, parts: [text('a'), text('b')] },
    { tenant: 'acme', table: 'cards', index: 'ab', bits: 64, parts: [text('ab'), ''] },
    { tenant: 'acme', table: 'flags', index: 'on_eq', bits: 8, parts: ['03'] },
    { tenant: 'acme', table: 'flags', index: 'on_eq', bits: 8, parts: ['04'] },
    ...[8, 9, 15, 16, 17, 63, 127, 255, 256].map((bits) => ({
      tenant: 'acme',
      table: 't',
      index: 'i',
      bits,
      parts: [text('x')],
    })),
  ]
  return made.map((vector, i) => {
    const context = { tenant: vector.tenant, table: vector.table, column: vector.index, row: null, extra: {} }
    const parts = vector.parts.map((part) => Buffer.from(part, 'hex'))
    return { id: i + 1, ...vector, token: reference.token(active, context, vector.bits, parts) }
  })
}

interface Sealed {
  readonly shape: ColumnShape
  readonly bytes: Buffer
}

export function invalidVectors(): readonly InvalidVector[] {
  const made: InvalidVector[] = []
  const add = (comment: string, shape: ColumnShape, stored: Buffer | string, code: string, at: Place = place) => {
    const spelled = typeof stored === 'string' ? { text: stored } : { bytes: stored.toString('hex') }
    made.push({ id: made.length + 1, comment, ...at, ...shape, stored: spelled, code })
  }
  const random = randomOf(0, 24)
  const shapeOf = (suite: 1 | 2 | 3 | 4): ColumnShape => ({ type: 'string', suite, pad: null, nulls: 'pass' })
  const sealed = (suite: 1 | 2 | 3 | 4, frame: Buffer, key = active): Buffer =>
    reference.seal(suite, key, place, random.subarray(0, suite === 4 ? 24 : 16), frame)
  const frame = reference.frameOf(reference.typed('string', 'ada lovelace'), null)
  const bases: readonly Sealed[] = ([1, 2, 3, 4] as const).map((suite) => ({
    shape: shapeOf(suite),
    bytes: sealed(suite, frame),
  }))

  for (const { shape, bytes } of bases) {
    const { suite } = shape
    const salt = suite === 4 ? 24 : 16
    const commitment = suite === 2 || suite === 4 ? 32 : 16
    const bodyAt = 6 + salt + commitment
    const name = `suite 0${suite}`
    const flipped = (offset: number) => Buffer.from(bytes.map((byte, i) => (i === offset ? byte ^ 1 : byte)))

    for (const [what, at] of [
      ['tenant', { ...place, tenant: 'globex' }],
      ['tenant unbound', { ...place, tenant: null }],
      ['table', { ...place, table: 'card' }],
      ['column', { ...place, column: 'pan2' }],
      ['row', { ...place, row: '018f-43' }],
      ['row unbound', { ...place, row: null }],
      ['extra', { ...place, extra: { version: '7' } }],
    ] as const) {
      const bound = suite !== 3 || (at.row === place.row && Object.keys(at.extra).length === 0)
      if (bound) add(`${name}: other ${what}`, shape, bytes, 'DECRYPTION_FAILED', at)
    }
    for (const [what, offset] of [
      ['salt, first byte', 6],
      ['salt, last byte', 5 + salt],
      ['commitment, first byte', 6 + salt],
      ['commitment, last byte', bodyAt - 1],
      ['body, first byte', bodyAt],
      ['tag, first byte', bytes.length - 16],
      ['tag, last byte', bytes.length - 1],
    ] as const) {
      add(`${name}: one bit of ${what}`, shape, flipped(offset), 'DECRYPTION_FAILED')
    }
    for (const length of [2, 5, 6, 6 + salt, bodyAt, bodyAt + 15, bodyAt + 16]) {
      add(`${name}: cut to ${length} bytes`, shape, bytes.subarray(0, length), 'MALFORMED')
    }
    add(`${name}: last byte missing`, shape, bytes.subarray(0, -1), 'DECRYPTION_FAILED')
    add(`${name}: one byte added`, shape, Buffer.concat([bytes, Buffer.alloc(1)]), 'DECRYPTION_FAILED')
    add(
      `${name}: key ID zero`,
      shape,
      Buffer.concat([bytes.subarray(0, 2), Buffer.alloc(4), bytes.subarray(6)]),
      'MALFORMED',
    )
    add(
      `${name}: another key's ID`,
      shape,
      Buffer.concat([bytes.subarray(0, 2), Buffer.from(absent.id, 'hex'), bytes.subarray(6)]),
      'KEY_UNKNOWN',
    )
    for (const byte of [0x00, 0x05, 0x06, 0x3f, 0x45]) {
      add(
        `${name}: suite byte ${byte}`,
        shape,
        Buffer.concat([bytes.subarray(0, 1), Buffer.of(byte), bytes.subarray(2)]),
        'SUITE_UNSUPPORTED',
      )
    }
    const subject = Buffer.concat([bytes.subarray(0, 1), Buffer.of(0x40 | suite), bytes.subarray(2)])
    add(`${name}: subject key`, shape, subject, 'KEY_UNKNOWN')
    add(`${name}: under a disabled key`, shape, sealed(suite, frame, disabled), 'KEY_UNAVAILABLE')
    add(`${name}: magic byte`, shape, Buffer.concat([Buffer.of(0xf2), bytes.subarray(1)]), 'NOT_ENCRYPTED')
    add(
      `${name}: second byte from 0x80`,
      shape,
      Buffer.concat([Buffer.of(0xf1, 0x80 | suite), bytes.subarray(2)]),
      'NOT_ENCRYPTED',
    )

    const text = reference.textOf(bytes)
    add(`${name}: text in upper case`, shape, text.toUpperCase(), 'NOT_ENCRYPTED')
    add(
      `${name}: hex in upper case`,
      shape,
      text.slice(0, 5) + text.slice(5, 15).toUpperCase() + text.slice(15),
      'MALFORMED',
    )
    add(`${name}: padding`, shape, `${text}=`, 'MALFORMED')
    add(`${name}: white space at the end`, shape, `${text}\n`, 'MALFORMED')
    add(`${name}: white space at the beginning`, shape, ` ${text}`, 'NOT_ENCRYPTED')
    add(`${name}: second dot missing`, shape, text.slice(0, 15) + text.slice(16), 'MALFORMED')
    add(`${name}: alphabet of base64`, shape, `${text.slice(0, 20)}+${text.slice(21)}`, 'MALFORMED')
    add(`${name}: header only`, shape, text.slice(0, 16), 'MALFORMED')
    add(`${name}: prefix only`, shape, 'fle1.', 'MALFORMED')
  }
  const foreign = reference.seal(3, active, place, random, frame, random.subarray(0, 16))
  add('suite 03: a salt that is not of the frame', shapeOf(3), foreign, 'DECRYPTION_FAILED')
  for (const [from, to] of [
    [1, 2],
    [1, 3],
    [2, 3],
    [3, 1],
    [3, 2],
    [4, 3],
  ] as const) {
    add(`suite 0${from} in a column of suite 0${to}`, shapeOf(to), sealed(from, frame), 'SUITE_UNSUPPORTED')
  }
  for (const [comment, type, hex, nulls = 'pass'] of frameFaults) {
    const pad = nulls === 'hide' ? 32 : null
    add(`frame: ${comment}`, { type, suite: 1, pad, nulls }, sealed(1, Buffer.from(hex, 'hex')), 'TYPE_MISMATCH')
  }
  return made
}

const json = (text: string) => `0b${Buffer.from(text).toString('hex')}`
const decimal = (text: string) => `08${Buffer.from(text).toString('hex')}`

/** Authentic frames that are not canonical for their column. */
const frameFaults: readonly (readonly [comment: string, type: string, hex: string, nulls?: 'hide'])[] = [
  ['type 00', 'string', '0061'],
  ['type 0d', 'string', '0d61'],
  ['type 7f', 'string', '7f61'],
  ['bytes for a string', 'string', '0261'],
  ['string for bytes', 'bytes', '0161'],
  ['string for json', 'json', '0161'],
  ['integer for a number', 'number', '060000000000000001'],
  ['number for an integer', 'integer', '053ff0000000000000'],
  ['timestamp for an integer', 'integer', '090000000000000001'],
  ['not UTF-8', 'string', '01ff'],
  ['overlong UTF-8', 'string', '01c0af'],
  ['a surrogate in UTF-8', 'string', '01eda080'],
  ['a boolean with a value', 'boolean', '0400'],
  ['a number of 7 bytes', 'number', '0500000000000000'],
  ['a number of 9 bytes', 'number', '05000000000000000000'],
  ['NaN', 'number', '057ff8000000000000'],
  ['infinity', 'number', '057ff0000000000000'],
  ['negative zero', 'number', '058000000000000000'],
  ['an integer of 2^53', 'integer', '060020000000000000'],
  ['an integer of 4 bytes', 'integer', '0600000001'],
  ['a bigint of no bytes', 'bigint', '07'],
  ['a bigint with a redundant 00', 'bigint', '070001'],
  ['a bigint with a redundant ff', 'bigint', '07ff80'],
  ['a decimal of no digits', 'decimal', '08'],
  ['a decimal with an exponent', 'decimal', decimal('1e3')],
  ['a decimal with a plus sign', 'decimal', decimal('+1')],
  ['a decimal with a leading zero', 'decimal', decimal('01')],
  ['a decimal that is negative zero', 'decimal', decimal('-0.0')],
  ['a decimal that ends in a point', 'decimal', decimal('1.')],
  ['a timestamp over 8.64e15', 'timestamp', '09001eb208c2dc0001'],
  ['29 February 1900', 'date', '0a076c021d'],
  ['month 0', 'date', '0a07e80001'],
  ['year 0', 'date', '0a00000101'],
  ['year 10000', 'date', '0a27100101'],
  ['a date of 5 bytes', 'date', '0a07e8010100'],
  ['json that does not parse', 'json', json('{')],
  ['json with white space', 'json', json('{ }')],
  ['json with a name twice', 'json', json('{"a":1,"a":2}')],
  ['json with another number form', 'json', json('1.0')],
  ['json of no text', 'json', '0b'],
  ['json 65 levels deep', 'json', json('['.repeat(65) + ']'.repeat(65))],
  ['null unpadded', 'string', '0c', 'hide'],
  ['null with a value', 'string', '8c0000000161', 'hide'],
  ['null in a column that passes nulls', 'string', '8c0000000000'],
  ['padding that is not zero', 'string', '81000000016101'],
  ['a length beyond the value area', 'string', '810000000261'],
  ['a padded frame without value area', 'string', '8100000000'],
  ['a padded frame of 3 bytes', 'string', '810000'],
]
