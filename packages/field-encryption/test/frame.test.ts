import { type Columns, createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'
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
  ['decimal', { value: field.decimal() }, ['0', '-12.50', '0.00', '123456789012345678901234567890.1']],
  ['timestamp', { value: field.timestamp() }, [new Date(0), new Date(8.64e15), new Date(-8.64e15)]],
  ['date', { value: field.date() }, ['0001-01-01', '2024-02-29', '2000-02-29', '9999-12-31']],
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
    ['a date with a time', { value: field.date() }, '2024-01-01T00:00'],
    ['an exponent', { value: field.decimal() }, '1e3'],
    ['a plus sign', { value: field.decimal() }, '+1'],
    ['a leading zero', { value: field.decimal() }, '01'],
    ['negative zero', { value: field.decimal() }, '-0.00'],
    ['a bare point', { value: field.decimal() }, '1.'],
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

describe('a wrong JS type is a TypeError', () => {
  const wrong: [string, Columns, unknown][] = [
    ['a number for a string', { value: field.string() }, 1],
    ['a string for bytes', { value: field.bytes() }, 'a'],
    ['a string for a boolean', { value: field.boolean() }, 'true'],
    ['a string for a number', { value: field.number() }, '1'],
    ['a bigint for an integer', { value: field.integer() }, 1n],
    ['a number for a bigint', { value: field.bigint() }, 1],
    ['a number for a decimal', { value: field.decimal() }, 1.5],
    ['a number for a timestamp', { value: field.timestamp() }, 1],
    ['a Date for a date', { value: field.date() }, new Date(0)],
  ]
  test.each(wrong)('%s', (_, columns, value) => {
    expect(through(columns).code(value)).toBe('TypeError')
  })
})

describe('sizes', () => {
  test('maxBytes counts UTF-8 bytes and is inclusive', () => {
    const { code } = through({ value: field.string({ maxBytes: 4 }) })
    expect(code('éé')).toBeNull()
    expect(code('ééa')).toBe('TOO_LARGE')
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

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}
