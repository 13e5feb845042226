/** Authenticated encryption with associated data (RFC 5116), synchronous or not. */
export interface Sealer {
  encrypt(plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array | Promise<Uint8Array>
  decrypt(ciphertext: Uint8Array, associatedData: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** Associated data from a list of texts: each behind its length, so that no two lists share one encoding. */
export function sealContext(...parts: readonly string[]): Uint8Array {
  const encoded = parts.map((part) => new TextEncoder().encode(part))
  const bytes = new Uint8Array(encoded.reduce((length, part) => length + 4 + part.length, 0))
  let at = 0
  for (const part of encoded) {
    new DataView(bytes.buffer).setUint32(at, part.length)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}
