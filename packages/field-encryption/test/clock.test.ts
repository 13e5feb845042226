import { addDataKey, createFieldCipher, createKeyring, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'
import { fakeClock, kek, refusal, rejection, ringOf, start, twoKeys } from './fixtures.js'

const noTimes = [Number.NaN, Number.POSITIVE_INFINITY, undefined as never, '1' as never]

describe.each(noTimes)('a clock that begins to give %s', (noTime) => {
  test('ends what a keyring may do, instead of keeping its keys for good', async () => {
    const clock = fakeClock()
    const records = await twoKeys(clock)
    const keyring = await ringOf(records, { clock })
    const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
    const table = cipher.table('t', { a: field.string() }, { bind: { tenant: null, row: null } })
    const stored = table.encrypt({ a: 'x' })
    clock.set(noTime)
    expect(refusal(() => table.encrypt({ a: 'x' }))).toBe('TypeError')
    expect(refusal(() => table.decrypt(stored, { purpose: 'test' }))).toBe('TypeError')
    expect(await rejection(keyring.ready())).toBe('TypeError')
    clock.set(start)
    expect(table.decrypt(stored, { purpose: 'test' })).toEqual({ a: 'x' })
  })

  test('refills no budget, now or later', async () => {
    const clock = fakeClock()
    const purposes = { few: { budget: { fields: 1, windowMs: 1000 } } }
    const cipher = createFieldCipher({ keyring: await createTestKeyring(), clock, purposes })
    const table = cipher.table('t', { a: field.string() }, { bind: { tenant: null, row: null } })
    const stored = table.encrypt({ a: 'x' })
    const open = () => refusal(() => table.decrypt(stored, { purpose: 'few' }))
    expect([open(), open()]).toEqual([null, 'BUDGET_EXCEEDED'])
    clock.set(noTime)
    expect(open()).toBe('TypeError')
    clock.set(start + 999)
    expect(open()).toBe('BUDGET_EXCEEDED')
    clock.set(start + 1000)
    expect(open()).toBeNull()
  })

  test('reads no plaintext of a migrating column', async () => {
    const clock = fakeClock()
    const cipher = createFieldCipher({ keyring: await createTestKeyring(), clock, purposes: { test: {} } })
    const columns = { a: field.string({ migrating: { until: start + 1 } }) }
    const table = cipher.table('t', columns, { bind: { tenant: null, row: null } })
    const read = () => refusal(() => table.decrypt({ a: 'plain' }, { purpose: 'test' }))
    expect(read()).toBeNull()
    clock.set(noTime)
    expect(read()).toBe('TypeError')
  })

  test('makes no key and no keyring', async () => {
    const clock = { now: () => noTime }
    expect(await rejection(addDataKey([], { keyEncryptionKey: kek, clock }))).toBe('TypeError')
    const keyring = createKeyring({ keyEncryptionKeys: [kek], loadKeys: async () => [], clock })
    expect(await rejection(keyring)).toBe('TypeError')
  })
})
