import {
  addDataKey,
  createFieldCipher,
  createKeyring,
  createSealer,
  type DecryptEvent,
  field,
} from '@coffer/field-encryption'
import { createPanTokenizer } from '@coffer/field-encryption/pan'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fakeClock, kek, refusal, rejection, ringOf } from './fixtures.js'

const bind = { tenant: null, row: 'id' } as const
const purpose = { purpose: 'test' } as const
const canary = 'CANARY-4111'
const records = await addDataKey([], { keyEncryptionKey: kek, clock: fakeClock() })
const open = (options: Parameters<typeof ringOf>[1] = {}) => ringOf(records, { clock: fakeClock(), ...options })

afterEach(() => {
  vi.restoreAllMocks()
})

describe('after close()', () => {
  async function closed() {
    const keyring = await open()
    const events: DecryptEvent[] = []
    const cipher = createFieldCipher({
      keyring,
      clock: fakeClock(),
      onDecrypt: (event) => events.push(event),
      purposes: { test: {}, few: { budget: { fields: 1, windowMs: 1000 } } },
    })
    const table = cipher.table('t', { a: field.string() }, { bind })
    const stored = table.encrypt({ id: 1, a: 'x' })
    keyring.close()
    return { table, stored, events, keyring }
  }

  test('the hook is told of every decrypt that the keyring refuses', async () => {
    const { table, stored, events } = await closed()
    const asked = [
      () => table.decrypt(stored, purpose),
      () => table.decryptMany([stored], purpose),
      () => table.decryptMany([stored], { ...purpose, onRowFailure: 'collect' }),
      () => table.decryptField('a', stored.a, { id: 1 }, purpose),
    ]
    expect(asked.map(refusal)).toEqual(asked.map(() => 'KEYRING_UNAVAILABLE'))
    expect(events).toHaveLength(4)
    for (const event of events) {
      expect(event).toMatchObject({ outcome: 'failure', code: 'COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE' })
    }
  })

  test('an unknown purpose is a TypeError, and a spent budget BUDGET_EXCEEDED, as on an open keyring', async () => {
    const { table, stored } = await closed()
    expect(refusal(() => table.decrypt(stored, { purpose: 'audit' as 'test' }))).toBe('TypeError')
    expect(refusal(() => table.decrypt(stored, { purpose: 'few' }))).toBe('KEYRING_UNAVAILABLE')
    expect(refusal(() => table.decrypt(stored, { purpose: 'few' }))).toBe('BUDGET_EXCEEDED')
  })
})

describe.each(['node', 'noble'] as const)('close() in a callback of a call, on %s', (backend) => {
  const columns = { a: field.string(), b: field.string() }

  test('from a property of the row: nothing is written under keys of zero', async () => {
    const keyring = await open({ backend })
    const table = createFieldCipher({ keyring, purposes: { test: {} } }).table('t', columns, { bind })
    let reads = 0
    const row = {
      id: 1,
      a: 'x',
      get b() {
        reads += 1
        if (reads === 1) table.encrypt({ id: 1, a: 'x', b: 'y' })
        keyring.close()
        return canary
      },
    }
    expect(refusal(() => table.encrypt(row))).toBe('KEYRING_UNAVAILABLE')
  })

  test('from the random source', async () => {
    const keyring = await open({ backend })
    const randomBytes = (length: number) => {
      keyring.close()
      return new Uint8Array(length)
    }
    const cipher = createFieldCipher({ keyring, randomBytes, purposes: { test: {} } })
    const table = cipher.table('t', columns, { bind })
    expect(refusal(() => table.encrypt({ id: 1, a: 'x' }))).toBe('KEYRING_UNAVAILABLE')
  })
})

describe('plaintext that was opened in vain', () => {
  /** The buffers that AES gave back. */
  async function watched() {
    const crypto = process.getBuiltinModule('node:crypto')
    const seen: Uint8Array[] = []
    const original = crypto.createDecipheriv.bind(crypto)
    vi.spyOn(crypto, 'createDecipheriv').mockImplementation(((...args: Parameters<typeof original>) => {
      const decipher = original(...args)
      const update = decipher.update.bind(decipher)
      decipher.update = ((data: Uint8Array) => {
        const opened = update(data)
        seen.push(opened)
        return opened
      }) as typeof decipher.update
      return decipher
    }) as typeof crypto.createDecipheriv)
    return seen
  }

  test('is zeroed when it is not of the type of the column', async () => {
    const cipher = createFieldCipher({ keyring: await open({ backend: 'node' }), purposes: { test: {} } })
    const text = cipher.table('t', { a: field.string() }, { bind })
    const number = cipher.table('t', { a: field.number() }, { bind })
    const { a } = text.encrypt({ id: 1, a: canary })
    const seen = await watched()
    expect(refusal(() => number.decrypt({ id: 1, a }, purpose))).toBe('TYPE_MISMATCH')
    expect(seen).toHaveLength(1)
    expect(seen.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true)
  })
})

test('on WebCrypto a refused row leaves no other rejection behind', async () => {
  const keyring = await createKeyring({
    keyEncryptionKeys: [kek],
    loadKeys: async () => records,
    clock: fakeClock(),
    backend: 'webcrypto',
  })
  const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
  const columns = { name: field.string({ maxBytes: 8 }), dob: field.date() }
  const table = cipher.table('t', columns, { bind, indexes: { both: { on: ['name', 'dob'], bits: 32 } } })
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  const long = 'far too long for it'
  // Read by the index, by the copy of the row, and then as a column, when the name is under way.
  let reads = 0
  const abrupt = {
    id: 1,
    name: long,
    get dob(): string {
      reads += 1
      if (reads > 2) throw new RangeError('a property of the row')
      return '2000-01-01'
    },
  }
  expect(await rejection(table.encrypt({ id: 1, name: long }))).toBe('TypeError')
  expect(await rejection(table.encrypt(abrupt))).toBe('RangeError')
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

test('an empty string, a number and an object are no actor of detokenize, as they are none of decrypt', async () => {
  const events: DecryptEvent[] = []
  const keyring = await open()
  const actors = ['', 42, { id: 1 }]
  const cipher = createFieldCipher({
    keyring,
    purposes: { test: {} },
    onDecrypt: (event) => events.push(event),
  })
  const keyId = records[0]?.id ?? ''
  const pans = createPanTokenizer({ cipher, name: 'cards', keyId, keep: 'none' })
  const token = pans.tokenize('4111111111111111', { tenant: null })
  const ask = (actor: unknown) => () =>
    pans.detokenize(token, { tenant: null }, { purpose: 'test', actor: actor as string })
  expect(actors.map((actor) => refusal(ask(actor)))).toEqual(actors.map(() => 'TypeError'))
  expect(events).toEqual([])
  expect(ask('eve')()).toBe('4111111111111111')
})

describe('a declaration is refused', () => {
  test.each([
    ['extra that is no array', { a: field.string() }, { bind: { ...bind, extra: 'ver' } }],
    ['a column named __proto__', Object.fromEntries([['__proto__', field.json()]]), { bind }],
    [
      'a column named __proto__ and bound under another name',
      Object.fromEntries([['__proto__', field.json({ boundAs: 'a' })]]),
      { bind },
    ],
    [
      'an index named __proto__',
      { a: field.string() },
      { bind, indexes: Object.fromEntries([['__proto__', { on: ['a'], bits: 64 }]]) },
    ],
  ])('%s', async (_, columns, options) => {
    const cipher = createFieldCipher({ keyring: await open(), purposes: { test: {} } })
    expect(refusal(() => cipher.table('t', columns, options as never))).toBe('TypeError')
  })
})

test('a bound bigint has at most 1024 characters, like a bound string', async () => {
  const cipher = createFieldCipher({ keyring: await open(), purposes: { test: {} } })
  const table = cipher.table('t', { a: field.string() }, { bind })
  const encrypting = (id: bigint) => refusal(() => table.encrypt({ id, a: 'x' }))
  expect([encrypting(10n ** 1023n), encrypting(-(10n ** 1022n))]).toEqual([null, null])
  expect(() => table.encrypt({ id: 10n ** 1024n, a: 'x' })).toThrow(/"id" must have/)
  expect([encrypting(10n ** 1024n), encrypting(-(10n ** 1023n))]).toEqual(['TypeError', 'TypeError'])
})

test('a text too long for its suite is TOO_LARGE without being decoded', async () => {
  const cipher = createFieldCipher({ keyring: await open(), purposes: { test: {} } })
  const table = cipher.table('t', { a: field.string() }, { bind })
  const id = records[0]?.id ?? ''
  // Characters of another alphabet: decoding them would say MALFORMED.
  const reading = (suite: string, length: number) =>
    refusal(() => table.decrypt({ id: 1, a: `fle1.${suite}${id}.${'*'.repeat(length)}` }, purpose))
  const largest = Math.ceil(((16 + 32 + 65_536 + 16) * 4) / 3)
  for (const suite of ['01', '02', '03', '41', '09']) {
    expect([reading(suite, largest), reading(suite, largest + 1)]).toEqual(['MALFORMED', 'TOO_LARGE'])
  }
  expect(reading('04', largest + 1)).toBe('MALFORMED')
})

test('the longest single message comes back as text', async () => {
  const cipher = createFieldCipher({ keyring: await open(), purposes: { test: {} } })
  const column = field.bytes({ maxBytes: 65_535, commitment: 32 })
  const table = cipher.table('t', { a: column }, { bind })
  const stored = table.encrypt({ id: 1, a: new Uint8Array(65_535).fill(7) })
  expect(stored.a.slice(5, 7)).toBe('02')
  expect(table.decrypt(stored, purpose).a).toEqual(new Uint8Array(65_535).fill(7))
})

test('the sealer zeroes nothing of the caller and refuses after close()', async () => {
  const keyring = await open()
  const sealer = createSealer({ keyring, name: 's' })
  const plaintext = Uint8Array.of(1, 2, 3)
  sealer.encrypt(plaintext, new Uint8Array(0))
  keyring.close()
  expect(refusal(() => sealer.encrypt(plaintext, new Uint8Array(0)))).toBe('KEYRING_UNAVAILABLE')
  expect(plaintext).toEqual(Uint8Array.of(1, 2, 3))
})
