import { decryptStringSync, encryptStringSync, generateKey, parseKeySync } from '@47ng/cloak'
import { createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { paired } from './paired.js'

/** A string in, text out, and back: what a varchar column does. */
const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { bench: {} } })
const columns = { note: field.string({ maxBytes: 65_536 }) }
const table = cipher.table('people', columns, { bind: { tenant: 'tenant', row: 'id' } })
const context = { tenant: 'acme', id: '018f2b5e-7c1a-7000-8000-0123456789ab' }
const cloakKey = parseKeySync(generateKey())
const address = 'Ada Lovelace, 12 St James Square, London SW1Y 4LB, +44 20 7946 0'

for (const length of [16, 64, 256, 1024, 65_536]) {
  const note = address.repeat(Math.ceil(length / address.length)).slice(0, length)
  const ours = () =>
    table.decryptField('note', table.encryptField('note', note, context), context, { purpose: 'bench' })
  const cloak = () => decryptStringSync(encryptStringSync(note, cloakKey), cloakKey)
  if (ours() !== note || cloak() !== note) throw new Error('the opened text differs')
  const stored = table.encryptField('note', note, context)?.length ?? 0
  const theirs = encryptStringSync(note, cloakKey).length
  const peer = '@47ng/cloak 1.2.0'
  console.log(
    JSON.stringify({
      bench: `overhead ${length} characters: ${stored - length}`,
      peer: `${peer}: ${theirs - length}`,
    }),
  )
  const figures = await paired(ours, cloak)
  const target = length === 64 ? { target: '> 1' } : {}
  console.log(JSON.stringify({ bench: `text ${length} characters`, ...figures, peer, ...target }))
}
