import { decryptStringSync, encryptStringSync, generateKey, parseKeySync } from '@47ng/cloak'
import { createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { paired } from './paired.js'

/** A string of 64 characters in, text out, and back: what a varchar column does. */
const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { bench: {} } })
const table = cipher.table('people', { note: field.string() }, { bind: { tenant: 'tenant', row: 'id' } })
const context = { tenant: 'acme', id: '018f2b5e-7c1a-7000-8000-0123456789ab' }
const cloakKey = parseKeySync(generateKey())
const note = 'Ada Lovelace, 12 St James Square, London SW1Y 4LB, +44 20 7946 0'

const ours = () => table.decryptField('note', table.encryptField('note', note, context), context, { purpose: 'bench' })
const cloak = () => decryptStringSync(encryptStringSync(note, cloakKey), cloakKey)

if (note.length !== 64 || ours() !== note || cloak() !== note) throw new Error('the opened text differs')

const figures = await paired(ours, cloak)
console.log(JSON.stringify({ bench: 'text 64 characters', ...figures, peer: '@47ng/cloak 1.2.0', target: 1 }))
