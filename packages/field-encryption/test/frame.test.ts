import { type Columns, createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'
import {
  type FieldType,
  type FrameSpec,
  largestFrame,
  paddedLength,
  paddingHidesLength,
  readFrame,
  writeFrame,
} from '../src/frame.js'
import { Scratch } from '../src/scratch.js'
import { refusal } from './fixtures.js'

const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { test: {} } })

function through<C extends Columns>(columns: C) {
  const table = cipher.table('values', columns, { bind: { tenant: null, row: null } })
  const write = (value: unknown) => table.encryptField('value', value as never, {})
  return {
    write,
    roundTrip: (value: unknown): unknown => table.decryptField('value', write(value), {}, { purpose: 'test' }),
    code: (value: unknown) => refusal(() => write(value)),
  }
}

const cases: [string, Columns, unknown[]][] = [
  ['string', { value: field.string() }, ['', 'a', 'é', '\u0000', '\ufeffbom', '𝒳', 'a'.repeat(4096)]],
  [
    'bytes',
    { value: field.bytes() },
    [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(0xf1, 1), new Uint8Array(4096)],
  ],
  ['boolean', { value: field.boolean() }, [true, false]],
  ['number', { value: field.number() }, [0, 1.5, -1e300, 5e-324, Number.MAX_VALUE]],
  ['integer', { value: field.integer() }, [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
  ['bigint', { value: field.bigint() }, [0n, 127n, 128n, -128n, -129n, 255n, 2n ** 1023n - 1n, -(2n ** 1023n)]],
  [
    'decimal',
    { value: field.decimal() },
    ['0', '-12.50', '0.00', '-0.5', '-0.05', '10', '123456789012345678901234567890.1'],
  ],
  ['timestamp', { value: field.timestamp() }, [new Date(0), new Date(8.64e15), new Date(-8.64e15)]],
  [
    'date',
    { value: field.date() },
    ['0001-01-01', '2024-02-29', '2000-02-29', '2023-02-28', '2024-01-31', '2024-04-30', '2024-12-31', '9999-12-31'],
  ],
  ['json', { value: field.json() }, [{}, [], 'x', 1, false, { a: [1, { b: null }] }, { 2: 'two', b: 1, 1: 'one' }]],
]

describe.each(cases)('%s', (_, columns, values) => {
  const { roundTrip } = through(columns)
  test.each(values.map((value, i) => [i, value] as const))('value %i comes back as it was', (_index, value) => {
    expect(roundTrip(value)).toEqual(value)
  })
})

describe('a value that the column cannot hold is refused', () => {
  const invalid: [string, Columns, unknown][] = [
    ['a lone surrogate', { value: field.string() }, '\ud800'],
    ['NaN', { value: field.number() }, Number.NaN],
    ['infinity', { value: field.number() }, Number.POSITIVE_INFINITY],
    ['a fraction', { value: field.integer() }, 1.5],
    ['an unsafe integer', { value: field.integer() }, 2 ** 53],
    ['an invalid date object', { value: field.timestamp() }, new Date(Number.NaN)],
    ['29 February of a common year', { value: field.date() }, '1900-02-29'],
    ['year 0', { value: field.date() }, '0000-01-01'],
    ['month 13', { value: field.date() }, '2024-13-01'],
    ['month 0', { value: field.date() }, '2024-00-01'],
    ['day 0', { value: field.date() }, '2024-01-00'],
    ['32 January', { value: field.date() }, '2024-01-32'],
    ['31 April', { value: field.date() }, '2024-04-31'],
    ['31 June', { value: field.date() }, '2024-06-31'],
    ['31 September', { value: field.date() }, '2024-09-31'],
    ['31 November', { value: field.date() }, '2024-11-31'],
    ['30 February of a leap year', { value: field.date() }, '2024-02-30'],
    ['29 February of a year that is no leap year', { value: field.date() }, '2023-02-29'],
    ['a date after a sign', { value: field.date() }, '+2024-01-01'],
    ['a date with a time', { value: field.date() }, '2024-01-01T00:00'],
    ['an exponent', { value: field.decimal() }, '1e3'],
    ['a plus sign', { value: field.decimal() }, '+1'],
    ['a leading zero', { value: field.decimal() }, '01'],
    ['negative zero', { value: field.decimal() }, '-0.00'],
    ['a bare point', { value: field.decimal() }, '1.'],
    ['a point without a digit before it', { value: field.decimal() }, '.5'],
    ['a decimal after a blank', { value: field.decimal() }, ' 1'],
    ['a decimal before a blank', { value: field.decimal() }, '1 '],
    ['a sign alone', { value: field.decimal() }, '-'],
    ['a fraction at a scale of 0', { value: field.decimal({ scale: 0 }) }, '1.0'],
    ['more fraction digits than the scale', { value: field.decimal({ scale: 2 }) }, '1.000'],
    ['undefined inside json', { value: field.json() }, { a: undefined }],
    ['an array with toJSON', { value: field.json() }, Object.assign([1, 2], { toJSON: () => ['other'] })],
    ['an array with a further member', { value: field.json() }, Object.assign([1], { dropped: true })],
    ['a member under a symbol', { value: field.json() }, { [Symbol('dropped')]: true }],
    ['a hole in a json array', { value: field.json() }, new Array(1)],
    ['a function', { value: field.json() }, () => 1],
    ['a bigint in json', { value: field.json() }, [1n]],
    ['a Date in json', { value: field.json() }, [new Date(0)]],
    ['a Map in json', { value: field.json() }, new Map()],
    ['NaN in json', { value: field.json() }, [Number.NaN]],
    ['json 66 levels deep', { value: field.json() }, nested(66)],
  ]
  test.each(invalid)('%s', (_, columns, value) => {
    expect(through(columns).code(value)).toBe('VALUE_INVALID')
  })
})

describe('a wrong JS type is a TypeError that says which it must be', () => {
  const wrong: [string, Columns, unknown, string][] = [
    ['a number for a string', { value: field.string() }, 1, 'a string'],
    ['a number for a padded string', { value: field.string({ pad: 8 }) }, 1, 'a string'],
    ['bytes for a string', { value: field.string() }, Uint8Array.of(97), 'a string'],
    ['an empty array for a string', { value: field.string() }, [], 'a string'],
    ['a string for bytes', { value: field.bytes() }, 'a', 'a Uint8Array'],
    ['a string for a boolean', { value: field.boolean() }, 'true', 'a boolean'],
    ['a string for a number', { value: field.number() }, '1', 'a number'],
    ['a bigint for an integer', { value: field.integer() }, 1n, 'a number'],
    ['a number for a bigint', { value: field.bigint() }, 1, 'a bigint'],
    ['a number for a decimal', { value: field.decimal() }, 1.5, 'a decimal string'],
    ['a number for a timestamp', { value: field.timestamp() }, 1, 'a Date'],
    ['a Date for a date', { value: field.date() }, new Date(0), 'a YYYY-MM-DD string'],
  ]
  test.each(wrong)('%s', (_, columns, value, expected) => {
    const message = `column "value": the value must be ${expected}`
    expect(() => through(columns).write(value)).toThrow(new TypeError(message))
  })
})

describe('sizes', () => {
  test('maxBytes counts UTF-8 bytes and is inclusive', () => {
    const { code } = through({ value: field.string({ maxBytes: 4 }) })
    expect([code('éé'), code('aaaa')]).toEqual([null, null])
    expect([code('ééa'), code('aaaaa'), code('aaaé')]).toEqual(['TOO_LARGE', 'TOO_LARGE', 'TOO_LARGE'])
  })

  test('a bigint of 128 bytes is accepted and one of 129 refused', () => {
    const { code } = through({ value: field.bigint() })
    expect(code(2n ** 1023n - 1n)).toBeNull()
    expect(code(2n ** 1023n)).toBe('TOO_LARGE')
  })

  test('a decimal of 64 characters is accepted and one of 65 refused, before it is read', () => {
    const { code } = through({ value: field.decimal() })
    expect(code('1'.repeat(64))).toBeNull()
    expect(code('1'.repeat(65))).toBe('TOO_LARGE')
    expect([code('x'.repeat(64)), code('x'.repeat(65))]).toEqual(['VALUE_INVALID', 'TOO_LARGE'])
    const scaled = through({ value: field.decimal({ scale: 2, maxBytes: 5 }) })
    expect([scaled.code('12'), scaled.code('123')]).toEqual([null, 'TOO_LARGE'])
  })

  test('64 levels of json are accepted and 65 refused', () => {
    const { code } = through({ value: field.json() })
    expect(code(nested(64))).toBeNull()
    expect(code(nested(65))).toBe('VALUE_INVALID')
  })

  test('padding hides the length of values up to the pad', () => {
    const { write } = through({ value: field.string({ pad: 16, encoding: 'bytes' }) })
    const lengthOf = (value: string) => write(value)?.length
    expect(new Set(['', 'a', 'a'.repeat(16)].map(lengthOf)).size).toBe(1)
    expect(lengthOf('a'.repeat(17))).toBe((lengthOf('a') ?? 0) + 16)
  })

  test('a hidden null is as long as a value', () => {
    for (const columns of [
      { value: field.string({ nulls: 'hide', pad: 32 }) },
      { value: field.boolean({ nulls: 'hide' }) },
      { value: field.number({ nulls: 'hide' }) },
      { value: field.date({ nulls: 'hide' }) },
    ]) {
      const { write, roundTrip } = through(columns)
      const value = { string: 'x', boolean: true, number: 1, date: '2024-01-01' }[columns.value.type as 'string']
      expect(write(null)?.length).toBe(write(value)?.length)
      expect(roundTrip(null)).toBeNull()
      expect(roundTrip(value)).toBe(value)
    }
  })

  test('Padmé clears as many low bits as the length has beyond its exponent’s own', () => {
    for (let length = 1; length <= 70_000; length += length < 5000 ? 1 : 997) {
      const exponent = 31 - Math.clz32(length)
      const low = length < 2 ? 0 : 2 ** (exponent - (32 - Math.clz32(exponent))) - 1
      expect(paddedLength(length, 'padme')).toBe((length + low) & ~low)
    }
    expect([paddedLength(0, 'padme'), paddedLength(0, 1), paddedLength(0, 16)]).toEqual([1, 1, 16])
  })

  test('the largest frame of a column is that of its longest value, padded as it pads', () => {
    const of = (type: FieldType, maxBytes: number, pad: FrameSpec['pad']) =>
      largestFrame(specOf(type, { maxBytes, pad }))
    expect([of('string', 100, null), of('string', 100, 16), of('string', 100, 'padme')]).toEqual([101, 117, 109])
    expect([of('boolean', 100, null), of('date', 100, null), of('integer', 100, 8)]).toEqual([1, 5, 13])
  })

  test('the length of a value shows where it varies and is not padded', () => {
    const hides = (type: FieldType, pad: FrameSpec['pad']) => paddingHidesLength(specOf(type, { pad }))
    expect([hides('string', null), hides('string', 16), hides('json', 'padme')]).toEqual([false, true, true])
    const fixed: FieldType[] = ['boolean', 'date', 'number', 'integer', 'timestamp']
    expect(fixed.map((type) => hides(type, null))).toEqual(fixed.map(() => true))
  })

  test('Padmé adds at most 12 %', () => {
    const { write } = through({ value: field.string({ pad: 'padme', encoding: 'bytes' }) })
    const overhead = 6 + 16 + 16 + 16 + 5
    for (let length = 1; length <= 600; length++) {
      const area = (write('a'.repeat(length))?.length ?? 0) - overhead
      expect(area).toBeGreaterThanOrEqual(length)
      expect(area).toBeLessThanOrEqual(Math.ceil(length * 1.12))
    }
  })
})

test('-0 is written as 0', () => {
  expect(Object.is(through({ value: field.number() }).roundTrip(-0), 0)).toBe(true)
})

test('scale pads a decimal to its fraction digits', () => {
  const { roundTrip } = through({ value: field.decimal({ scale: 2 }) })
  expect([roundTrip('1'), roundTrip('-1.5'), roundTrip('1.25')]).toEqual(['1.00', '-1.50', '1.25'])
  expect(through({ value: field.decimal({ scale: 0 }) }).roundTrip('12')).toBe('12')
})

test('a __proto__ property stays an own property and changes no prototype', () => {
  const value: unknown = JSON.parse('{"__proto__":{"admin":true}}')
  const opened = through({ value: field.json() }).roundTrip(value)
  expect(Object.getPrototypeOf(opened)).toBe(Object.prototype)
  expect(JSON.stringify(opened)).toBe('{"__proto__":{"admin":true}}')
  expect(Reflect.get({}, 'admin')).toBeUndefined()
})

describe('column options are checked at construction', () => {
  const bad: [string, () => unknown, string][] = [
    ['an unknown option', () => field.string({ length: 3 } as object), 'TypeError'],
    ['maxBytes of NaN', () => field.string({ maxBytes: Number.NaN }), 'TypeError'],
    ['maxBytes of 0', () => field.string({ maxBytes: 0 }), 'RangeError'],
    ['maxBytes over 16 MiB', () => field.string({ maxBytes: 16_777_217 }), 'RangeError'],
    ['pad of 4097', () => field.string({ pad: 4097 }), 'RangeError'],
    ['hidden nulls without a pad', () => field.string({ nulls: 'hide' }), 'TypeError'],
    ['hidden nulls with Padmé', () => field.string({ nulls: 'hide', pad: 'padme' }), 'TypeError'],
    ['a deterministic boolean', () => field.boolean({ mode: 'deterministic' }), 'TypeError'],
    [
      'a deterministic column that hides nulls',
      () => field.integer({ mode: 'deterministic', nulls: 'hide' }),
      'TypeError',
    ],
    [
      'a deterministic column with 32 bytes of commitment',
      () => field.string({ mode: 'deterministic', commitment: 32 }),
      'TypeError',
    ],
    ['a deterministic decimal without scale', () => field.decimal({ mode: 'deterministic' }), 'TypeError'],
    ['a scale of 31', () => field.decimal({ scale: 31 }), 'RangeError'],
    ['a bound name with a slash', () => field.string({ boundAs: 'coffer/sealer' }), 'TypeError'],
  ]
  test.each(bad)('%s', (_, build, name) => {
    expect(refusal(build)).toBe(name)
  })
})

describe('an authentic frame that is not canonical is refused', () => {
  const reading = (type: FieldType, hex: string, more: Partial<FrameSpec> = {}) =>
    refusal(() => readFrame(specOf(type, more), Uint8Array.from(Buffer.from(hex, 'hex'))))
  const u64 = (value: bigint) => BigInt.asUintN(64, value).toString(16).padStart(16, '0')

  test('at the edges of a time', () => {
    const edge = 8_640_000_000_000_000n
    const codes = [edge, edge + 1n, -edge, -edge - 1n].map((time) => reading('timestamp', `09${u64(time)}`))
    expect(codes).toEqual([null, 'TYPE_MISMATCH', null, 'TYPE_MISMATCH'])
  })

  test('at the edges of a safe integer', () => {
    const edge = 2n ** 53n - 1n
    const codes = [edge, edge + 1n, -edge, -edge - 1n].map((value) => reading('integer', `06${u64(value)}`))
    expect(codes).toEqual([null, 'TYPE_MISMATCH', null, 'TYPE_MISMATCH'])
  })

  test('where a byte of a bigint only repeats the sign', () => {
    const codes = ['00', '007f', '0080', 'ff', 'ff80', 'ff7f', '0000', 'ffff', ''].map((hex) =>
      reading('bigint', `07${hex}`),
    )
    const no = 'TYPE_MISMATCH'
    expect(codes).toEqual([null, no, null, null, no, null, no, no, no])
  })

  test('where a date is no day', () => {
    const codes = ['270f0c1f', '27100101', '00000101', '00010101', '07e80d01', '07e80020'].map((hex) =>
      reading('date', `0a${hex}`),
    )
    const no = 'TYPE_MISMATCH'
    expect(codes).toEqual([null, no, no, null, no, no])
  })

  test('where json is deeper than can be written, or spelt otherwise', () => {
    const json = (text: string) => reading('json', `0b${Buffer.from(text).toString('hex')}`)
    const deep = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`
    expect([json(deep(64)), json(deep(65)), json('[1, 2]'), json('{'), json('1e0'), json('[]')]).toEqual([
      null,
      'TYPE_MISMATCH',
      'TYPE_MISMATCH',
      'TYPE_MISMATCH',
      'TYPE_MISMATCH',
      null,
    ])
  })

  test('where a null is not hidden, not padded, or has a value', () => {
    const hidden = { hidesNull: true, pad: 8 }
    expect(reading('string', '8c000000000000000000000000', hidden)).toBeNull()
    expect(reading('string', '8c000000000000000000000000')).toBe('TYPE_MISMATCH')
    expect(reading('string', '0c', hidden)).toBe('TYPE_MISMATCH')
    expect(reading('string', '8c000000010000000000000000', hidden)).toBe('TYPE_MISMATCH')
  })

  test('where a length is not that of the area, or what follows it is not zero', () => {
    const codes = [
      '81000000',
      '8100000000',
      '810000000000',
      '810000000161',
      '810000000261',
      '81ffffffff61',
      '81000000006100',
    ]
    const no = 'TYPE_MISMATCH'
    expect(codes.map((hex) => reading('string', hex))).toEqual([no, no, null, null, no, no, no])
  })

  test('where a boolean has a value, or another type stands in its place', () => {
    expect(['03', '04', '0300', '05', '01'].map((hex) => reading('boolean', hex))).toEqual([
      null,
      null,
      'TYPE_MISMATCH',
      'TYPE_MISMATCH',
      'TYPE_MISMATCH',
    ])
  })
})

test('text that begins like ASCII and goes on otherwise is written in the array that is used again, and nothing is left', () => {
  const frames = new Scratch()
  const frame = writeFrame(specOf('string'), 'aaaé', frames)
  const { buffer } = frame
  expect([...frame]).toEqual([1, 97, 97, 97, 0xc3, 0xa9])
  frames.give(frame)
  const next = frames.take(6)
  expect([next.buffer === buffer, ...next]).toEqual([true, 0, 0, 0, 0, 0, 0])
})

function specOf(type: FieldType, more: Partial<FrameSpec> = {}): FrameSpec {
  return { type, maxBytes: 4096, scale: null, pad: null, hidesNull: false, ...more }
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}
