/** The part of Node's Buffer that decodes and encodes natively; absent in browsers and on edge runtimes. */
interface NativeBuffer {
  from(text: string, encoding: 'base64url' | 'latin1'): NativeBytes
  from(buffer: ArrayBufferLike, offset: number, length: number): NativeBytes
  isBuffer(bytes: Uint8Array): bytes is NativeBytes
}
interface NativeBytes extends Uint8Array {
  toString(encoding?: 'base64url' | 'latin1'): string
  readUInt8(offset?: number): number
}

const host: { readonly Buffer?: NativeBuffer } = globalThis as { readonly Buffer?: NativeBuffer }
const native: NativeBuffer | undefined = host.Buffer

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const values = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = i

/**
 * Decodes base64url (RFC 4648 §5) without padding, and only the one spelling that encoding its bytes gives:
 * no `=`, `+`, `/`, white space or other character, no length of 1 modulo 4, no bits set behind the last byte.
 *
 * @returns The bytes, or undefined when the text is any other spelling.
 */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (native !== undefined) {
    const bytes = native.from(text, 'base64url')
    // Node skips what it does not know; encoding again and comparing refuses all of that at once.
    return bytes.toString('base64url') === text ? bytes : undefined
  }
  return decodeByTable(text)
}

/** {@link decodeBase64url} without the runtime's help. */
export function decodeByTable(text: string): Uint8Array | undefined {
  const rest = text.length & 3
  if (rest === 1) return undefined
  const bytes = new Uint8Array((text.length * 3) >> 2)
  let bits = 0
  let word = 0
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const value = code < 128 ? (values[code] ?? -1) : -1
    if (value < 0) return undefined
    word = ((word << 6) | value) & 0x3fff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (word >> bits) & 0xff
    }
  }
  return (word & ((1 << bits) - 1)) === 0 ? bytes : undefined
}

/** Encodes bytes as base64url without padding. */
export function encodeBase64url(bytes: Uint8Array): string {
  if (native !== undefined) return asNative(bytes, native).toString('base64url')
  let text = ''
  let bits = 0
  let word = 0
  for (const byte of bytes) {
    word = ((word << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 6) {
      bits -= 6
      text += alphabet.charAt((word >> bits) & 63)
    }
  }
  return bits > 0 ? text + alphabet.charAt((word << (6 - bits)) & 63) : text
}

/** The same bytes with the native methods; what `decodeBase64url` gave has them already. */
function asNative(bytes: Uint8Array, buffer: NativeBuffer): NativeBytes {
  return buffer.isBuffer(bytes) ? bytes : buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** ASCII bytes as text; the caller has made sure that no byte is above 127. */
export function asciiText(bytes: Uint8Array): string {
  if (native !== undefined) return asNative(bytes, native).toString('latin1')
  let text = ''
  for (let i = 0; i < bytes.length; i += 8_192) text += String.fromCharCode(...bytes.subarray(i, i + 8_192))
  return text
}

/** Text of ASCII characters as bytes; the caller has made sure that it has no other. */
export function asciiBytes(text: string): Uint8Array {
  if (native !== undefined) return native.from(text, 'latin1')
  return new TextEncoder().encode(text)
}
