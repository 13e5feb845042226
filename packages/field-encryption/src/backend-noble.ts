import { aeskw, aeskwp, gcm } from '@noble/ciphers/aes.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'
import type { Backend, KeyWrap, KeyWrapKind, Mac } from './backend.js'
import { FieldEncryptionError } from './errors.js'
import { hashBytes, padBytes } from './mac-input.js'

function macOf(key: Uint8Array): Mac {
  const keyed = hmac.create(sha512, key)
  let destroyed = false
  const mac = (input: Uint8Array, out: Uint8Array) => {
    if (destroyed) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE')
    keyed.clone().update(input.subarray(padBytes)).digestInto(out)
    return out
  }
  return {
    mac,
    derive: (input) => mac(input, new Uint8Array(hashBytes)),
    destroy() {
      destroyed = true
      keyed.destroy()
    },
  }
}

/** Pure TypeScript, for runtimes without a synchronous native AES. Its AES uses tables and is not constant-time. */
export const nobleBackend: Backend = {
  name: 'noble',
  mode: 'sync',
  importMac: macOf,
  seal(key, nonce, plaintext, out, offset, associatedData) {
    out.set(gcm(key, nonce, associatedData).encrypt(plaintext), offset)
  },
  open(key, nonce, sealed, offset, associatedData) {
    try {
      return gcm(key, nonce, associatedData).decrypt(sealed.subarray(offset))
    } catch {
      return null
    }
  },
  sha512: (input) => sha512(input),
}

export function nobleKeyWrap(kind: KeyWrapKind): KeyWrap {
  const create = { kw: aeskw, kwp: aeskwp }[kind]
  return {
    wrap: (key, dataKey) => create(key).encrypt(dataKey),
    unwrap(key, wrapped) {
      try {
        return create(key).decrypt(wrapped)
      } catch {
        return null
      }
    },
  }
}
