import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type Column,
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  field,
} from '@coffer/field-encryption'
import { describe, expect, test } from 'vitest'
import { codeOf } from './fixtures.js'
import { recordOf } from './reference.js'
import * as vectors from './vectors.js'

const path = fileURLToPath(new URL('../../../docs/fle1/vectors.json', import.meta.url))

interface Document {
  readonly valid: readonly vectors.ValidVector[]
  readonly large: readonly vectors.LargeVector[]
  readonly tokens: readonly vectors.TokenVector[]
  readonly invalid: readonly vectors.InvalidVector[]
}

function generate(): string {
  const keys = [
    { ...recordOf(vectors.active, 'kek', vectors.kek), dek: vectors.active.dek.toString('hex') },
    { ...recordOf(vectors.disabled, 'kek', vectors.kek), state: 'disabled', dek: vectors.disabled.dek.toString('hex') },
  ]
  const sections = {
    valid: vectors.validVectors(),
    large: vectors.largeVectors(),
    tokens: vectors.tokenVectors(),
    invalid: vectors.invalidVectors(),
  }
  const lines = Object.entries(sections).map(
    ([name, items]) =>
      `  ${JSON.stringify(name)}: [\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`,
  )
  const head = [
    '  "format": "fle1"',
    `  "keyEncryptionKey": ${JSON.stringify({ id: 'kek', key: vectors.kek.toString('hex') })}`,
    `  "keys": [\n${keys.map((key) => `    ${JSON.stringify(key)}`).join(',\n')}\n  ]`,
  ]
  return `{\n${[...head, ...lines].join(',\n')}\n}\n`
}

const { COFFER_WRITE_VECTORS } = process.env
if (COFFER_WRITE_VECTORS === '1') writeFileSync(path, generate())

const published = readFileSync(path, 'utf8')
const document = JSON.parse(published) as Document

test('the published vectors are what the plain reference makes', () => {
  expect(published).toBe(generate())
})

test('there are at least 300 vectors, half of them invalid', () => {
  const { valid, large, tokens, invalid } = document
  expect(valid.length + large.length + tokens.length).toBeGreaterThanOrEqual(150)
  expect(invalid.length).toBeGreaterThanOrEqual(150)
})

function columnOf(shape: vectors.ColumnShape, boundAs: string): Column {
  const builder: unknown = Reflect.get(field, shape.type)
  if (typeof builder !== 'function') throw new Error(`no such type: ${shape.type}`)
  const sized = ['string', 'bytes', 'bigint', 'decimal', 'json'].includes(shape.type)
  return builder({
    encoding: 'bytes',
    boundAs,
    nulls: shape.nulls,
    ...(shape.suite === 3 ? { mode: 'deterministic' } : { commitment: shape.suite === 2 ? 32 : 16 }),
    ...(sized && shape.pad !== null ? { pad: shape.pad } : {}),
    ...(shape.type === 'string' && shape.suite !== 3 ? { maxBytes: 100_000 } : {}),
  }) as Column
}

describe.each(['node', 'noble', 'webcrypto'] as const)('the published vectors on %s', async (backend) => {
  const kek = createLocalKeyEncryptionKey({ id: 'kek', key: vectors.kek })
  const records = [
    recordOf(vectors.active, 'kek', vectors.kek),
    { ...recordOf(vectors.disabled, 'kek', vectors.kek), state: 'disabled' as const },
  ]
  const clock = { now: () => vectors.active.createdAt + 1 }
  const load = { keyEncryptionKeys: [kek], loadKeys: async () => records, clock }
  const keyring = await (backend === 'webcrypto'
    ? createKeyring({ ...load, backend })
    : createKeyring({ ...load, backend }))

  const tableOf = (at: vectors.Place, shape: vectors.ColumnShape, random = '') => {
    const cipher = createFieldCipher({
      keyring,
      purposes: { test: {} },
      clock,
      randomBytes: () => Buffer.from(random, 'hex'),
    })
    const table = cipher.table(
      at.table,
      { value_: columnOf(shape, at.column) },
      {
        bind: {
          tenant: at.tenant === null ? null : 'tenant__',
          row: at.row === null ? null : 'row__',
          extra: Object.keys(at.extra),
        },
      },
    )
    const context: Record<string, string> = { ...at.extra }
    Object.assign(context, at.tenant === null ? {} : { tenant__: at.tenant }, at.row === null ? {} : { row__: at.row })
    return {
      encrypt: async (value: unknown) => table.encryptField('value_', value as never, context),
      decrypt: async (stored: string | Uint8Array) =>
        table.decryptField('value_', stored, context, { purpose: 'test' }),
    }
  }

  test('valid: written byte for byte, opened from both forms', async () => {
    for (const vector of document.valid) {
      const { encrypt, decrypt } = tableOf(vector, vector, vector.random)
      const value = vectors.fromJson(vector.type, vector.value)
      // Suite 04 is written for large values only, and read at any size.
      if (vector.suite !== 4) {
        const stored = await encrypt(value)
        expect(Buffer.from(stored ?? []).toString('hex'), `valid ${vector.id}`).toBe(vector.bytes)
      }
      expect(await decrypt(vector.text), `valid ${vector.id}`).toEqual(value)
      expect(await decrypt(Uint8Array.from(Buffer.from(vector.bytes, 'hex'))), `valid ${vector.id}`).toEqual(value)
    }
  })

  test('large: written byte for byte, opened', async () => {
    for (const vector of document.large) {
      const { encrypt, decrypt } = tableOf(
        vector,
        { type: 'string', suite: 1, pad: null, nulls: 'pass' },
        vector.random,
      )
      const value = 'x'.repeat(vector.length)
      const stored = await encrypt(value)
      if (!(stored instanceof Uint8Array)) return expect.unreachable()
      expect(createHash('sha512').update(stored).digest('hex'), `large ${vector.id}`).toBe(vector.sha512)
      expect((await decrypt(stored)) === value).toBe(true)
    }
  })

  test('tokens: found by a query', async () => {
    for (const { id, tenant, table: name, index, bits, parts, token } of document.tokens) {
      const cipher = createFieldCipher({ keyring, purposes: { test: {} }, clock })
      // The value of a bytes column is its own part.
      const columns = Object.fromEntries(parts.map((_, i) => [`part${i}`, field.bytes()]))
      const bind = { tenant: tenant === null ? null : 'tenant', row: null }
      const table = cipher.table(name, columns, { bind, indexes: { [index]: { on: Object.keys(columns), bits } } })
      const values = Object.fromEntries(parts.map((part, i) => [`part${i}`, Uint8Array.from(Buffer.from(part, 'hex'))]))
      expect(await table.query(index, { ...values, tenant } as never), `token ${id}`).toEqual([token])
    }
  })

  test('invalid: refused with the code that is given', async () => {
    for (const { id, comment, stored, code, ...vector } of document.invalid) {
      const value = 'text' in stored ? stored.text : Uint8Array.from(Buffer.from(stored.bytes, 'hex'))
      const refused = await tableOf(vector, vector)
        .decrypt(value)
        .then(() => null, codeOf)
      expect(refused, `invalid ${id}: ${comment}`).toBe(code)
    }
  })
})
