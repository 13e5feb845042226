import {
  addDataKey,
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  createSealer,
  type DataKeyRecord,
  field,
  parseCiphertext,
} from '@coffer/field-encryption'
import { describe, expect, test } from 'vitest'
import { fakeClock, kek, refusal, rejection, ringOf, start, twoKeys } from './fixtures.js'

const hour = 3_600_000
const text = new TextEncoder()

function tableOn(keyring: Awaited<ReturnType<typeof ringOf>>) {
  const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
  return cipher.table(
    'cards',
    { pan: field.string() },
    { bind: { tenant: null, row: 'id' }, indexes: { pan_eq: { on: ['pan'], bits: 64 } } },
  )
}

describe('rotation', () => {
  test('the new key encrypts from exactly its activeFrom, and the old one still decrypts', async () => {
    const clock = fakeClock()
    const first = await addDataKey([], { keyEncryptionKey: kek, clock })
    const records = await addDataKey(first, { keyEncryptionKey: kek, clock, activateAfterMs: hour })
    const keyring = await ringOf(records, { clock })
    const table = tableOn(keyring)
    clock.set(start + hour - 1)
    expect(keyring.primaryKeyId).toBe(records[0]?.id)
    const old = table.encrypt({ id: 1, pan: '4' })
    clock.set(start + hour)
    expect(keyring.primaryKeyId).toBe(records[1]?.id)
    expect(table.decrypt(old, { purpose: 'test' }).pan).toBe('4')
    expect(table.query('pan_eq', { pan: '4' })).toEqual([old.pan_eq, table.encrypt({ id: 1, pan: '4' }).pan_eq])
  })

  test('encryption ends at exactly activeUntil and never falls back to an older key', async () => {
    const clock = fakeClock()
    const records = await twoKeys(clock)
    const long = records.map((record) =>
      record.version === 1 ? { ...record, activeUntil: start + 800 * 24 * hour } : record,
    )
    const until = long[1]?.activeUntil ?? 0
    const load = async () => long
    const keyring = await createKeyring({ keyEncryptionKeys: [kek], loadKeys: load, clock })
    const table = tableOn(keyring)
    clock.set(until - 1)
    await keyring.ready()
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBeNull()
    clock.set(until)
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe('KEY_EXPIRED')
    expect(keyring.primaryKeyId).toBeNull()
  })

  test('activateAfterMs is required from the second key on', async () => {
    const records = await addDataKey([], { keyEncryptionKey: kek })
    expect(await rejection(addDataKey(records, { keyEncryptionKey: kek }))).toBe('TypeError')
  })

  test('a cryptoperiod of 731 days is accepted and one of 732 refused', async () => {
    const day = 24 * hour
    expect(await rejection(addDataKey([], { keyEncryptionKey: kek, cryptoperiodMs: 731 * day }))).toBeNull()
    expect(await rejection(addDataKey([], { keyEncryptionKey: kek, cryptoperiodMs: 731 * day + 1 }))).toBe('RangeError')
  })
})

describe('states', () => {
  test.each([
    ['decrypt-only', null, 'KEY_EXPIRED'],
    ['disabled', 'KEY_UNAVAILABLE', 'KEY_EXPIRED'],
    ['destroyed', 'KEY_UNAVAILABLE', 'KEY_EXPIRED'],
  ] as const)('%s', async (state, onDecrypt, onEncrypt) => {
    const [record] = await addDataKey([], { keyEncryptionKey: kek })
    if (record === undefined) return expect.unreachable()
    const stored = tableOn(await ringOf([record])).encrypt({ id: 1, pan: '4' })
    const bare = state === 'destroyed' ? { wrapped: '', check: '' } : {}
    const table = tableOn(await ringOf([{ ...record, ...bare, state }]))
    expect(refusal(() => table.decrypt(stored, { purpose: 'test' }))).toBe(onDecrypt)
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe(onEncrypt)
  })

  test('versions below minDecryptVersion are refused, and unknown keys are told apart', async () => {
    const clock = fakeClock()
    const records = await twoKeys(clock)
    const stored = tableOn(await ringOf(records.slice(0, 1), { clock })).encrypt({ id: 1, pan: '4' })
    const strict = await createKeyring({
      keyEncryptionKeys: [kek],
      loadKeys: async () => records,
      minDecryptVersion: 2,
      clock,
    })
    expect(refusal(() => tableOn(strict).decrypt(stored, { purpose: 'test' }))).toBe('KEY_UNAVAILABLE')
    const without = await ringOf(records.slice(1), { clock })
    expect(refusal(() => tableOn(without).decrypt(stored, { purpose: 'test' }))).toBe('KEY_UNKNOWN')
  })
})

describe('age', () => {
  async function aging() {
    const clock = fakeClock()
    const records = await addDataKey([], { keyEncryptionKey: kek, clock })
    const state = { loads: 0, fail: false, failures: [] as string[] }
    const keyring = await createKeyring({
      keyEncryptionKeys: [kek],
      clock,
      onRefreshFailure: (code) => state.failures.push(code),
      loadKeys: async () => {
        state.loads += 1
        if (state.fail) throw new Error('postgres://user:secret@host')
        return records
      },
    })
    return { clock, state, keyring, table: tableOn(keyring) }
  }

  test('a use past half of maxAgeMs starts one refresh in the background', async () => {
    const { clock, state, keyring, table } = await aging()
    clock.set(start + hour / 2)
    table.encrypt({ id: 1, pan: '4' })
    expect(state.loads).toBe(1)
    clock.set(start + hour / 2 + 1)
    table.encrypt({ id: 1, pan: '4' })
    table.encrypt({ id: 1, pan: '4' })
    await keyring.refresh()
    expect(state.loads).toBe(2)
  })

  test('keys are used at exactly maxAgeMs and refused one millisecond later, until ready() has loaded anew', async () => {
    const { clock, state, keyring, table } = await aging()
    state.fail = true
    clock.set(start + hour)
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBeNull()
    await keyring.refresh().catch(() => {})
    expect(state.failures).toEqual(['COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE'])
    clock.set(start + hour + 1)
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe('KEYRING_UNAVAILABLE')
    expect(await rejection(keyring.ready())).toBe('KEYRING_UNAVAILABLE')
    state.fail = false
    await keyring.ready()
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBeNull()
  })

  test('a failed background refresh is tried again after a sixtieth of maxAgeMs, even if its hook throws', async () => {
    const clock = fakeClock()
    const records = await addDataKey([], { keyEncryptionKey: kek, clock })
    let loads = 0
    const keyring = await createKeyring({
      keyEncryptionKeys: [kek],
      clock,
      onRefreshFailure: () => {
        throw new Error('hook')
      },
      loadKeys: async () => {
        loads += 1
        if (loads > 1) throw new Error('down')
        return records
      },
    })
    const table = tableOn(keyring)
    const useAt = async (at: number) => {
      clock.set(at)
      table.encrypt({ id: 1, pan: '4' })
      await new Promise((resolve) => setImmediate(resolve))
      return loads
    }
    const failedAt = start + hour / 2 + 1
    expect(await useAt(failedAt)).toBe(2)
    expect(await useAt(failedAt + hour / 60 - 1)).toBe(2)
    expect(await useAt(failedAt + hour / 60)).toBe(3)
  })

  test('a clock that is set back makes keys no younger', async () => {
    const { clock, table } = await aging()
    clock.set(start + hour + 1)
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe('KEYRING_UNAVAILABLE')
    clock.set(start)
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe('KEYRING_UNAVAILABLE')
  })

  test('100 concurrent refreshes load once', async () => {
    const { state, keyring } = await aging()
    await Promise.all(Array.from({ length: 100 }, () => keyring.refresh()))
    expect(state.loads).toBe(2)
  })

  test('a closed keyring refuses everything', async () => {
    const { keyring, table } = await aging()
    keyring.close()
    expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe('KEYRING_UNAVAILABLE')
    expect(await rejection(keyring.refresh())).toBe('KEYRING_UNAVAILABLE')
    expect(await rejection(keyring.ready())).toBe('KEYRING_UNAVAILABLE')
  })
})

describe('records', () => {
  const broken: [string, (record: DataKeyRecord) => unknown, string][] = [
    ['an ID of zero', (record) => [{ ...record, id: '00000000' }], 'KEYRING_INVALID'],
    ['an upper-case ID', (record) => [{ ...record, id: 'ABCDEF01' }], 'KEYRING_INVALID'],
    ['version 0', (record) => [{ ...record, version: 0 }], 'KEYRING_INVALID'],
    ['version 256', (record) => [{ ...record, version: 256 }], 'KEYRING_INVALID'],
    ['an unknown state', (record) => [{ ...record, state: 'paused' }], 'KEYRING_INVALID'],
    ['the same key twice', (record) => [record, record], 'KEYRING_INVALID'],
    [
      'a period that ends before it begins',
      (record) => [{ ...record, activeUntil: record.activeFrom }],
      'KEYRING_INVALID',
    ],
    ['no array', (record) => record, 'KEYRING_INVALID'],
    ['an edited creation time', (record) => [{ ...record, createdAt: record.createdAt + 1 }], 'KEY_UNWRAP_FAILED'],
    ['an edited version', (record) => [{ ...record, version: 2 }], 'KEY_UNWRAP_FAILED'],
    ['an unknown KEK', (record) => [{ ...record, keyEncryptionKeyId: 'other' }], 'KEY_UNWRAP_FAILED'],
    ['an edited wrapped key', (record) => [{ ...record, wrapped: `A${record.wrapped.slice(1)}` }], 'KEY_UNWRAP_FAILED'],
  ]
  test.each(broken)('with %s are refused as a whole', async (_, edit, code) => {
    const [record] = await addDataKey([], { keyEncryptionKey: kek })
    if (record === undefined) return expect.unreachable()
    // Whatever a store returns at run time, not what its type promises.
    const loadKeys = async () => edit(record) as DataKeyRecord[]
    expect(await rejection(createKeyring({ keyEncryptionKeys: [kek], loadKeys }))).toBe(code)
  })

  test('of another KEK under the same name do not open', async () => {
    const records = await addDataKey([], { keyEncryptionKey: kek })
    const wrong = createLocalKeyEncryptionKey({ id: kek.id, key: new Uint8Array(32).fill(0x23) })
    expect(await rejection(createKeyring({ keyEncryptionKeys: [wrong], loadKeys: async () => records }))).toBe(
      'KEY_UNWRAP_FAILED',
    )
  })

  test('rewrapped under another KEK open the same data', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const stored = tableOn(keyring).encrypt({ id: 1, pan: '4' })
    const next = createLocalKeyEncryptionKey({ id: 'kek-b', key: new Uint8Array(32).fill(0x24) })
    const rewrapped = await keyring.rewrap(next)
    const moved = await createKeyring({ keyEncryptionKeys: [next], loadKeys: async () => rewrapped })
    expect(tableOn(moved).decrypt(stored, { purpose: 'test' }).pan).toBe('4')
  })
})

test('messages and bytes are counted, and their limits refuse the next message', async () => {
  const records = await addDataKey([], { keyEncryptionKey: kek })
  const load = { keyEncryptionKeys: [kek], loadKeys: async () => records }
  const keyring = await createKeyring({ ...load, limits: { maxMessages: 2 } })
  const table = tableOn(keyring)
  table.encrypt({ id: 1, pan: '4' })
  await keyring.refresh()
  table.encrypt({ id: 1, pan: '4' })
  expect(keyring.keys[0]).toMatchObject({ messages: 2, bytes: 4 })
  expect(refusal(() => table.encrypt({ id: 1, pan: '4' }))).toBe('KEY_EXHAUSTED')
  const small = tableOn(await createKeyring({ ...load, limits: { maxBytes: 3 } }))
  expect(refusal(() => small.encrypt({ id: 1, pan: '44' }))).toBeNull()
  expect(refusal(() => small.encrypt({ id: 1, pan: '4' }))).toBe('KEY_EXHAUSTED')
})

test('no more column keys are kept than the limit, and evicted ones are derived again', async () => {
  const records = await addDataKey([], { keyEncryptionKey: kek })
  const keyring = await createKeyring({
    keyEncryptionKeys: [kek],
    loadKeys: async () => records,
    limits: { maxColumnKeys: 1 },
  })
  const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
  const table = cipher.table('cards', { pan: field.string() }, { bind: { tenant: 'tenant', row: null } })
  const stored = ['a', 'b', 'c'].map((tenant) => table.encrypt({ tenant, pan: tenant }))
  expect(stored.map((row) => table.decrypt(row, { purpose: 'test' }).pan)).toEqual(['a', 'b', 'c'])
})

describe('the sealer', () => {
  test('opens what it sealed, with the same name and associated data only', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const sealer = createSealer({ keyring, name: 'tokens' })
    const sealed = sealer.encrypt(text.encode('secret'), text.encode('user-1'))
    expect(sealer.decrypt(sealed, text.encode('user-1'))).toEqual(text.encode('secret'))
    expect(refusal(() => sealer.decrypt(sealed, text.encode('user-2')))).toBe('DECRYPTION_FAILED')
    const other = createSealer({ keyring, name: 'keys' })
    expect(refusal(() => other.decrypt(sealed, text.encode('user-1')))).toBe('DECRYPTION_FAILED')
    expect(refusal(() => sealer.decrypt(text.encode('plain'), new Uint8Array()))).toBe('NOT_ENCRYPTED')
  })

  test('seals over 64 KiB in chunks, and refuses over 18 000 000 bytes', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const sealer = createSealer({ keyring, name: 'snapshots' })
    const aad = text.encode('key set')
    for (const [length, suite] of [
      [65_535, 2],
      [65_536, 4],
      [300_000, 4],
    ] as const) {
      const plaintext = new Uint8Array(length).fill(7)
      const sealed = sealer.encrypt(plaintext, aad)
      expect(parseCiphertext(sealed).suite).toBe(suite)
      expect(Buffer.compare(sealer.decrypt(sealed, aad), plaintext)).toBe(0)
    }
    expect(refusal(() => sealer.encrypt(new Uint8Array(18_000_000), aad))).toBe('TOO_LARGE')
  })

  test('takes empty plaintext and empty associated data', async () => {
    const keyring = await ringOf(await addDataKey([], { keyEncryptionKey: kek }))
    const sealer = createSealer({ keyring, name: 'tokens' })
    expect(sealer.decrypt(sealer.encrypt(new Uint8Array(), new Uint8Array()), new Uint8Array())).toEqual(
      new Uint8Array(),
    )
  })
})
