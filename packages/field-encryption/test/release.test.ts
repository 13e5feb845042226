import { createFieldCipher, field, isFieldEncryptionError } from '@coffer/field-encryption'
import { afterEach, expect, test, vi } from 'vitest'
import { deep, fakeClock, generator, ringOf, seed, twoKeys } from './fixtures.js'

/** What AES has opened, watched at node:crypto itself: before a refusal is told, nothing of it may be left. */
const clock = fakeClock()
const records = await twoKeys(clock)
const newer = await ringOf(records, { clock })
const older = await ringOf(records.slice(0, 1), { clock })
const bind = { tenant: 'tenant', row: 'id', extra: ['version'] } as const
const columns = {
  one: field.bytes({ maxBytes: 100_000, encoding: 'bytes' }),
  other: field.bytes({ maxBytes: 100_000, encoding: 'bytes' }),
  two: field.bytes({ maxBytes: 100_000, encoding: 'bytes', commitment: 32 }),
  three: field.bytes({ mode: 'deterministic', encoding: 'bytes' }),
}
type Column = keyof typeof columns
const context = { tenant: 'acme', id: '018f-42', version: 3 }
const tableOn = (ring: typeof newer, name: string) =>
  createFieldCipher({ keyring: ring, purposes: { test: {} }, clock }).table(name, columns, { bind })
const cards = tableOn(newer, 'cards')
const elsewhere = tableOn(newer, 'card')
const before = tableOn(older, 'cards')

/** Where the salt ends, and where the body begins. */
const layout = { 1: [22, 38], 2: [22, 54], 3: [22, 38], 4: [30, 62] } as const

interface Sample {
  readonly column: Column
  readonly bytes: Buffer
  readonly saltEnd: number
  readonly bodyAt: number
}

const samples: readonly Sample[] = (
  [
    ['one', 16],
    ['one', 300],
    ['one', 66_000],
    ['two', 40],
    ['three', 24],
  ] as const
).flatMap(([column, length]) =>
  [0xa5, 0x5a].map((fill) => {
    const bytes = Buffer.from(cards.encryptField(column, new Uint8Array(length).fill(fill), context) ?? [])
    const [saltEnd, bodyAt] = layout[bytes[1] as 1 | 2 | 3 | 4]
    return { column, bytes, saltEnd, bodyAt }
  }),
)

const opened: Uint8Array[] = []

function watch(): void {
  const crypto = process.getBuiltinModule('node:crypto')
  const create = crypto.createDecipheriv.bind(crypto) as (...options: unknown[]) => { update(data: Uint8Array): Buffer }
  vi.spyOn(crypto, 'createDecipheriv').mockImplementation(((...options: unknown[]) => {
    const decipher = create(...options)
    const update = decipher.update.bind(decipher)
    decipher.update = (data) => {
      const plaintext = update(data)
      opened.push(plaintext)
      return plaintext
    }
    return decipher
  }) as never)
}

afterEach(() => {
  vi.restoreAllMocks()
})

type Attempt = readonly [Buffer, typeof context, typeof cards, Column]

const kinds: readonly (readonly [
  name: string,
  attempt: (sample: Sample, below: (limit: number) => number) => Attempt | null,
  mayReachAes: boolean,
])[] = [
  ['tenant', ({ bytes, column }) => [bytes, { ...context, tenant: 'acm' }, cards, column], false],
  ['table', ({ bytes, column }) => [bytes, context, elsewhere, column], false],
  ['column', ({ bytes, column }) => (column === 'one' ? [bytes, context, cards, 'other'] : null), false],
  ['row', (sample, below) => bound(sample, { ...context, id: `018f-${43 + below(1000)}` }), false],
  ['extra', (sample, below) => bound(sample, { ...context, version: 4 + below(1000) }), false],
  ['a keyring without the key', ({ bytes, column }) => [bytes, context, before, column], false],
  ['key ID of another live key', ({ bytes, column }) => [renamed(bytes), context, cards, column], false],
  ['suite', (sample, below) => at(sample, flipped(sample.bytes, 1, 1 + below(255))), false],
  ['salt', (sample, below) => at(sample, bitIn(sample.bytes, 6, sample.saltEnd, below)), false],
  ['commitment', (sample, below) => at(sample, bitIn(sample.bytes, sample.saltEnd, sample.bodyAt, below)), false],
  ['body and tag', (sample, below) => at(sample, bitIn(sample.bytes, sample.bodyAt, sample.bytes.length, below)), true],
  ['truncation', (sample, below) => at(sample, sample.bytes.subarray(0, below(sample.bytes.length))), true],
  [
    'splice',
    (sample, below) => {
      const other = samples[below(samples.length)] ?? sample
      const cut = 6 + below(Math.min(sample.bytes.length, other.bytes.length) - 6)
      const joined = Buffer.concat([sample.bytes.subarray(0, cut), other.bytes.subarray(cut)])
      return joined.equals(sample.bytes) || joined.equals(other.bytes) ? null : at(sample, joined)
    },
    true,
  ],
]

function at(sample: Sample, bytes: Buffer): Attempt {
  return [bytes, context, cards, sample.column]
}

/** Deterministic columns are bound to tenant, table and column only. */
function bound(sample: Sample, elsewhereInTable: typeof context): Attempt | null {
  return sample.column === 'three' ? null : [sample.bytes, elsewhereInTable, cards, sample.column]
}

function renamed(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  changed.set(Buffer.from(records[0]?.id ?? '', 'hex'), 2)
  return changed
}

function flipped(bytes: Buffer, position: number, mask: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[position] = (bytes[position] ?? 0) ^ mask
  return changed
}

function bitIn(bytes: Buffer, from: number, to: number, below: (limit: number) => number): Buffer {
  return flipped(bytes, from + below(to - from), 1 << below(8))
}

test(
  'nothing that is changed or moved opens, and nothing that AES opened of it is left',
  () => {
    console.info(`seed ${seed}`)
    watch()
    const below = generator(seed)
    const total = deep ? 100_000 : 1300
    const refused = new Map<string, number>()
    let reachedAes = 0
    for (let count = 0; count < total; ) {
      const [name, attempt, mayReachAes] = kinds[count % kinds.length] ?? expect.unreachable()
      const made = attempt(samples[below(samples.length)] ?? expect.unreachable(), below)
      if (made === null) continue
      const [bytes, where, table, column] = made
      opened.length = 0
      let code = 'accepted'
      try {
        table.decryptField(column, Uint8Array.from(bytes), where, { purpose: 'test' })
      } catch (error) {
        if (!isFieldEncryptionError(error)) throw error
        code = error.code
      }
      if (code === 'accepted') throw new Error(`${name}: accepted`)
      if (opened.length > 0 && !mayReachAes) throw new Error(`${name}: reached AES`)
      if (opened.some((plaintext) => plaintext.some((byte) => byte !== 0)))
        throw new Error(`${name}: plaintext is left`)
      if (opened.length > 0) reachedAes += 1
      refused.set(name, (refused.get(name) ?? 0) + 1)
      count += 1
    }
    console.info(
      `${total} refused, 0 accepted, ${reachedAes} of them after AES and zeroed`,
      Object.fromEntries(refused),
    )
    expect(refused.size).toBe(kinds.length)
    expect(reachedAes).toBeGreaterThan(total / 20)
  },
  deep ? 1_800_000 : 30_000,
)
