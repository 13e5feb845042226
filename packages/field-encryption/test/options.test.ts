import {
  addDataKey,
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  createSealer,
  type DataKeyRecord,
  field,
} from '@coffer/field-encryption'
import { createPanTokenizer } from '@coffer/field-encryption/pan'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'
import { fakeClock, kek, refusal, rejection } from './fixtures.js'

/** What is declared wrong is found where it is declared. */
const keyring = await createTestKeyring()
const purposes = { test: {} }
const cipher = createFieldCipher({ keyring, purposes })
const bind = { tenant: 'tenant', row: 'id' } as const
const table = (columns: unknown, options: unknown = { bind }, name: unknown = 't') =>
  cipher.table(name as string, columns as never, options as never)
const index = (given: unknown, columns: unknown = { a: field.string(), n: field.integer() }) =>
  table(columns, { bind, indexes: { i: given } })
const nine = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`c${i}`, field.string()]))

const refused: readonly (readonly [string, 'TypeError' | 'RangeError', () => unknown])[] = [
  ['a KEK of 31 bytes', 'TypeError', () => createLocalKeyEncryptionKey({ id: 'a', key: new Uint8Array(31) })],
  ['a KEK without a name', 'TypeError', () => createLocalKeyEncryptionKey({ id: '', key: new Uint8Array(32) })],
  [
    'a KEK name of 257 characters',
    'TypeError',
    () => createLocalKeyEncryptionKey({ id: 'k'.repeat(257), key: new Uint8Array(32) }),
  ],
  ['an unknown option', 'TypeError', () => createFieldCipher({ keyring, purposes, budget: 1 } as never)],
  ['no purpose', 'TypeError', () => createFieldCipher({ keyring, purposes: {} })],
  ['purposes that are no object', 'TypeError', () => createFieldCipher({ keyring, purposes: null as never })],
  ['a keyring made elsewhere', 'TypeError', () => createFieldCipher({ keyring: { mode: 'sync' } as never, purposes })],
  ['a clock without now()', 'TypeError', () => createFieldCipher({ keyring, purposes, clock: {} as never })],
  ['a hook that is no function', 'TypeError', () => createFieldCipher({ keyring, purposes, onDecrypt: 1 as never })],
  ['a budget of 0 fields', 'RangeError', () => budget({ fields: 0, windowMs: 1 })],
  ['a budget of NaN fields', 'TypeError', () => budget({ fields: Number.NaN, windowMs: 1 })],
  ['a budget without a window', 'TypeError', () => budget({ fields: 1 })],
  ['a table name with a slash', 'TypeError', () => table({ a: field.string() }, { bind }, 'coffer/pan')],
  ['columns that are no object', 'TypeError', () => table(null)],
  ['no columns', 'TypeError', () => table({})],
  ['a column that is no column', 'TypeError', () => table({ a: {} })],
  ['a bound property that is encrypted', 'TypeError', () => table({ id: field.string() })],
  ['a property bound twice', 'TypeError', () => table({ a: field.string() }, { bind: { tenant: 'id', row: 'id' } })],
  ['a tenant left out', 'TypeError', () => table({ a: field.string() }, { bind: { row: 'id' } })],
  ['256 extra properties', 'RangeError', () => table({ a: field.string() }, { bind: { ...bind, extra: many(256) } })],
  ['two columns of one bound name', 'TypeError', () => table({ a: field.string(), b: field.string({ boundAs: 'a' }) })],
  ['an index of 7 bits', 'RangeError', () => index({ on: ['a'], bits: 7 })],
  ['an index of 257 bits', 'RangeError', () => index({ on: ['a'], bits: 257 })],
  ['an index without bits', 'TypeError', () => index({ on: ['a'] })],
  ['an index on nothing', 'TypeError', () => index({ on: [], bits: 64 })],
  ['an index on nine columns', 'TypeError', () => index({ on: Object.keys(nine), bits: 64 }, nine)],
  ['an index on one column twice', 'TypeError', () => index({ on: ['a', 'a'], bits: 64 })],
  ['an index on an unknown column', 'TypeError', () => index({ on: ['b'], bits: 64 })],
  ['an index on json', 'TypeError', () => index({ on: ['a'], bits: 64 }, { a: field.json() })],
  ['an index on hidden nulls', 'TypeError', () => index({ on: ['a'], bits: 64 }, { a: field.date({ nulls: 'hide' }) })],
  ['an index on a decimal without scale', 'TypeError', () => index({ on: ['a'], bits: 64 }, { a: field.decimal() })],
  ['an unknown normalizer', 'TypeError', () => index({ on: ['a'], bits: 64, normalize: { a: 'phone' } })],
  ['a normalizer of a number', 'TypeError', () => index({ on: ['n'], bits: 64, normalize: { n: 'text' } })],
  ['a normalizer of another column', 'TypeError', () => index({ on: ['a'], bits: 64, normalize: { n: 'text' } })],
  [
    'an index named like a column',
    'TypeError',
    () => index({ on: ['a'], bits: 64 }, { a: field.string(), i: field.string() }),
  ],
  [
    'an index named like a bound property',
    'TypeError',
    () => table({ a: field.string() }, { bind, indexes: { id: { on: ['a'], bits: 64 } } }),
  ],
  ['a sealer without a name', 'TypeError', () => createSealer({ keyring, name: '' })],
  ['a population of 0', 'RangeError', () => cipherPlan({ i: 0 })],
  ['a tokenizer without a key', 'TypeError', () => createPanTokenizer({ cipher, name: 'c', keyId: 'x', keep: 'none' })],
]

function budget(given: unknown): unknown {
  return createFieldCipher({ keyring, purposes: { test: { budget: given as never } } })
}

function cipherPlan(populations: Record<string, number>): unknown {
  return cipher.table('t', { a: field.string() }, { bind, indexes: { i: { on: ['a'], bits: 8 } } }).plan(populations)
}

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `extra${i}`)
}

test.each(refused)('%s is a %s', (_, error, work) => {
  expect(refusal(work)).toBe(error)
})

test('what is at the bounds is accepted', () => {
  index({ on: ['a'], bits: 8 })
  index({ on: Object.keys(nine).slice(1), bits: 256 }, nine)
  table({ a: field.string() }, { bind: { ...bind, extra: many(255) } })
})

const load = { keyEncryptionKeys: [kek], loadKeys: async () => [] }
const rings: readonly (readonly [string, string, unknown])[] = [
  ['without a KEK', 'TypeError', { ...load, keyEncryptionKeys: [] }],
  ['with a KEK that cannot unwrap', 'TypeError', { ...load, keyEncryptionKeys: [{ id: 'a', wrap() {} }] }],
  ['with a KEK that is null', 'TypeError', { ...load, keyEncryptionKeys: [null] }],
  ['without loadKeys', 'TypeError', { keyEncryptionKeys: [kek] }],
  ['on an unknown backend', 'TypeError', { ...load, backend: 'openssl' }],
  ['from version 0', 'RangeError', { ...load, minDecryptVersion: 0 }],
  ['of keys younger than a minute', 'RangeError', { ...load, limits: { maxAgeMs: 59_999 } }],
  ['of keys older than a day', 'RangeError', { ...load, limits: { maxAgeMs: 86_400_001 } }],
  ['of more than 2^48 messages', 'RangeError', { ...load, limits: { maxMessages: 2 ** 48 + 1 } }],
  ['with a misspelt limit', 'TypeError', { ...load, limits: { maxAge: 60_000 } }],
  ['with a hook that is no function', 'TypeError', { ...load, onRefreshFailure: true }],
]

test.each(rings)('a keyring %s is a %s', async (_, error, options) => {
  expect(await rejection(createKeyring(options as never))).toBe(error)
})

describe('a ring of 255 keys', () => {
  test('is taken, and the 256th key is a RangeError', async () => {
    const clock = fakeClock()
    let records: readonly DataKeyRecord[] = []
    for (let version = 1; version <= 255; version++) {
      records = await addDataKey(records, { keyEncryptionKey: kek, clock, activateAfterMs: 0 })
    }
    const full = await createKeyring({ ...load, loadKeys: async () => records, clock })
    expect([full.keys.length, full.primaryKeyId]).toEqual([255, records[254]?.id])
    expect(await rejection(addDataKey(records, { keyEncryptionKey: kek, clock, activateAfterMs: 0 }))).toBe(
      'RangeError',
    )
    const one = records[0] as DataKeyRecord
    const more = async () => [...records, { ...one, id: 'ffffffff', version: 256 }]
    expect(await rejection(createKeyring({ ...load, loadKeys: more, clock }))).toBe('KEYRING_INVALID')
  })
})

test('a random source that repeats itself gives no second key ID', async () => {
  const randomBytes = (length: number) => new Uint8Array(length).fill(1)
  const records = await addDataKey([], { keyEncryptionKey: kek, randomBytes })
  const again = addDataKey(records, { keyEncryptionKey: kek, randomBytes, activateAfterMs: 0 })
  expect(await rejection(again)).toBe('TypeError')
  const zeros = addDataKey([], { keyEncryptionKey: kek, randomBytes: (length) => new Uint8Array(length) })
  expect(await rejection(zeros)).toBe('TypeError')
})

test('budgets are kept for 10 000 actors, the least recently used out first', () => {
  const clock = fakeClock()
  const limited = createFieldCipher({
    keyring,
    clock,
    purposes: { few: { budget: { fields: 1, windowMs: 3_600_000 } } },
  }).table('t', { a: field.string() }, { bind: { tenant: null, row: null } })
  const stored = limited.encrypt({ a: 'x' })
  const asking = (actor: string) => refusal(() => limited.decrypt(stored, { purpose: 'few', actor }))
  expect([asking('first'), asking('first')]).toEqual([null, 'BUDGET_EXCEEDED'])
  for (let i = 1; i < 10_000; i++) asking(`actor ${i}`)
  expect(asking('first')).toBe('BUDGET_EXCEEDED')
  for (let i = 1; i <= 10_000; i++) asking(`other ${i}`)
  expect(asking('first')).toBeNull()
})
