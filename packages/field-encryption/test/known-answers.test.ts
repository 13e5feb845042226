import {
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  type DataKeyRecord,
  field,
  parseCiphertext,
} from '@coffer/field-encryption'
import { createPanTokenizer, type PanKeep } from '@coffer/field-encryption/pan'
import { describe, expect, test } from 'vitest'
import { refusal } from './fixtures.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const createdAt = 1767225600000
const clock = { now: () => createdAt + 1000 }
const drawn = (length: number) => Uint8Array.from({ length }, (_, i) => (0xf0 + i) & 0xff)

const record: DataKeyRecord = {
  id: '0a0b0c0d',
  version: 1,
  state: 'active',
  createdAt,
  activeFrom: createdAt,
  activeUntil: createdAt + 86_400_000,
  keyEncryptionKeyId: 'kek',
  wrapped: Buffer.from(
    '76bd34adab32abc75d4b46eab8177e82520d0faad8ea9ba77d14b7de8de665fe49cbe75f697adbf4',
    'hex',
  ).toString('base64url'),
  check: Buffer.from('10ef21c967ccd5c2da0c1e8ab8aea7fc', 'hex').toString('base64url'),
}
const kek = createLocalKeyEncryptionKey({ id: 'kek', key: new Uint8Array(32).fill(0x22) })
const row = { tenant: 'acme', id: '018f-42', pan: '4111111111111111' }

test('what is no ciphertext, or too large for one, is told before it is decoded', () => {
  const code = (value: string | Uint8Array) => refusal(() => parseCiphertext(value))
  expect(code('fle2.010a0b0c0d.')).toBe('NOT_ENCRYPTED')
  expect(code(new Uint8Array(0))).toBe('NOT_ENCRYPTED')
  expect(code(Uint8Array.of(0xf1))).toBe('NOT_ENCRYPTED')
  expect(code(`fle1.010a0b0c0d.${'A'.repeat(25_000_000)}`)).toBe('TOO_LARGE')
  expect(code(`fle1.810a0b0c0d.${'A'.repeat(80)}`)).toBe('MALFORMED')
  const bytes = (suite: number, length: number) =>
    Uint8Array.from([0xf1, suite, 1, 1, 1, 1, ...new Uint8Array(length - 6)])
  expect(code(bytes(1, 65_536 + 54))).toBeNull()
  expect(code(bytes(1, 65_536 + 55))).toBe('TOO_LARGE')
  expect(code(bytes(4, 62 + 16_384 + 16))).toBe('MALFORMED')
  expect(code(bytes(4, 62 + 16_384 + 32))).toBeNull()
  const larger = new Uint8Array(18_100_000)
  larger.set(bytes(4, 6))
  expect(code(larger)).toBe('TOO_LARGE')
  expect(refusal(() => parseCiphertext(42 as unknown as string))).toBe('TypeError')
})

describe.each(['node', 'noble', 'webcrypto'] as const)('known answers of fle1 on %s', (backend) => {
  const open = async () => {
    const options = { keyEncryptionKeys: [kek], loadKeys: async () => [record], clock }
    const keyring = await (backend === 'webcrypto'
      ? createKeyring({ ...options, backend })
      : createKeyring({ ...options, backend }))
    return createFieldCipher({ keyring, purposes: { test: {} }, clock, randomBytes: drawn })
  }
  const bind = { tenant: 'tenant', row: 'id' } as const

  test('suite 01 under a given salt opens, in both forms', async () => {
    const cards = (await open()).table('cards', { pan: field.string() }, { bind })
    const bytes = unhex(
      'f1010a0b0c0d000102030405060708090a0b0c0d0e0f9d2fde5bcdb55351416a414e337ebe48dfbc237a54186b319fef92420207a1834009ab80e71009c1f1887072dcb64ea0f8',
    )
    const text =
      'fle1.010a0b0c0d.AAECAwQFBgcICQoLDA0OD50v3lvNtVNRQWpBTjN-vkjfvCN6VBhrMZ_vkkICB6GDQAmrgOcQCcHxiHBy3LZOoPg'
    expect(await cards.decrypt({ ...row, pan: bytes }, { purpose: 'test' })).toEqual(row)
    expect(await cards.decrypt({ ...row, pan: text }, { purpose: 'test' })).toEqual(row)
  })

  test('suite 01 with a hedged salt is written byte for byte', async () => {
    const cards = (await open()).table('cards', { pan: field.string({ encoding: 'bytes' }) }, { bind })
    expect(hex((await cards.encrypt(row)).pan)).toBe(
      'f1010a0b0c0d8b6c7a927c23198b40f031cdfa1ed45957114217c4c42e5e0abcfc7081fe9d7e7d5f3595c195153b51257ab92d69c4ad5248c9e3ce4c2772aa825ae20f9dc7fa8b',
    )
  })

  test('padding and an extra bound value are written byte for byte', async () => {
    const cards = (await open()).table(
      'cards',
      { pan: field.string({ encoding: 'bytes', pad: 32 }) },
      { bind: { ...bind, extra: ['version'] } },
    )
    expect(hex((await cards.encrypt({ ...row, version: 7 })).pan)).toBe(
      'f1010a0b0c0d3c07ed256653d290af4936a7e14396319d0429155e611ac2d0dbcf6f106df6ea8193cb7631c7c4a25a29ee392dc5c63f6be6987c50b137d072998a6532eb5091a08c0fb7e4f48a7c706192fa5769441ce9e7c7e5e9',
    )
  })

  test('suite 02 is written byte for byte', async () => {
    const cards = (await open()).table('cards', { pan: field.string({ encoding: 'bytes', commitment: 32 }) }, { bind })
    expect(hex((await cards.encrypt(row)).pan)).toBe(
      'f1020a0b0c0d29d70a092586c6233b23c8225b4ca248ae69298672d0ac091f331fd004aa71ed2a6aa0e62dc0b1a6829c3da1360fa0bed2ea1a888682d4a727edb4be453f4d4aeb75b0e2a4b3dd50736fe1a56661490be8',
    )
  })

  test('suite 03 is written byte for byte, and is what a query looks for', async () => {
    const columns = { pan: field.string({ encoding: 'bytes', mode: 'deterministic' }) }
    const cards = (await open()).table('cards', columns, { bind })
    const expected =
      'f1030a0b0c0d6a9c2462b36d23557d3a8a58c69a5b4ebc06f091734a2d09038f045329ac9fd4106cf88bafb7b49180767f0c4c60cb5a7a71acb24d4624217fcb0f5c033f06d384'
    const stored = await cards.encrypt(row)
    expect(hex(stored.pan)).toBe(expected)
    expect((await cards.query('pan', { tenant: 'acme', pan: row.pan })).map(hex)).toEqual([expected])
    expect(await cards.decrypt({ ...stored, id: 'another row' }, { purpose: 'test' })).toMatchObject({ pan: row.pan })
  })

  test('a large value is suite 04, and the known answer of a small one opens', async () => {
    const cards = (await open()).table(
      'cards',
      { pan: field.string({ maxBytes: 100_000, encoding: 'bytes' }) },
      { bind },
    )
    const bytes = unhex(
      'f1040a0b0c0dbbfe85ffc2f17433b6c13a0bf30dd2958e3e7988751cd1bc020a5b80b3a2b742bdc5a80dbc4f51b67e9122edf7c60e0b04d3ec4ba44a5d26bc95c38f7b7bb05cbdca378913b8076045db78b48f4e447e2d37bdec1407bb9ab7',
    )
    expect(await cards.decrypt({ ...row, pan: bytes }, { purpose: 'test' })).toEqual(row)
    for (const [length, suite] of [
      [65_535, 1],
      [65_536, 4],
      [100_000, 4],
    ] as const) {
      const stored = await cards.encrypt({ ...row, pan: 'x'.repeat(length) })
      expect(parseCiphertext(stored.pan).suite).toBe(suite)
      expect((await cards.decrypt(stored, { purpose: 'test' })).pan).toHaveLength(length)
    }
  })

  test('a subject key is parsed, and unknown to this keyring', async () => {
    const cards = (await open()).table('cards', { pan: field.string() }, { bind })
    const pan = unhex(
      'f1415eb1ec706481b8d7bd902006b3088f2a9e920fcadbad91fe4d941580193a0efb19cc756489386212e73dbeeaf9d49dbb732a7f643ebc80915c7367f6551d8316af8c9bfe53',
    )
    expect(parseCiphertext(pan)).toEqual({ suite: 1, subject: true, keyId: '5eb1ec70', encoding: 'bytes' })
    await expect(async () => cards.decrypt({ ...row, pan }, { purpose: 'test' })).rejects.toMatchObject({
      code: 'COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN',
    })
  })

  test('a hidden null with tenant and row unbound is written byte for byte', async () => {
    const cards = (await open()).table(
      'cards',
      { pan: field.string({ encoding: 'bytes', nulls: 'hide', pad: 32 }) },
      { bind: { tenant: null, row: null } },
    )
    expect(hex((await cards.encrypt({ pan: null })).pan)).toBe(
      'f1010a0b0c0ddb3378b66c4217839d902757cdfa56e09e1ed67595c5952693e46936c1d28d4f60246eb5d96dd963430a991986f0e8c88227b24502a0aa53dfe83242d14749746ea40f57c5f7e8878ea8a534e7d29691cfba718e1d',
    )
  })

  test('index tokens are written byte for byte', async () => {
    const people = (await open()).table(
      'cards',
      { pan: field.string(), last4: field.string(), name: field.string(), dob: field.date() },
      {
        bind,
        indexes: {
          pan_eq: { on: ['pan'], bits: 64 },
          pan_last4: { on: ['last4'], bits: 12 },
          name_dob: { on: ['name', 'dob'], bits: 32, normalize: { name: 'text' } },
        },
      },
    )
    const stored = await people.encrypt({ ...row, last4: '1111', name: ' Ada  Lovelace', dob: '1815-12-10' })
    expect(stored.pan_eq).toBe('0162bbbe5dc0e23b70')
    expect(stored.pan_last4).toBe('019a70')
    expect(stored.name_dob).toBe('01a68cf196')
    expect(await people.query('pan_eq', { tenant: 'acme', pan: row.pan })).toEqual(['0162bbbe5dc0e23b70'])
  })

  test('tokens and the keyed hash of a PAN are written byte for byte, and the tokens return', async () => {
    const cipher = await open()
    const tokenizer = (keep: PanKeep) => createPanTokenizer({ cipher, name: 'cards', keyId: '0a0b0c0d', keep })
    const expected: [PanKeep, string][] = [
      ['bin6-last4', '4111119599391111'],
      ['last4', '2191537052051111'],
      ['bin8', '4111111172571657'],
      ['none', '0971106296422091'],
    ]
    for (const [keep, token] of expected) {
      expect(await tokenizer(keep).tokenize(row.pan, { tenant: 'acme' })).toBe(token)
      expect(await tokenizer(keep).detokenize(token, { tenant: 'acme' }, { purpose: 'test' })).toBe(row.pan)
    }
    expect(await tokenizer('none').keyedHash(row.pan, { tenant: 'acme' })).toBe(
      '3c20f45eb2d5081ba6a7682562b99b5162b2ca5650605a3dd2f98ff9e1ffcbf9',
    )
  })

  test('the data key under its KEK opens, and its check value ties it to the record', async () => {
    await expect(open()).resolves.toBeDefined()
  })
})
