import { createFieldCipher, createSealer, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'
import { fakeClock, ringOf, start, twoKeys } from './fixtures.js'

/** Buffers are used again from call to call: no call may see, or change, what another one has put there. */
const bind = { tenant: 'tenant', row: 'id' } as const
const context = { tenant: 'acme', id: '7' }
const purpose = { purpose: 'test' } as const

describe.each(['text', 'bytes'] as const)('a callback that encrypts in the same column (%s)', (encoding) => {
  test('changes nothing of the value being encrypted, from the random source or from the clock', async () => {
    const inner: unknown[] = []
    let depth = 0
    const again = () => {
      if (depth > 0) return
      depth += 1
      inner.push(table.encryptField('note', 'from the callback', context))
      depth -= 1
    }
    const keyring = await createTestKeyring()
    const randomBytes = (length: number) => {
      again()
      return crypto.getRandomValues(new Uint8Array(length))
    }
    const cipher = createFieldCipher({ keyring, purposes: { test: {} }, randomBytes })
    const table = cipher.table('people', { note: field.string({ encoding }) }, { bind })
    const stored = ['first', 'second, longer'].map((value) => table.encryptField('note', value, context))
    expect(stored.map((value) => table.decryptField('note', value, context, purpose))).toEqual([
      'first',
      'second, longer',
    ])
    expect(inner.map((value) => table.decryptField('note', value as string, context, purpose))).toEqual([
      'from the callback',
      'from the callback',
    ])
  })

  test('reads its own value while another one is being encrypted', async () => {
    const clock = fakeClock()
    const ticking = { now: () => start }
    const keyring = await ringOf(await twoKeys(clock), { clock: { now: () => ticking.now() } })
    const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
    const table = cipher.table('people', { note: field.string({ encoding }) }, { bind })
    const other = table.encryptField('note', 'other', context)
    const seen: unknown[] = []
    ticking.now = () => {
      ticking.now = () => start
      seen.push(table.decryptField('note', other, context, purpose))
      return start
    }
    const stored = table.encryptField('note', 'mine', context)
    expect([seen, table.decryptField('note', stored, context, purpose)]).toEqual([['other'], 'mine'])
  })
})

test('a refused value leaves nothing of itself in the next one', async () => {
  const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { test: {} } })
  const table = cipher.table(
    'people',
    { note: field.string({ maxBytes: 40 }), pad: field.string({ pad: 64 }) },
    { bind },
  )
  for (let i = 0; i < 3; i++) {
    expect(() => table.encryptField('note', 'é'.repeat(21), context)).toThrow()
    expect(() => table.encryptField('note', '\ud800', context)).toThrow()
    const stored = table.encryptField('pad', 'short', context)
    expect(table.decryptField('pad', stored, context, purpose)).toBe('short')
    expect(() => table.decryptField('pad', stored, { ...context, id: '8' }, purpose)).toThrow()
    const mixed = table.encryptField('note', 'héllo', context)
    expect(table.decryptField('note', mixed, context, purpose)).toBe('héllo')
  }
})

test('returned bytes are no view of a shared buffer', async () => {
  const keyring = await createTestKeyring()
  const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
  const table = cipher.table('people', { photo: field.bytes({ encoding: 'bytes' }) }, { bind })
  const sealer = createSealer({ keyring, name: 'test' })
  const stored = table.encryptField('photo', Uint8Array.of(1, 2, 3), context)
  const opened = table.decryptField('photo', stored, context, purpose)
  const sealed = sealer.encrypt(Uint8Array.of(4), Uint8Array.of(5))
  const found = [stored, opened, sealed, sealer.decrypt(sealed, Uint8Array.of(5))]
  expect(found.map((bytes) => bytes?.buffer.byteLength)).toEqual(found.map((bytes) => bytes?.length))
})

test('600 values at once on the async backend, more than a pool of random bytes holds, have 600 salts and come back', async () => {
  const cipher = createFieldCipher({
    keyring: await createTestKeyring({ backend: 'webcrypto' }),
    purposes: { test: {} },
  })
  const table = cipher.table('people', { note: field.string() }, { bind })
  const values = Array.from({ length: 600 }, (_, i) => `value ${i}`)
  const stored = await Promise.all(values.map((value) => table.encryptField('note', value, context)))
  expect(new Set(stored.map((value) => String(value).slice(16, 37))).size).toBe(600)
  const opened = await Promise.all(stored.map((value) => table.decryptField('note', value, context, purpose)))
  expect(opened).toEqual(values)
}, 60_000)
