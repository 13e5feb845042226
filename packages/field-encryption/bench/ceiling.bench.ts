import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hash, randomBytes } from 'node:crypto'
import { decryptStringSync, encryptStringSync, generateKey, parseKeySync } from '@47ng/cloak'
import { paired } from './paired.js'

/**
 * The primitives of suite 01 alone, for 64 bytes: HMAC-SHA-512 for the salt (when sealing) and for the message's keys,
 * as two one-shot hashes each, and AES-256-GCM. No frames, contexts, parsing or text: what no implementation of the
 * format on node:crypto can be faster than.
 */
const gcm = 'aes-256-gcm'
const secrets = new Uint8Array(new ArrayBuffer(64))
const [key, nonce] = [secrets.subarray(0, 32), secrets.subarray(48, 60)]
const pad = new Uint8Array(128).fill(0x36)
// "fle1/salt\0", header, LP(rnd), LP(row), LP(extra), LP(frame), 01; and "fle1/msg\0", header, S, LP(row), LP(extra), 01.
const saltInput = new Uint8Array(new ArrayBuffer(128 + 10 + 6 + 20 + 40 + 4 + 69 + 1))
const keysInput = new Uint8Array(new ArrayBuffer(128 + 9 + 6 + 16 + 40 + 4 + 1))
const outer = new Uint8Array(new ArrayBuffer(192))
const frame = randomBytes(65)

function mac(input: Uint8Array): void {
  input.set(pad)
  outer.set(pad)
  Buffer.prototype.latin1Write.call(outer, hash('sha512', input, 'binary'), 128, 64)
  Buffer.prototype.latin1Write.call(secrets, hash('sha512', outer, 'binary'), 0, 64)
}

function seal(): Uint8Array {
  const out = new Uint8Array(119)
  mac(saltInput)
  mac(keysInput)
  const cipher = createCipheriv(gcm, key, nonce)
  out.set(cipher.update(frame), 38)
  cipher.final()
  out.set(cipher.getAuthTag(), 103)
  return out
}

function open(stored: Uint8Array): Uint8Array {
  mac(keysInput)
  const decipher = createDecipheriv(gcm, key, nonce, { authTagLength: 16 })
  decipher.setAuthTag(stored.subarray(103))
  const opened = decipher.update(stored.subarray(38, 103))
  decipher.final()
  return opened
}

const bareKey = randomBytes(32)
const value = randomBytes(64)
function bare(): Uint8Array {
  const iv = randomBytes(12)
  const sealer = createCipheriv(gcm, bareKey, iv)
  const body = Buffer.concat([iv, sealer.update(value), sealer.final(), sealer.getAuthTag()])
  const opener = createDecipheriv(gcm, bareKey, body.subarray(0, 12))
  opener.setAuthTag(body.subarray(-16))
  return Buffer.concat([opener.update(body.subarray(12, -16)), opener.final()])
}

const cloakKey = parseKeySync(generateKey())
const note = 'Ada Lovelace, 12 St James Square, London SW1Y 4LB, +44 20 7946 0'
const cloak = () => decryptStringSync(encryptStringSync(note, cloakKey), cloakKey)

const secret = createSecretKey(bareKey)
const hmac = () => createHmac('sha512', secret).update(keysInput).digest()
const subtleKey = await crypto.subtle.importKey('raw', bareKey, 'AES-GCM', false, ['encrypt', 'decrypt'])
const iv = new Uint8Array(12)
const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, subtleKey, value)
const subtle = () =>
  Promise.all(Array.from({ length: 1000 }, () => crypto.subtle.decrypt({ name: 'AES-GCM', iv }, subtleKey, sealed)))
const stored = seal()
const thousand = () => {
  for (let i = 0; i < 1000; i++) open(stored)
}

if (Buffer.compare(open(seal()), frame) !== 0 || Buffer.compare(bare(), value) !== 0 || cloak() !== note) {
  throw new Error('the opened value differs')
}
for (const [name, work, peer, other] of [
  ['seal-open', () => open(seal()), 'bare createCipheriv GCM', bare],
  ['seal-open', () => open(seal()), '@47ng/cloak 1.2.0', cloak],
  ['one HMAC', () => mac(keysInput), 'createHmac with a KeyObject', hmac],
  ['1000 opened', thousand, 'crypto.subtle, Promise.all', subtle],
] as const) {
  console.log(JSON.stringify({ bench: `ceiling: primitives alone, ${name}`, ...(await paired(work, other)), peer }))
}
