import { createFieldCipher, field } from '@coffer/field-encryption'
import { createPrimitives, createTestKeyring } from '@coffer/field-encryption/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'

/** Secrets of one message are gone when its call returns, whatever the call came to. */
const context = { id: '7' }
const purpose = { purpose: 'test' } as const
const keyring = await createTestKeyring()
const cipher = createFieldCipher({ keyring, purposes: { test: {} } })
const table = cipher.table(
  'people',
  {
    one: field.bytes({ encoding: 'bytes', maxBytes: 100_000 }),
    two: field.bytes({ encoding: 'bytes', commitment: 32 }),
    three: field.bytes({ encoding: 'bytes', mode: 'deterministic' }),
  },
  { bind: { tenant: null, row: 'id' } },
)
const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)

afterEach(() => {
  vi.restoreAllMocks()
})

/** The arrays that node:crypto is given as keys from now on. */
function keysGiven(): Uint8Array[] {
  const crypto = process.getBuiltinModule('node:crypto')
  const keys: Uint8Array[] = []
  for (const name of ['createCipheriv', 'createDecipheriv'] as const) {
    const create = crypto[name].bind(crypto) as (...options: unknown[]) => unknown
    vi.spyOn(crypto, name).mockImplementation(((...options: unknown[]) => {
      const [, key] = options
      expect(isZero(key as Uint8Array)).toBe(false)
      keys.push(key as Uint8Array)
      return create(...options)
    }) as never)
  }
  return keys
}

test.each([
  ['one', 16],
  ['one', 100_000],
  ['two', 16],
  ['three', 16],
] as const)('the key of a message: column %s, %i bytes', (column, length) => {
  const keys = keysGiven()
  const stored = table.encryptField(column, new Uint8Array(length).fill(1), context)
  expect(keys.length).toBeGreaterThan(0)
  expect(keys.filter((key) => !isZero(key))).toEqual([])
  table.decryptField(column, stored, context, purpose)
  const changed = Uint8Array.from(stored ?? [])
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  expect(() => table.decryptField(column, changed, context, purpose)).toThrow()
  expect(keys.length).toBeGreaterThanOrEqual(3)
  expect(keys.filter((key) => !isZero(key))).toEqual([])
})

test('the random bytes of a salt, in the pool they were cut from', () => {
  const pools: Uint8Array[] = []
  const fill = crypto.getRandomValues.bind(crypto)
  vi.spyOn(crypto, 'getRandomValues').mockImplementation(((pool: Uint8Array) => {
    pools.push(pool)
    return fill(pool as Uint8Array<ArrayBuffer>)
  }) as never)
  const fresh = createFieldCipher({ keyring, purposes: { test: {} } }).table(
    'people',
    { one: field.string() },
    { bind: { tenant: null, row: null } },
  )
  for (let i = 0; i < 3; i++) fresh.encrypt({ one: 'a' })
  expect(pools).toHaveLength(1)
  const [pool] = pools
  expect(isZero(pool?.subarray(0, 48) ?? new Uint8Array(1))).toBe(true)
  expect(isZero(pool?.subarray(48, 64) ?? new Uint8Array(1))).toBe(false)
})

describe.each(['node', 'noble', 'webcrypto'] as const)('chunks on %s', (backend) => {
  const { chunkedSeal, chunkedOpen } = createPrimitives(backend)
  const [key, salt, about] = [new Uint8Array(32).fill(1), new Uint8Array(24).fill(2), new Uint8Array(3)]

  test.each([0, 1, 16_383, 16_384, 32_768])(
    '%i bytes come back, with an empty chunk at the end where it is needed',
    async (length) => {
      const sealed = await chunkedSeal(key, salt, about, new Uint8Array(length).fill(7))
      expect(sealed).toHaveLength(56 + length + 16 * (Math.floor(length / 16_384) + 1))
      expect(await chunkedOpen(key, about, sealed)).toEqual(new Uint8Array(length).fill(7))
    },
  )

  test('a body cut to less than a tag, at the end of a chunk or before it, is refused', async () => {
    const sealed = await chunkedSeal(key, salt, about, new Uint8Array(16_384))
    for (const length of [0, 23, 24, 55, 56, 57, 71, 56 + 16_399, 56 + 16_400, 56 + 16_401, 56 + 16_415]) {
      expect(await chunkedOpen(key, about, sealed.subarray(0, length)), `${length}`).toBeNull()
    }
  })
})
