import { inspect } from 'node:util'
import { createFieldCipher, type DecryptEvent, field, isFieldEncryptionError } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'
import { codeOf, fakeClock, refusal } from './fixtures.js'

const keyring = await createTestKeyring()
const cipher = createFieldCipher({ keyring, purposes: { refund: {}, report: {} } })
const columns = { pan: field.string({ maxBytes: 19 }), amount: field.decimal({ scale: 2 }) }
const bind = { tenant: 'tenantId', row: 'id' } as const
const cards = cipher.table('cards', columns, { bind, indexes: { pan_eq: { on: ['pan'], bits: 64 } } })
const row = { id: '018f-42', tenantId: 'acme', pan: '4111111111111111', amount: '10.5', note: 'kept' }
const purpose = { purpose: 'refund' } as const

describe('a row', () => {
  test('comes back as it was, with the decimal padded to its scale and without index tokens', () => {
    const stored = cards.encrypt(row)
    expect(cards.decrypt(stored, purpose)).toEqual({ ...row, amount: '10.50' })
  })

  test('keeps its plaintext out of what is stored', () => {
    const stored = cards.encrypt(row)
    expect(JSON.stringify(stored)).not.toContain('4111111111111111')
    expect(stored.note).toBe('kept')
    expect(row.pan).toBe('4111111111111111')
  })

  test('is encrypted differently every time', () => {
    expect(cards.encrypt(row).pan).not.toBe(cards.encrypt(row).pan)
  })

  test('may hold a subset of the columns; absent and undefined ones stay as they are', () => {
    const stored = cards.encrypt({ id: 1, tenantId: 'acme', amount: '1', pan: undefined })
    expect(stored.pan).toBeUndefined()
    expect('pan_eq' in stored).toBe(false)
  })

  test('passes null in both directions, and gives a null token', () => {
    const stored = cards.encrypt({ ...row, pan: null })
    expect(stored.pan).toBeNull()
    expect(stored.pan_eq).toBeNull()
    expect(cards.decrypt(stored, purpose).pan).toBeNull()
  })

  test('opens only the fields that were asked for', () => {
    expect(cards.decrypt(cards.encrypt(row), { ...purpose, fields: ['amount'] })).toEqual({
      id: '018f-42',
      tenantId: 'acme',
      amount: '10.50',
      note: 'kept',
    })
  })

  test('reads text and bytes, whatever the column writes', () => {
    const bytes = cipher.table('cards', { ...columns, pan: field.string({ encoding: 'bytes' }) }, { bind })
    expect(cards.decrypt(bytes.encrypt(row), purpose).pan).toBe(row.pan)
    expect(bytes.decrypt(cards.encrypt(row), purpose).pan).toBe(row.pan)
  })
})

describe('a ciphertext is refused', () => {
  const stored = cards.encrypt(row)
  test.each([
    ['in another row', { id: '018f-43' }],
    ['in another tenant', { tenantId: 'globex' }],
    ['in another column', { amount: stored.pan }],
    ['with its last byte changed', { pan: `${stored.pan.slice(0, -2)}${stored.pan.at(-2) === 'A' ? 'B' : 'A'}A` }],
  ])('%s', (_, change) => {
    expect(['DECRYPTION_FAILED', 'MALFORMED']).toContain(
      refusal(() => cards.decrypt({ ...stored, ...change }, purpose)),
    )
  })

  test('in another table', () => {
    const refunds = cipher.table('refunds', columns, { bind })
    expect(refusal(() => refunds.decrypt(stored, purpose))).toBe('DECRYPTION_FAILED')
  })

  test('under another value of an extra bound property', () => {
    const versioned = cipher.table('cards', columns, { bind: { ...bind, extra: ['version'] } })
    const old = versioned.encrypt({ ...row, version: 1 })
    expect(versioned.decrypt(old, purpose).pan).toBe(row.pan)
    expect(refusal(() => versioned.decrypt({ ...old, version: 2 }, purpose))).toBe('DECRYPTION_FAILED')
  })

  test('when it is plaintext, with the column named', () => {
    try {
      cards.decrypt({ ...stored, pan: row.pan }, purpose)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED', table: 'cards', column: 'pan' })
    }
  })

  test('when it is encrypted a second time', () => {
    const wide = cipher.table('cards', { pan: field.string() }, { bind })
    expect(refusal(() => wide.encrypt({ ...row, pan: stored.pan }))).toBe('ALREADY_ENCRYPTED')
  })

  test('when its type is not the declared one', () => {
    const other = cipher.table('cards', { pan: field.bytes() }, { bind })
    expect(refusal(() => other.decrypt({ id: row.id, tenantId: row.tenantId, pan: stored.pan }, purpose))).toBe(
      'TYPE_MISMATCH',
    )
  })

  test('with 16 bytes of commitment where 32 are asked for', () => {
    const strict = cipher.table('cards', { pan: field.string({ commitment: 32 }) }, { bind })
    expect(refusal(() => strict.decrypt(stored, purpose))).toBe('SUITE_UNSUPPORTED')
  })
})

describe('bound values', () => {
  test('a number, a bigint and their decimal text are one context', () => {
    const stored = cards.encrypt({ ...row, id: 42 })
    expect(cards.decrypt({ ...stored, id: 42n }, purpose).pan).toBe(row.pan)
    expect(cards.decrypt({ ...stored, id: '42' }, purpose).pan).toBe(row.pan)
  })

  test.each([
    ['empty', ''],
    ['null', null],
    ['missing', undefined],
    ['an object', {}],
    ['unsafe', 2 ** 53],
    ['ill-formed', '\ud800'],
    ['over 1024 bytes', 'é'.repeat(513)],
    ['over 1024 characters', 'x'.repeat(1025)],
  ])('that are %s are a TypeError naming the property', (_, id) => {
    const bad: { id: string; tenantId: string } = { ...row, id: id as string }
    expect(() => cards.encrypt(bad)).toThrow(/"id" must \w+/)
    expect(refusal(() => cards.encrypt(bad))).toBe('TypeError')
  })

  test('of 1024 bytes are accepted', () => {
    for (const id of ['é'.repeat(512), 'x'.repeat(1024)])
      expect(refusal(() => cards.encrypt({ ...row, id }))).toBeNull()
  })
})

describe('misuse', () => {
  test('an unknown purpose, field or query is a TypeError', () => {
    const stored = cards.encrypt(row)
    expect(refusal(() => cards.decrypt(stored, { purpose: 'audit' as 'refund' }))).toBe('TypeError')
    expect(refusal(() => cards.decrypt(stored, { ...purpose, fields: ['iban' as 'pan'] }))).toBe('TypeError')
    expect(refusal(() => cards.query('iban_eq' as 'pan_eq', { tenantId: 'acme', pan: '4' }))).toBe('TypeError')
  })

  test('an index property in the input is a TypeError', () => {
    expect(refusal(() => cards.encrypt({ ...row, pan_eq: '00' }))).toBe('TypeError')
  })

  test('a wrong JS type names the column and not the value', () => {
    expect(() => cards.encrypt({ ...row, pan: 4111111111111111 as unknown as string })).toThrow(/"pan".*string/)
    expect(() => cards.encrypt({ ...row, pan: 4111111111111111 as unknown as string })).not.toThrow(/4111/)
  })

  test('a compound index needs all of its columns or none', () => {
    const people = cipher.table(
      'people',
      { name: field.string(), dob: field.date() },
      { bind, indexes: { both: { on: ['name', 'dob'], bits: 32 } } },
    )
    const id = { id: 1, tenantId: 'acme' }
    expect(refusal(() => people.encrypt({ ...id, name: 'Ada' }))).toBe('TypeError')
    expect(refusal(() => people.encrypt(id))).toBeNull()
  })
})

describe('batches', () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ ...row, id: i }))

  test('keep order', () => {
    expect(cards.decryptMany(cards.encryptMany(rows), purpose).map((opened) => opened.id)).toEqual(
      rows.map(({ id }) => id),
    )
  })

  test('throw the first refusal with its row index', () => {
    const stored = cards.encryptMany(rows).map((item, i) => (i === 7 ? { ...item, id: 99 } : item))
    try {
      cards.decryptMany(stored, purpose)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED', rowIndex: 7, column: 'pan' })
    }
  })

  test('collect row or error per item', () => {
    const stored = cards.encryptMany(rows).map((item, i) => (i === 7 ? { ...item, id: 99 } : item))
    const results = cards.decryptMany(stored, { ...purpose, onRowFailure: 'collect' })
    expect(results.filter((result) => 'row' in result)).toHaveLength(49)
    expect(results[7]).toMatchObject({ error: { code: 'COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED', rowIndex: 7 } })
  })

  test('take 10 000 rows and refuse 10 001', () => {
    const many = (length: number) => Array.from({ length }, (_, id) => ({ id, tenantId: 'acme' }))
    expect(refusal(() => cards.encryptMany(many(10_000)))).toBeNull()
    expect(refusal(() => cards.encryptMany(many(10_001)))).toBe('RangeError')
  })
})

describe('search', () => {
  test('a query finds the token that encrypt wrote, and another tenant has another token', () => {
    const stored = cards.encrypt(row)
    expect(cards.query('pan_eq', { tenantId: 'acme', pan: row.pan })).toEqual([stored.pan_eq])
    expect(cards.query('pan_eq', { tenantId: 'globex', pan: row.pan })).not.toEqual([stored.pan_eq])
  })

  test('a null value finds nothing', () => {
    expect(cards.query('pan_eq', { tenantId: 'acme', pan: null })).toEqual([])
  })

  test('true and false have different tokens', () => {
    const flags = cipher.table('flags', { on: field.boolean() }, { bind, indexes: { on_eq: { on: ['on'], bits: 64 } } })
    expect(flags.query('on_eq', { tenantId: 'a', on: true })).not.toEqual(
      flags.query('on_eq', { tenantId: 'a', on: false }),
    )
  })

  test.each([
    ['text', '  ADA\t Lovelace ', 'ada lovelace'],
    ['email', ' Ada@Example.com ', 'ada@example.com'],
    ['digits', '+234 (0) 801', '2340801'],
    ['exact', 'Ada', 'Ada'],
  ] as const)('%s is normalized before it is keyed', (normalize, given, same) => {
    const people = cipher.table(
      'people',
      { name: field.string() },
      { bind, indexes: { by_name: { on: ['name'], bits: 64, normalize: { name: normalize } } } },
    )
    expect(people.query('by_name', { tenantId: 'a', name: given })).toEqual(
      people.query('by_name', { tenantId: 'a', name: same }),
    )
  })
})

describe('the decrypt hook', () => {
  const observed = (onDecrypt: (event: DecryptEvent) => void, clock = fakeClock()) =>
    createFieldCipher({
      keyring,
      clock,
      onDecrypt,
      purposes: { refund: {}, support: { budget: { fields: 4, windowMs: 1000 } } },
    }).table('cards', columns, { bind })

  test('is told once per call who opened which fields of which rows, and no value', () => {
    const events: DecryptEvent[] = []
    const table = observed((event) => events.push(event))
    table.decryptMany(table.encryptMany([row, { ...row, id: 'b' }]), {
      purpose: 'support',
      actor: 'eve',
      fields: ['pan'],
    })
    expect(events).toEqual([
      {
        at: fakeClock().now(),
        purpose: 'support',
        actor: 'eve',
        table: 'cards',
        fields: ['pan'],
        rows: [
          { tenant: 'acme', row: '018f-42' },
          { tenant: 'acme', row: 'b' },
        ],
        keyIds: [keyring.primaryKeyId],
        outcome: 'success',
        code: null,
      },
    ])
    expect(inspect(events, { depth: null })).not.toContain('4111')
  })

  test('is told of failures', () => {
    const events: DecryptEvent[] = []
    const table = observed((event) => events.push(event))
    expect(refusal(() => table.decrypt({ ...table.encrypt(row), id: 'x' }, purpose))).toBe('DECRYPTION_FAILED')
    expect(events).toMatchObject([{ outcome: 'failure', code: 'COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED' }])
  })

  test('that throws releases nothing, and its own error is dropped', () => {
    const table = observed(() => {
      throw new Error('sink at postgres://secret')
    })
    try {
      table.decrypt(table.encrypt(row), purpose)
      expect.unreachable()
    } catch (error) {
      expect(codeOf(error)).toBe('AUDIT_FAILED')
      expect(inspect(error, { depth: null })).not.toMatch(/secret|4111/)
    }
  })

  test('that returns a promise on a synchronous keyring is a TypeError', () => {
    const table = observed((async () => {}) as () => void)
    expect(refusal(() => table.decrypt(table.encrypt(row), purpose))).toBe('TypeError')
  })

  test('a budget is taken per actor, is spent by failed opens too, and refills over its window', () => {
    const clock = fakeClock()
    const table = observed(() => {}, clock)
    const stored = table.encrypt(row)
    const ask = (actor: string) => refusal(() => table.decrypt(stored, { purpose: 'support', actor }))
    expect(refusal(() => table.decrypt({ ...stored, id: 'x' }, { purpose: 'support', actor: 'eve' }))).toBe(
      'DECRYPTION_FAILED',
    )
    expect(ask('eve')).toBeNull()
    expect(ask('eve')).toBe('BUDGET_EXCEEDED')
    expect(ask('bob')).toBeNull()
    clock.set(clock.now() + 499)
    expect(ask('eve')).toBe('BUDGET_EXCEEDED')
    clock.set(clock.now() + 1)
    expect(ask('eve')).toBeNull()
  })
})

test('a redacted column gives a value that must be asked for', () => {
  const table = cipher.table('cards', { pan: field.string({ redacted: true }) }, { bind })
  const opened = table.decrypt(table.encrypt(row), purpose)
  expect(`${opened.pan} ${JSON.stringify(opened)} ${inspect(opened)}`).not.toContain('4111')
  expect(opened.pan.reveal()).toBe(row.pan)
  expect(table.decrypt(table.encrypt(opened), purpose).pan.reveal()).toBe(row.pan)
})

test('statistics count values, not calls', () => {
  const table = cipher.table('fresh', columns, { bind })
  table.decryptMany(table.encryptMany([row, { ...row, pan: null }]), purpose)
  expect(table.stats()).toEqual({
    encrypted: { pan: 1, amount: 2 },
    decrypted: { pan: 1, amount: 2 },
    plaintextRead: { pan: 0, amount: 0 },
  })
})

test('errors of other packages are not taken for ours', () => {
  expect(isFieldEncryptionError(Object.assign(new Error('x'), { code: 'COFFER_JWT_EXPIRED' }))).toBe(false)
})
