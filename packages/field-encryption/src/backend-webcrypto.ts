import type { Backend, Mac } from './backend.js'
import { padBytes } from './mac-input.js'

/** Calls `work` with a copy of the key, which is zeroed once the runtime has taken it. */
async function withCopy<T>(key: Uint8Array, work: (copy: Uint8Array<ArrayBuffer>) => Promise<T>): Promise<T> {
  const copy = Uint8Array.from(key)
  try {
    return await work(copy)
  } finally {
    copy.fill(0)
  }
}

async function importMac(key: Uint8Array): Promise<Mac> {
  const algorithm = { name: 'HMAC', hash: 'SHA-512' }
  const imported = await withCopy(key, (copy) =>
    globalThis.crypto.subtle.importKey('raw', copy, algorithm, false, ['sign']),
  )
  const derive = async (input: Uint8Array) =>
    new Uint8Array(await globalThis.crypto.subtle.sign('HMAC', imported, input.slice(padBytes)))
  return {
    async mac(input, out) {
      const mac = await derive(input)
      out.set(mac)
      mac.fill(0)
      return out
    },
    derive,
    // A non-extractable CryptoKey holds the bytes; there is nothing of ours to zero.
    destroy() {},
  }
}

function importAes(key: Uint8Array, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return withCopy(key, (copy) => globalThis.crypto.subtle.importKey('raw', copy, 'AES-GCM', false, [usage]))
}

function gcm(nonce: Uint8Array, associatedData: Uint8Array = new Uint8Array(0)): AesGcmParams {
  return {
    name: 'AES-GCM',
    iv: Uint8Array.from(nonce),
    tagLength: 128,
    additionalData: Uint8Array.from(associatedData),
  }
}

/** `crypto.subtle`: every call is a promise, keys are non-extractable. */
export const webcryptoBackend: Backend = {
  name: 'webcrypto',
  mode: 'async',
  importMac,
  async seal(key, nonce, plaintext, out, offset, associatedData) {
    const algorithm = gcm(nonce, associatedData)
    const aes = await importAes(key, 'encrypt')
    out.set(new Uint8Array(await globalThis.crypto.subtle.encrypt(algorithm, aes, Uint8Array.from(plaintext))), offset)
  },
  async open(key, nonce, sealed, offset, associatedData) {
    const algorithm = gcm(nonce, associatedData)
    const aes = await importAes(key, 'decrypt')
    try {
      return new Uint8Array(await globalThis.crypto.subtle.decrypt(algorithm, aes, sealed.slice(offset)))
    } catch {
      return null
    }
  },
  sha512: async (input) => new Uint8Array(await globalThis.crypto.subtle.digest('SHA-512', Uint8Array.from(input))),
}
