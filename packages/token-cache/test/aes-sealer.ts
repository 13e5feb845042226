import type { Sealer } from '@coffer/token-cache'

/** AES-256-GCM through WebCrypto, with a fixed key: the two operations of RFC 5116, as an app's own sealer has them. */
export async function aesSealer(): Promise<Sealer> {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(32).fill(7), 'AES-GCM', false, ['encrypt', 'decrypt'])
  return {
    async encrypt(plaintext, associatedData) {
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const sealedBytes = await crypto.subtle.encrypt(parameters(iv, associatedData), key, new Uint8Array(plaintext))
      return new Uint8Array([...iv, ...new Uint8Array(sealedBytes)])
    },
    async decrypt(ciphertext, associatedData) {
      const iv = new Uint8Array(ciphertext.subarray(0, 12))
      const opened = await crypto.subtle.decrypt(
        parameters(iv, associatedData),
        key,
        new Uint8Array(ciphertext.subarray(12)),
      )
      return new Uint8Array(opened)
    },
  }
}

function parameters(iv: Uint8Array<ArrayBuffer>, associatedData: Uint8Array): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: new Uint8Array(associatedData) }
}
