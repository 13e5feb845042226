import { type Column, createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deep, seed } from './fixtures.js'

const keyring = await createTestKeyring()
const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
const numRuns = deep ? 100_000 : 150
const timeout = deep ? 900_000 : 20_000

function through(column: Column) {
  const table = cipher.table('values', { value: column }, { bind: { tenant: null, row: null } })
  return (value: unknown): unknown =>
    table.decryptField('value', table.encryptField('value', value as never, {}), {}, { purpose: 'test' })
}

const decimal = fc
  .tuple(fc.bigInt({ min: 1n, max: 10n ** 30n }), fc.boolean(), fc.stringMatching(/^(\.[0-9]{1,9})?$/))
  .map(([whole, negative, fraction]) => `${negative ? '-' : ''}${whole}${fraction}`)
const date = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((day) => day.toISOString().slice(-24, -14))

type Options = Parameters<typeof field.string>[0]
const types: readonly (readonly [string, fc.Arbitrary<unknown>, (options: Options) => Column])[] = [
  ['string', fc.string({ unit: 'binary', maxLength: 300 }), (options) => field.string(options)],
  ['bytes', fc.uint8Array({ maxLength: 300 }), (options) => field.bytes(options)],
  ['boolean', fc.boolean(), () => field.boolean()],
  ['number', fc.double({ noNaN: true, noDefaultInfinity: true }), () => field.number()],
  ['integer', fc.maxSafeInteger(), () => field.integer()],
  ['bigint', fc.bigInt({ min: -(2n ** 1023n), max: 2n ** 1023n - 1n }), (options) => field.bigint(options)],
  ['decimal', decimal, (options) => field.decimal(options)],
  ['timestamp', fc.date({ noInvalidDate: true }), () => field.timestamp()],
  ['date', date, () => field.date()],
  [
    'json',
    fc
      .jsonValue()
      .filter((value) => value !== null)
      .map((value): unknown => JSON.parse(JSON.stringify(value))),
    (options) => field.json(options ?? {}),
  ],
]

test('the seed of this run', () => {
  console.info(`seed ${seed}, ${numRuns} runs a type`)
})

describe('every value comes back as it was', () => {
  test.each(types)(
    '%s',
    (_name, arbitrary, build) => {
      const columns = [{}, { pad: 1 }, { pad: 7 }, { pad: 64 }, { pad: 'padme' as const }, { commitment: 32 as const }]
      const roundTrips = columns.map((options) => through(build(options)))
      fc.assert(
        fc.property(arbitrary, fc.nat({ max: columns.length - 1 }), (value, which) => {
          expect(roundTrips[which]?.(value)).toEqual(Object.is(value, -0) ? 0 : value)
        }),
        { seed, numRuns },
      )
    },
    timeout,
  )
})

test(
  'the size of a padded value depends on its padded length alone',
  () => {
    const sizeOf = (pad: number | 'padme') => {
      const table = cipher.table(
        'values',
        { value: field.bytes({ pad, encoding: 'bytes' }) },
        { bind: { tenant: null, row: null } },
      )
      return (value: Uint8Array) => table.encryptField('value', value, {})?.length ?? 0
    }
    const [fixed, padme] = [sizeOf(32), sizeOf('padme')]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (value) => {
        expect(fixed(value)).toBe(fixed(new Uint8Array(value.length)))
        expect(fixed(value)).toBe(fixed(new Uint8Array(Math.max(1, Math.ceil(value.length / 32)) * 32)))
        expect(padme(value)).toBe(padme(new Uint8Array(value.length)))
      }),
      { seed, numRuns: deep ? 20_000 : 100 },
    )
  },
  timeout,
)

test(
  'tokens match about as many other values as the plan says, and never those of another tenant',
  () => {
    const bits = 10
    const table = cipher.table(
      'people',
      { name: field.integer() },
      { bind: { tenant: 'tenant', row: null }, indexes: { name_eq: { on: ['name'], bits } } },
    )
    const population = deep ? 65_536 : 8_192
    const counts = new Map<unknown, number>()
    for (let name = 0; name < population; name++) {
      const [token] = table.query('name_eq', { tenant: 'a', name })
      counts.set(token, (counts.get(token) ?? 0) + 1)
    }
    // The chance that two random values share a token, measured over all pairs.
    const pairs = [...counts.values()].reduce((sum, count) => sum + (count * (count - 1)) / 2, 0)
    const measured = pairs / ((population * (population - 1)) / 2)
    expect(measured * 2 ** bits).toBeGreaterThan(0.95)
    expect(measured * 2 ** bits).toBeLessThan(1.05)
    expect(table.plan({ name_eq: population })[0]?.expectedMatches).toBe(population / 2 ** bits)

    const wide = cipher.table(
      'people',
      { name: field.integer() },
      { bind: { tenant: 'tenant', row: null }, indexes: { name_eq: { on: ['name'], bits: 128 } } },
    )
    const tokens = new Set<unknown>()
    const names = deep ? 20_000 : 500
    for (let name = 0; name < names; name++) {
      for (const tenant of ['a', 'b', 'c'])
        for (const token of wide.query('name_eq', { tenant, name })) tokens.add(token)
    }
    expect(tokens.size).toBe(names * 3)
  },
  timeout,
)
