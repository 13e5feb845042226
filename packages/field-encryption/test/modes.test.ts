import {
  addDataKey,
  createFieldCipher,
  createKeyring,
  createSealer,
  type DecryptEvent,
  field,
} from '@coffer/field-encryption'
import { describe, expect, test } from 'vitest'
import { fakeClock, kek, refusal, rejection, ringOf, start, twoKeys } from './fixtures.js'

const bind = { tenant: 'tenant', row: 'id' } as const
const purpose = { purpose: 'test' } as const
const day = 86_400_000
const row = { tenant: 'acme', id: 1 }

describe('a deterministic column', () => {
  const columns = { email: field.string({ mode: 'deterministic' }) }
  const tableOn = (keyring: Awaited<ReturnType<typeof ringOf>>) =>
    createFieldCipher({ keyring, purposes: { test: {} } }).table('people', columns, { bind })

  test('gives equal ciphertexts within a tenant, whatever the row, and different ones across tenants', async () => {
    const table = tableOn(await ringOf(await addDataKey([], { keyEncryptionKey: kek })))
    const a = table.encrypt({ ...row, email: 'a@b.c' }).email
    expect(table.encrypt({ ...row, id: 2, email: 'a@b.c' }).email).toBe(a)
    expect(table.encrypt({ ...row, tenant: 'globex', email: 'a@b.c' }).email).not.toBe(a)
    expect(table.encrypt({ ...row, email: 'b@b.c' }).email).not.toBe(a)
  })

  test('is searched under every key that may still decrypt', async () => {
    const clock = fakeClock()
    const records = await twoKeys(clock)
    const old = tableOn(await ringOf(records.slice(0, 1), { clock })).encrypt({ ...row, email: 'a@b.c' }).email
    const table = tableOn(await ringOf(records, { clock }))
    const current = table.encrypt({ ...row, email: 'a@b.c' }).email
    expect(table.query('email', { tenant: 'acme', email: 'a@b.c' })).toEqual([old, current])
    expect(table.query('email', { tenant: 'acme', email: null })).toEqual([])
  })

  test('does not read randomized ciphertexts, nor a randomized column deterministic ones', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
    const randomized = cipher.table('people', { email: field.string() }, { bind })
    const deterministic = cipher.table('people', columns, { bind })
    const code = (read: typeof randomized, write: typeof randomized) =>
      refusal(() => read.decrypt(write.encrypt({ ...row, email: 'a' }), purpose))
    expect(code(deterministic, randomized)).toBe('SUITE_UNSUPPORTED')
    expect(code(randomized, deterministic)).toBe('SUITE_UNSUPPORTED')
  })

  test('that could exceed one message is a RangeError at construction', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
    const build = (maxBytes: number) => () =>
      cipher.table('people', { email: field.string({ mode: 'deterministic', maxBytes }) }, { bind })
    expect(refusal(build(65_535))).toBeNull()
    expect(refusal(build(65_536))).toBe('RangeError')
  })
})

describe('a migrating column', () => {
  async function migrating(until: number) {
    const clock = fakeClock()
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek, clock }), { clock })
    const cipher = createFieldCipher({ keyring, purposes: { test: {} }, clock })
    const columns = {
      email: field.string({ maxBytes: 10, migrating: { until } }),
      amount: field.decimal({ scale: 2, migrating: { until } }),
    }
    return { clock, keyring, table: cipher.table('people', columns, { bind }) }
  }

  test('reads plaintext, and counts it, until exactly its end', async () => {
    const { clock, keyring, table } = await migrating(start + day)
    expect(table.decrypt({ ...row, email: 'a@b.c', amount: '1.5' }, purpose)).toEqual({
      ...row,
      email: 'a@b.c',
      amount: '1.50',
    })
    expect(table.stats().plaintextRead).toEqual({ email: 1, amount: 1 })
    clock.set(start + day - 1)
    await keyring.ready()
    expect(refusal(() => table.decrypt({ ...row, email: 'a@b.c' }, purpose))).toBeNull()
    clock.set(start + day)
    expect(refusal(() => table.decrypt({ ...row, email: 'a@b.c' }, purpose))).toBe('NOT_ENCRYPTED')
  })

  test('refuses plaintext that the column could not hold', async () => {
    const { table } = await migrating(start + day)
    expect(refusal(() => table.decrypt({ ...row, email: 'a'.repeat(11) }, purpose))).toBe('NOT_ENCRYPTED')
    expect(refusal(() => table.decrypt({ ...row, amount: 'abc' }, purpose))).toBe('NOT_ENCRYPTED')
  })

  test('takes whatever begins like a ciphertext for one', async () => {
    const { table } = await migrating(start + day)
    expect(refusal(() => table.decrypt({ ...row, email: 'fle1.x' }, purpose))).toBe('MALFORMED')
    const stored = table.encrypt({ ...row, email: 'a@b.c' })
    expect(refusal(() => table.decrypt({ ...stored, id: 2 }, purpose))).toBe('DECRYPTION_FAILED')
  })

  test('ends at most 180 days after construction', async () => {
    expect(await rejection(migrating(start + 180 * day))).toBeNull()
    expect(await rejection(migrating(start + 180 * day + 1))).toBe('RangeError')
  })
})

test('a column renamed with boundAs opens what was written under its old name', async () => {
  const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
  const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
  const before = cipher.table('people', { mail: field.string() }, { bind })
  const after = cipher.table('people', { email: field.string({ boundAs: 'mail' }) }, { bind })
  const { mail } = before.encrypt({ ...row, mail: 'a@b.c' })
  expect(after.decrypt({ ...row, email: mail }, purpose).email).toBe('a@b.c')
})

describe('the plan of a table', () => {
  const planned = async (versions: 1 | 2, population: number) => {
    const clock = fakeClock()
    const keyring = await ringOf((await twoKeys(clock)).slice(0, versions), { clock })
    const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
    const columns = { pan: field.string(), email: field.string({ mode: 'deterministic', pad: 64 }) }
    return cipher
      .table('cards', columns, { bind: { tenant: null, row: 'id' }, indexes: { pan_eq: { on: ['pan'], bits: 16 } } })
      .plan({ pan_eq: population, email: 8 })
  }

  test('tells expected matches and collisions from bits and population', async () => {
    const [index, column] = await planned(1, 65_536 * 4)
    expect(index).toMatchObject({
      name: 'pan_eq',
      kind: 'index',
      bits: 16,
      expectedMatches: 4,
      collisionProbability: 1,
    })
    expect(index?.warnings).toEqual(['length-visible', 'nulls-visible', 'tenant-not-bound'])
    expect(column).toMatchObject({ name: 'email', kind: 'deterministic', bits: 128, population: 8 })
    expect(column?.warnings).toEqual([
      'deterministic-equality',
      'population-too-small',
      'nulls-visible',
      'tenant-not-bound',
    ])
  })

  test.each([
    [131_072, 'bits-identify-the-value'],
    [131_073, null],
    [2 ** 32 - 1, null],
    [2 ** 32, 'bits-too-few'],
    [15, 'population-too-small'],
    [16, 'bits-identify-the-value'],
  ])('for %i distinct values at 16 bits warns of %s', async (population, warning) => {
    const [index] = await planned(1, population)
    const ofBits = index?.warnings.filter((name) => name.startsWith('bits') || name.startsWith('population')) ?? []
    expect(ofBits.at(-1) ?? null).toBe(warning)
  })

  test('of a name that is not searchable is a TypeError', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
    const table = cipher.table('cards', { pan: field.string() }, { bind })
    expect(refusal(() => table.plan({ pan: 5 } as object))).toBe('TypeError')
  })
})

describe('on the WebCrypto backend', () => {
  async function asynchronous(options: { onDecrypt?: (event: DecryptEvent) => void | Promise<void> } = {}) {
    const records = await addDataKey([], { keyEncryptionKey: kek })
    const keyring = await createKeyring({
      keyEncryptionKeys: [kek],
      loadKeys: async () => records,
      backend: 'webcrypto',
    })
    const cipher = createFieldCipher({
      keyring,
      purposes: { test: {}, few: { budget: { fields: 2, windowMs: day } } },
      ...options,
    })
    const columns = { pan: field.string(), amount: field.decimal() }
    return {
      keyring,
      records,
      table: cipher.table('cards', columns, { bind, indexes: { pan_eq: { on: ['pan'], bits: 64 } } }),
    }
  }
  const card = { ...row, pan: '4111', amount: '1' }

  test('every refusal is a rejection, misuse too', async () => {
    const { table } = await asynchronous()
    expect(await rejection(table.encrypt({ ...card, id: '' }))).toBe('TypeError')
    expect(await rejection(table.decrypt({ ...card }, purpose))).toBe('NOT_ENCRYPTED')
    expect(await rejection(table.query('pan_eq' as 'pan_eq', { tenant: '', pan: '4' }))).toBe('TypeError')
  })

  test('batches keep order, collect failures, and are opened by the synchronous backends', async () => {
    const { table, records } = await asynchronous()
    const stored = await table.encryptMany([card, { ...card, id: 2 }, { ...card, id: 3 }])
    const moved = stored.map((item, i) => (i === 1 ? { ...item, id: 9 } : item))
    const results = await table.decryptMany(moved, { ...purpose, onRowFailure: 'collect' })
    expect(results.map((result) => ('row' in result ? result.row.id : result.error.rowIndex))).toEqual([1, 1, 3])
    expect(await rejection(table.decryptMany(moved, purpose))).toBe('DECRYPTION_FAILED')
    const cipher = createFieldCipher({ keyring: await ringOf(records), purposes: { test: {} } })
    const same = cipher.table('cards', { pan: field.string(), amount: field.decimal() }, { bind })
    expect(same.decryptMany(stored, purpose).map(({ pan }) => pan)).toEqual(['4111', '4111', '4111'])
  })

  test('the hook is awaited, and its rejection releases nothing', async () => {
    const told: string[] = []
    const { table } = await asynchronous({
      onDecrypt: async (event) => {
        await Promise.resolve()
        told.push(event.outcome)
        if (event.purpose === 'few') throw new Error('sink down')
      },
    })
    const stored = await table.encrypt(card)
    await table.decrypt(stored, purpose)
    expect(told).toEqual(['success'])
    expect(await rejection(table.decrypt(stored, { purpose: 'few' }))).toBe('AUDIT_FAILED')
    expect(await rejection(table.decrypt(stored, { purpose: 'few' }))).toBe('AUDIT_FAILED')
    expect(told).toEqual(['success', 'success', 'failure'])
  })

  test('a refresh during a batch leaves the batch on the ring it began with', async () => {
    const { keyring, table } = await asynchronous()
    const rows = Array.from({ length: 20 }, (_, id) => ({ ...card, id }))
    const batch = table.encryptMany(rows)
    await keyring.refresh()
    expect(await table.decryptMany(await batch, purpose)).toHaveLength(20)
  })

  test('a sealer gives promises and the same bytes open on node', async () => {
    const { keyring, records } = await asynchronous()
    const sealed = await createSealer({ keyring, name: 'keys' }).encrypt(Uint8Array.of(1, 2, 3), Uint8Array.of(4))
    const sync = createSealer({ keyring: await ringOf(records), name: 'keys' })
    expect(sync.decrypt(sealed, Uint8Array.of(4))).toEqual(Uint8Array.of(1, 2, 3))
  })
})
