import { aeskwp, gcm } from '@noble/ciphers/aes.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'
import type { Backend, KeyWrap, Mac } from './backend.js'

function macOf(key: Uint8Array): Mac {
  const keyed = hmac.create(sha512, key)
  return {
    mac: (input) => keyed.clone().update(input).digest(),
    destroy: () => keyed.destroy(),
  }
}

/** Pure TypeScript, for runtimes without a synchronous native AES. Its AES uses tables and is not constant-time. */
export const nobleBackend: Backend = {
  name: 'noble',
  mode: 'sync',
  importMac: macOf,
  seal(key, nonce, plaintext, out, offset) {
    out.set(gcm(key, nonce).encrypt(plaintext), offset)
  },
  open(key, nonce, body) {
    try {
      return gcm(key, nonce).decrypt(body)
    } catch {
      return null
    }
  },
  sha512: (input) => sha512(input),
}

export const nobleKeyWrap: KeyWrap = {
  wrap: (key, dataKey) => aeskwp(key).encrypt(dataKey),
  unwrap(key, wrapped) {
    try {
      return aeskwp(key).decrypt(wrapped)
    } catch {
      return null
    }
  },
}
