import { createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { paired } from './paired.js'

/** 10 000 rows of 3 fields opened in one call, and what a slice of 500 rows takes of the event loop. */
const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { bench: {} } })
const columns = { pan: field.string(), amount: field.decimal(), email: field.string() }
const table = cipher.table('cards', columns, { bind: { tenant: 'tenant', row: 'id' } })
const rows = Array.from({ length: 10_000 }, (_, id) => ({
  tenant: 'acme',
  id: `018f2b5e-7c1a-7000-8000-${String(id).padStart(12, '0')}`,
  pan: '4111111111111111',
  amount: '1234.50',
  email: `person-${id}@example.com`,
}))
const stored = table.encryptMany(rows)
const purpose = { purpose: 'bench' } as const
const names = ['pan', 'amount', 'email'] as const

const batch = () => table.decryptMany(stored, purpose)
const single = () => stored.map((row) => names.map((name) => table.decryptField(name, row[name], row, purpose)))

const subtleKey = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
const sealed = await Promise.all(
  rows.flatMap((row) =>
    names.map(async (name) => {
      const iv = crypto.getRandomValues(new Uint8Array(12))
      return { iv, body: await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, subtleKey, Buffer.from(row[name])) }
    }),
  ),
)
const subtle = async () =>
  Promise.all(
    sealed.map(async ({ iv, body }) =>
      Buffer.from(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, subtleKey, body)).toString(),
    ),
  )

if (batch()[9_999]?.email !== 'person-9999@example.com' || single()[9_999]?.[2] !== 'person-9999@example.com') {
  throw new Error('the opened rows differ')
}
if ((await subtle()).at(-1) !== 'person-9999@example.com') throw new Error('the opened rows differ')

const options = { rounds: 7, roundMs: 1 }
for (const [peer, work, target] of [
  ['the same fields by decryptField', single, 1.2],
  ['crypto.subtle, Promise.all', subtle, 5],
] as const) {
  const figures = await paired(batch, work, options)
  console.log(JSON.stringify({ bench: 'decryptMany 10 000 rows x 3', ...figures, peer, target }))
}

const blocks: number[] = []
for (let i = 0; i < stored.length; i += 500) {
  const slice = stored.slice(i, i + 500)
  const start = process.hrtime.bigint()
  table.decryptMany(slice, purpose)
  blocks.push(Number(process.hrtime.bigint() - start))
}
const total = blocks.reduce((sum, ns) => sum + ns, 0)
console.log(JSON.stringify({ bench: 'longest block, slices of 500 rows x 3', ours_ns: Math.max(...blocks) }))
console.log(
  JSON.stringify({
    bench: `one row x 3 in a batch, ${Math.round(1e13 / total)} rows/s`,
    ours_ns: total / stored.length,
  }),
)
