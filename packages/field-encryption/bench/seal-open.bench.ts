import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { paired } from './paired.js'

/** One value sealed and opened again: this package against bare GCM and WebCrypto, which bind and commit to nothing. */
const sizes = [16, 64, 256, 1024, 65_536]
const bench = 'seal-open'

const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { bench: {} } })
const table = cipher.table(
  'cards',
  { value: field.bytes({ encoding: 'bytes', maxBytes: 65_536 }) },
  { bind: { tenant: 'tenant', row: 'id' } },
)
const context = { tenant: 'acme', id: '018f2b5e-7c1a-7000-8000-0123456789ab' }
const key = randomBytes(32)
const subtleKey = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])

function ours(value: Uint8Array): Uint8Array | null {
  const stored = table.encryptField('value', value, context)
  return table.decryptField('value', stored, context, { purpose: 'bench' })
}

function bare(value: Uint8Array): Uint8Array {
  const nonce = randomBytes(12)
  const sealer = createCipheriv('aes-256-gcm', key, nonce)
  const body = Buffer.concat([nonce, sealer.update(value), sealer.final(), sealer.getAuthTag()])
  const opener = createDecipheriv('aes-256-gcm', key, body.subarray(0, 12))
  opener.setAuthTag(body.subarray(-16))
  return Buffer.concat([opener.update(body.subarray(12, -16)), opener.final()])
}

async function subtle(value: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, subtleKey, value)
  return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, subtleKey, sealed))
}

function same(value: Uint8Array, opened: Uint8Array | null): void {
  if (opened === null || Buffer.compare(value, opened) !== 0) throw new Error('the opened value differs')
}

for (const size of sizes) {
  const value = crypto.getRandomValues(new Uint8Array(size))
  const stored = table.encryptField('value', value, context)?.length ?? 0
  console.log(JSON.stringify({ bench: `overhead ${size} B: ${stored - size} bytes`, peer: 'bare GCM: 28 bytes' }))
  same(value, ours(value))
  same(value, bare(value))
  same(value, await subtle(value))
  const peers: [string, () => unknown, number][] = [
    ['bare createCipheriv GCM', () => bare(value), 0.5],
    ['crypto.subtle GCM', () => subtle(value), 5],
  ]
  for (const [peer, work, target] of peers) {
    const figures = await paired(() => ours(value), work)
    console.log(JSON.stringify({ bench: `${bench} ${size} B`, ...figures, peer, ...(size === 64 ? { target } : {}) }))
  }
}
