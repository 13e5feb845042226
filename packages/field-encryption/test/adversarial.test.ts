import { createFieldCipher, field, isFieldEncryptionError } from '@coffer/field-encryption'
import { describe, expect, test } from 'vitest'
import { deep, fakeClock, generator, ringOf, seed, twoKeys } from './fixtures.js'

const clock = fakeClock()
const records = await twoKeys(clock)
const keyring = await ringOf(records, { clock })
const older = await ringOf(records.slice(0, 1), { clock })
const bind = { tenant: 'tenant', row: 'id', extra: ['version'] } as const
const columns = {
  one: field.bytes({ maxBytes: 100_000 }),
  two: field.bytes({ maxBytes: 100_000, commitment: 32 }),
  three: field.bytes({ mode: 'deterministic' }),
}
const open = (ring: typeof keyring, table: string) =>
  createFieldCipher({ keyring: ring, purposes: { test: {} }, clock }).table(table, columns, { bind })
const table = open(keyring, 'cards')
const context = { tenant: 'acme', id: '018f-42', version: 3 }
type Column = keyof typeof columns
type Context = typeof context

/** True when the value opened: what no mutation may reach. */
function accepted(column: Column, stored: string | Uint8Array, at: Context = context, within = table): boolean {
  try {
    within.decryptField(column, stored, at, { purpose: 'test' })
    return true
  } catch (error) {
    if (!isFieldEncryptionError(error)) throw error
    return false
  }
}

const bytesOf = (text: string) => {
  const [, header = '', rest = ''] = text.split('.')
  return Buffer.concat([Buffer.of(0xf1), Buffer.from(header, 'hex'), Buffer.from(rest, 'base64url')])
}

const samples: readonly { readonly column: Column; readonly text: string; readonly bytes: Buffer }[] = (
  [
    ['one', 16],
    ['one', 200],
    ['one', 70_000],
    ['two', 40],
    ['three', 24],
  ] as const
).flatMap(([column, length]) =>
  [1, 2].map((fill) => {
    const text = table.encryptField(column, new Uint8Array(length).fill(fill), context) ?? ''
    return { column, text, bytes: bytesOf(text) }
  }),
)

describe('no mutation is accepted', () => {
  test(
    'of the binary form: flips in every region, cuts, additions, splices',
    () => {
      console.info(`seed ${seed}`)
      const random = generator(seed)
      const total = deep ? 100_000 : 4_000
      let refused = 0
      while (refused < total) {
        const sample = samples[random(samples.length)]
        const other = samples[random(samples.length)]
        if (sample === undefined || other === undefined) return expect.unreachable()
        const { bytes } = sample
        let mutated = Buffer.from(bytes)
        const kind = random(6)
        // Half of the flips fall into header, salt and commitment, which a uniform choice would seldom hit in long values.
        const position = random(random(2) === 0 ? Math.min(70, bytes.length) : bytes.length)
        if (kind <= 1) mutated[position] = (bytes[position] ?? 0) ^ (1 << random(8))
        else if (kind === 2) mutated = mutated.subarray(0, position)
        else if (kind === 3) mutated = Buffer.concat([bytes, Buffer.alloc(1 + random(40), random(256))])
        else if (kind === 4) mutated = Buffer.concat([bytes.subarray(0, position), other.bytes.subarray(position)])
        else mutated = Buffer.concat([bytes.subarray(0, position), bytes.subarray(position + 1)])
        if (mutated.equals(bytes) || mutated.equals(other.bytes)) continue
        if (accepted(sample.column, Uint8Array.from(mutated)))
          throw new Error(`kind ${kind} at ${position} was accepted`)
        refused += 1
      }
      console.info(`${refused} mutations, 0 accepted`)
    },
    deep ? 900_000 : 30_000,
  )

  test('of the text form: a second spelling of the same bytes', () => {
    for (const { column, text } of samples) {
      const spellings = [
        text.toUpperCase(),
        text.replace('fle1', 'FLE1'),
        `${text}=`,
        ` ${text}`,
        `${text}\n`,
        `${text.slice(0, 40)} ${text.slice(40)}`,
        text.replace('.', ':'),
        `${text.slice(0, 15)}-${text.slice(16)}`,
        text.slice(0, 15) + text.slice(16),
        text.replaceAll('-', '+').replaceAll('_', '/'),
        `${text.slice(0, 5)}${text.slice(5, 15).replace(/[a-f]/g, (digit) => digit.toUpperCase())}${text.slice(15)}`,
        `${text.slice(0, 20)}é${text.slice(21)}`,
      ]
      for (const spelling of spellings) if (spelling !== text) expect(accepted(column, spelling)).toBe(false)
    }
  })

  test('of the unused bits behind the last byte', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (const { column, text } of samples) {
      const last = text.at(-1) ?? ''
      for (const character of alphabet) {
        if (character !== last) expect(accepted(column, text.slice(0, -1) + character)).toBe(false)
      }
    }
  })

  test('of the suite byte, to any other value', () => {
    for (const { column, bytes } of samples) {
      for (let suite = 0; suite < 256; suite++) {
        if (suite === bytes[1]) continue
        const changed = Uint8Array.from(bytes)
        changed[1] = suite
        expect(accepted(column, changed)).toBe(false)
      }
    }
  })

  test('of the key ID, to that of another live key', () => {
    const [first] = records
    if (first === undefined) return expect.unreachable()
    for (const { column, bytes } of samples) {
      const changed = Buffer.from(bytes)
      changed.set(Buffer.from(first.id, 'hex'), 2)
      expect(accepted(column, Uint8Array.from(changed))).toBe(false)
    }
  })
})

describe('no other context is accepted', () => {
  const elsewhere: [string, Context][] = [
    ['tenant', { ...context, tenant: 'acm' }],
    ['row', { ...context, id: '018f-43' }],
    ['extra', { ...context, version: 4 }],
    ['tenant and row exchanged', { ...context, tenant: context.id, id: context.tenant }],
    ['a row that takes a byte of the tenant', { ...context, tenant: 'acm', id: 'e018f-42' }],
    ['a row that takes a byte of the extra value', { ...context, id: '018f-423', version: 3 }],
  ]
  test.each(elsewhere)('%s', (name, at) => {
    for (const { column, text } of samples) {
      // Deterministic columns are bound to tenant, table and column only: that is what makes them searchable.
      const bindsIt = column !== 'three' || at.tenant !== context.tenant
      expect(accepted(column, text, at), name).toBe(!bindsIt)
    }
  })

  test('another column, table or key', () => {
    const other = open(keyring, 'card')
    const before = open(older, 'cards')
    for (const { column, text } of samples) {
      for (const target of ['one', 'two', 'three'] as const) expect(accepted(target, text)).toBe(target === column)
      expect(accepted(column, text, context, other)).toBe(false)
      expect(accepted(column, text, context, before)).toBe(false)
    }
  })

  test('bound values that only join to the same text have different ciphertexts', () => {
    const cipher = createFieldCipher({
      keyring,
      purposes: { test: {} },
      clock,
      randomBytes: (length) => new Uint8Array(length),
    })
    const split = (extra: readonly string[]) =>
      cipher.table('cards', { one: field.string() }, { bind: { tenant: 'tenant', row: 'id', extra } })
    const ciphertexts = [
      split(['a', 'b']).encryptField('one', 'v', { tenant: 't', id: 'r', a: 'x', b: 'y' }),
      split(['a', 'b']).encryptField('one', 'v', { tenant: 't', id: 'r', a: 'xb', b: 'y' }),
      split(['a']).encryptField('one', 'v', { tenant: 't', id: 'r', a: 'xby' }),
      split(['ax', 'b']).encryptField('one', 'v', { tenant: 't', id: 'r', ax: 'x', b: 'y' }),
      split([]).encryptField('one', 'v', { tenant: 't', id: 'r' }),
      split([]).encryptField('one', 'v', { tenant: 'tr', id: 'r' }),
    ]
    expect(new Set(ciphertexts).size).toBe(ciphertexts.length)
  })
})

test(
  'constant randomness gives distinct salts to distinct values, and equal ones to equal values',
  () => {
    const cipher = createFieldCipher({
      keyring,
      purposes: { test: {} },
      clock,
      randomBytes: (length) => new Uint8Array(length),
    })
    const fixed = cipher.table(
      'cards',
      { one: field.integer({ encoding: 'bytes' }) },
      { bind: { tenant: null, row: null } },
    )
    const saltOf = (value: number) => Buffer.from(fixed.encryptField('one', value, {}) ?? []).toString('latin1', 6, 22)
    const total = deep ? 1_000_000 : 5_000
    const salts = new Set<string>()
    for (let i = 0; i < total; i++) salts.add(saltOf(i))
    expect(salts.size).toBe(total)
    expect(saltOf(1)).toBe(saltOf(1))
  },
  deep ? 600_000 : 20_000,
)

test.each([
  [
    'throws',
    () => {
      throw new Error('no entropy')
    },
    'no entropy',
  ],
  ['is too short', () => new Uint8Array(3), 'randomBytes(16)'],
  ['is no bytes', () => 'aaaaaaaaaaaaaaaa', 'randomBytes(16)'],
])('a random source that %s refuses the encryption', (_, source, message) => {
  const randomBytes = source as () => Uint8Array
  const cipher = createFieldCipher({ keyring, purposes: { test: {} }, clock, randomBytes })
  const broken = cipher.table('cards', { one: field.string() }, { bind: { tenant: null, row: null } })
  expect(() => broken.encrypt({ one: 'a' })).toThrow(message)
})
