import {
  type Column,
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  field,
} from '@coffer/field-encryption'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deep, seed } from './fixtures.js'
import * as reference from './reference.js'

const createdAt = Date.UTC(2026, 0, 1)
const clock = { now: () => createdAt + 1 }
const kekBytes = Buffer.alloc(32, 0x22)
const kek = createLocalKeyEncryptionKey({ id: 'kek', key: kekBytes })
const key: reference.ReferenceKey = { id: 'c0ffee01', version: 7, createdAt, dek: Buffer.from('5a'.repeat(32), 'hex') }
const load = { keyEncryptionKeys: [kek], loadKeys: async () => [reference.recordOf(key, 'kek', kekBytes)], clock }
const keyrings = [
  await createKeyring({ ...load, backend: 'node' }),
  await createKeyring({ ...load, backend: 'noble' }),
  await createKeyring({ ...load, backend: 'webcrypto' }),
]

const text = fc.string({ unit: 'binary', maxLength: 40 })
const values: Record<string, fc.Arbitrary<unknown>> = {
  string: text,
  bytes: fc.uint8Array({ maxLength: 60 }),
  boolean: fc.boolean(),
  number: fc.double({ noNaN: true, noDefaultInfinity: true }),
  integer: fc.maxSafeInteger(),
  bigint: fc.bigInt({ min: -(2n ** 1023n), max: 2n ** 1023n - 1n }),
  decimal: fc
    .tuple(fc.bigInt({ min: 1n, max: 10n ** 20n }), fc.boolean(), fc.stringMatching(/^(\.[0-9]{1,6})?$/))
    .map(([whole, negative, fraction]) => `${negative ? '-' : ''}${whole}${fraction}`),
  timestamp: fc.date({ noInvalidDate: true }),
  date: fc
    .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
    .map((day) => day.toISOString().slice(-24, -14)),
  // A JSON null at the top is SQL NULL; -0 is written as 0.
  json: fc
    .jsonValue({ maxDepth: 4 })
    .filter((value) => value !== null)
    .map((value): unknown => JSON.parse(JSON.stringify(value))),
}
const fixed: Record<string, number> = { boolean: 0, number: 8, integer: 8, timestamp: 8, date: 4 }
const bound = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })

const cases = fc.constantFrom(...Object.keys(values)).chain((type) =>
  fc.record({
    type: fc.constant(type),
    value: values[type] ?? fc.constant(null),
    tenant: fc.option(bound),
    row: fc.option(bound),
    extra: fc.dictionary(fc.constantFrom('version', 'Zone', 'a', '_x'), bound, { maxKeys: 4 }),
    commitment: fc.constantFrom(16 as const, 32 as const),
    deterministic: fc.boolean(),
    hidden: fc.boolean(),
    isNull: fc.boolean(),
    pad: fc.option(fc.constantFrom(1, 7, 16, 64, 'padme' as const)),
    bits: fc.integer({ min: 8, max: 256 }),
    random: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  }),
)

type Generated = typeof cases extends fc.Arbitrary<infer T> ? T : never

/** Padmé as its paper defines it: the low E - S bits of the length are rounded away. */
function padme(length: number): number {
  if (length < 2) return length
  const exponent = 31 - Math.clz32(length)
  const low = exponent - (32 - Math.clz32(exponent))
  const mask = low > 0 ? 2 ** low - 1 : 0
  return (length + mask) & ~mask
}

function plan(item: Generated) {
  const sized = fixed[item.type] === undefined
  const deterministic = item.deterministic && item.type !== 'boolean' && item.type !== 'json' && item.type !== 'decimal'
  const hidden = item.hidden && !deterministic && (!sized || typeof item.pad === 'number')
  const pad = sized ? item.pad : hidden ? Math.max(1, fixed[item.type] ?? 1) : null
  const suite = deterministic ? 3 : item.commitment === 32 ? 2 : 1
  const options = {
    encoding: 'bytes' as const,
    ...(deterministic ? { mode: 'deterministic' as const } : { commitment: item.commitment }),
    ...(hidden ? { nulls: 'hide' as const } : {}),
    ...(sized && item.pad !== null ? { pad: item.pad } : {}),
  }
  const value = hidden && item.isNull ? null : item.value
  return { options, pad, value, suite, hidden } as const
}

function columnOf(type: string, options: object): Column {
  const builder: unknown = Reflect.get(field, type)
  if (typeof builder !== 'function') throw new Error(`no such type: ${type}`)
  return builder(options) as Column
}

test(
  'the three backends write what the plain reference writes, and read it back',
  async () => {
    console.info(`seed ${seed}`)
    let compared = 0
    await fc.assert(
      fc.asyncProperty(cases, async (item) => {
        const { options, pad, value, suite, hidden } = plan(item)
        const type = reference.typed(item.type, value)
        const area =
          pad === null
            ? null
            : pad === 'padme'
              ? padme(Math.max(1, type.value.length))
              : Math.ceil(Math.max(1, type.value.length) / pad) * pad
        const context = { tenant: item.tenant, table: 'things', column: 'value', row: item.row, extra: item.extra }
        const expected = reference.seal(suite, key, context, item.random, reference.frameOf(type, area))
        const indexed = !hidden && item.type !== 'json' && item.type !== 'decimal'
        const part = item.type === 'boolean' ? Buffer.of(type.code) : type.value
        const expectedToken = indexed
          ? reference.token(key, { ...context, column: 'value_eq' }, item.bits, [part])
          : undefined
        const row = {
          ...item.extra,
          ...(item.tenant === null ? {} : { tenant: item.tenant }),
          ...(item.row === null ? {} : { id: item.row }),
          value,
        }
        for (const keyring of keyrings) {
          const cipher = createFieldCipher({ keyring, purposes: { test: {} }, clock, randomBytes: () => item.random })
          const table = cipher.table(
            'things',
            { value: columnOf(item.type, options) },
            {
              bind: {
                tenant: item.tenant === null ? null : 'tenant',
                row: item.row === null ? null : 'id',
                extra: Object.keys(item.extra),
              },
              ...(indexed ? { indexes: { value_eq: { on: ['value'], bits: item.bits } } } : {}),
            },
          )
          const sealed: { readonly value?: unknown; readonly value_eq?: unknown } = await table.encrypt(row as never)
          expect(Buffer.from(sealed.value as Uint8Array).equals(expected)).toBe(true)
          expect(sealed.value_eq).toBe(expectedToken)
          const opened = await table.decrypt({ ...row, value: reference.textOf(expected) } as never, {
            purpose: 'test',
          })
          expect((opened as { value: unknown }).value).toEqual(Object.is(value, -0) ? 0 : value)
        }
        expect(reference.open(key, context, expected)).toEqual(reference.frameOf(type, area))
        compared += 1
      }),
      { seed, numRuns: deep ? 20_000 : 300 },
    )
    console.info(`${compared} cases on ${keyrings.length} backends`)
  },
  deep ? 1_800_000 : 30_000,
)
