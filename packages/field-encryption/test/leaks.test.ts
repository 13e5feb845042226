import { inspect } from 'node:util'
import {
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  createSealer,
  type DecryptEvent,
  field,
} from '@coffer/field-encryption'
import { createPanTokenizer } from '@coffer/field-encryption/pan'
import { expect, test } from 'vitest'
import * as reference from './reference.js'

const createdAt = Date.UTC(2026, 0, 1)
const dek = Buffer.from('canary-data-key-0123456789abcdef')
const kekBytes = Buffer.from('canary-wrap-key-0123456789abcdef')
const secret = 'canary-plaintext-4242424242424242'
const pan = '4242424242424242'

/** Every spelling in which a planted value could show. */
function spellings(value: Buffer | string): readonly string[] {
  const bytes = Buffer.from(value)
  return [
    bytes.toString('latin1'),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    // How inspect prints a byte array.
    [...bytes].join(', '),
  ]
}

const planted = [dek, kekBytes, secret, pan].flatMap(spellings)

function shown(value: unknown): string {
  const seen = [
    inspect(value, { depth: null, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }),
    String(value),
  ]
  try {
    seen.push(JSON.stringify(value) ?? '')
  } catch {
    // A cycle cannot be printed as JSON; inspect has shown it.
  }
  if (value instanceof Error) seen.push(value.message, value.stack ?? '', JSON.stringify({ ...value }))
  return seen.join('\n')
}

test('planted keys and values show in no object, error, event or statistic', async () => {
  const objects: unknown[] = []
  const refused = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      objects.push(error)
    }
  }
  const kek = createLocalKeyEncryptionKey({ id: 'kek', key: kekBytes })
  const key = { id: 'c0ffee01', version: 1, createdAt, dek }
  const clock = { now: () => createdAt + 1 }
  const record = reference.recordOf(key, 'kek', kekBytes)
  const keyring = await createKeyring({ keyEncryptionKeys: [kek], loadKeys: async () => [record], clock })
  const onDecrypt = (event: DecryptEvent) => objects.push(event)
  const cipher = createFieldCipher({
    keyring,
    purposes: { test: {}, few: { budget: { fields: 1, windowMs: 1 } } },
    onDecrypt,
    clock,
  })
  const table = cipher.table(
    'cards',
    {
      note: field.string({ maxBytes: 64 }),
      pan: field.string({ maxBytes: 19 }),
      hidden: field.string({ redacted: true }),
      amount: field.decimal(),
      data: field.json(),
    },
    { bind: { tenant: 'tenant', row: 'id' }, indexes: { pan_eq: { on: ['pan'], bits: 64 } } },
  )
  const row = { tenant: 'acme', id: 1, note: secret, pan, hidden: secret }
  const stored = table.encrypt(row)
  const sealer = createSealer({ keyring, name: 'tokens' })
  const tokenizer = createPanTokenizer({ cipher, name: 'cards', keyId: key.id, keep: 'none' })
  const purpose = { purpose: 'test' } as const

  objects.push(
    kek,
    keyring,
    keyring.keys,
    cipher,
    table,
    sealer,
    tokenizer,
    stored,
    table.stats(),
    table.plan({ pan_eq: 5 }),
  )
  objects.push(table.decrypt(stored, purpose).hidden)
  const { note: _note, pan: _pan, ...rest } = table.decrypt(stored, purpose)
  objects.push(rest)
  refused(() => table.decrypt({ ...stored, id: 2 }, purpose))
  refused(() => table.decrypt({ ...stored, note: secret }, purpose))
  refused(() => table.decrypt({ ...stored, note: stored.note.slice(0, -1) }, purpose))
  refused(() => table.decryptMany([{ ...stored, id: 2 }], purpose))
  objects.push(table.decryptMany([{ ...stored, id: 2 }], { ...purpose, onRowFailure: 'collect' }))
  refused(() => table.decrypt(stored, { purpose: 'few' }))
  refused(() => table.decrypt(stored, { purpose: secret as 'test' }))
  refused(() => table.decrypt(stored, { ...purpose, fields: [secret as 'note'] }))
  refused(() => table.encrypt({ ...row, note: secret.repeat(10) }))
  refused(() => table.encrypt({ ...row, note: `${secret}\ud800` }))
  refused(() => table.encrypt({ ...row, amount: secret }))
  refused(() => table.encrypt({ ...row, amount: Number(pan) as unknown as string }))
  refused(() => table.encrypt({ ...row, data: { secret: () => secret } }))
  refused(() => table.encrypt({ ...row, id: { secret } as unknown as number }))
  refused(() => table.query(secret as 'pan_eq', { tenant: 'acme', pan }))
  refused(() => sealer.decrypt(Buffer.from(secret), Buffer.from(secret)))
  refused(() => tokenizer.tokenize(`${pan}1`, { tenant: 'acme' }))
  refused(() => tokenizer.detokenize(pan, { tenant: 'acme' }, purpose))
  refused(() => createLocalKeyEncryptionKey({ id: 'kek', key: dek.subarray(1) }))
  objects.push(
    await createKeyring({ keyEncryptionKeys: [kek], loadKeys: async () => [{ ...record, version: 2 }] }).catch(
      (error: unknown) => error,
    ),
  )
  objects.push(
    await createKeyring({
      keyEncryptionKeys: [kek],
      loadKeys: async () => {
        throw new Error(secret)
      },
    }).catch((error: unknown) => error),
  )

  expect(objects.length).toBeGreaterThan(40)
  for (const [i, object] of objects.entries()) {
    const text = shown(object)
    for (const canary of planted)
      expect(text.includes(canary), `object ${i} shows a planted value: ${text.slice(0, 200)}`).toBe(false)
  }
})
