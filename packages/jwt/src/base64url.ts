/** The part of Node's Buffer that decodes and encodes natively; absent in browsers and on edge runtimes. */
interface NativeBuffer {
  from(text: string, encoding: 'base64url'): NativeBytes
  from(buffer: ArrayBufferLike, offset: number, length: number): NativeBytes
}
interface NativeBytes extends Uint8Array {
  toString(encoding?: 'base64url'): string
}

const host: { readonly Buffer?: NativeBuffer } = globalThis as { readonly Buffer?: NativeBuffer }
const native: NativeBuffer | undefined = host.Buffer

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** What each byte of a text stands for: six bits, or 255 outside the alphabet. */
const values = new Uint8Array(256).fill(255)
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
  const ascii = asciiBytes(text)
  if (ascii.length !== text.length) return undefined
  const bytes = new Uint8Array((text.length * 3) >> 2)
  return decodeAscii(ascii, 0, ascii.length, bytes) < 0 ? undefined : bytes
}

/**
 * Decodes the characters of an ASCII text from `begin` to `end`, and only the one spelling, into `target`. For the few
 * hundred characters of a token's part this is cheaper than crossing into native code to decode and to encode again.
 *
 * @returns How many bytes there are, or -1 when the text is any other spelling.
 */
export function decodeAscii(text: Uint8Array, begin: number, end: number, target: Uint8Array): number {
  const rest = (end - begin) & 3
  const whole = end - rest
  let at = 0
  let seen = 0
  for (let i = begin; i < whole; i += 4) {
    const a = valueAt(text, i)
    const b = valueAt(text, i + 1)
    const c = valueAt(text, i + 2)
    const d = valueAt(text, i + 3)
    seen |= a | b | c | d
    target[at] = (a << 2) | (b >> 4)
    target[at + 1] = (b << 4) | (c >> 2)
    target[at + 2] = (c << 6) | d
    at += 3
  }
  if (rest === 0) return seen > 63 ? -1 : at
  if (rest === 1) return -1
  const a = valueAt(text, whole)
  const b = valueAt(text, whole + 1)
  const c = rest === 3 ? valueAt(text, whole + 2) : 0
  target[at++] = (a << 2) | (b >> 4)
  if (rest === 3) target[at++] = (b << 4) | (c >> 2)
  const unused = rest === 3 ? c & 3 : b & 15
  return (seen | a | b | c) > 63 || unused !== 0 ? -1 : at
}

function valueAt(text: Uint8Array, at: number): number {
  return values[text[at] as number] as number
}

/** Encodes bytes as base64url without padding. */
export function encodeBase64url(bytes: Uint8Array): string {
  if (native !== undefined) {
    return native.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
  }
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

const encoder = new TextEncoder()

/** Text of ASCII characters as bytes; of another text, more bytes than it has characters. */
export function asciiBytes(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Writes a text into bytes that are long enough for it; whether it is ASCII, so that each character is one byte. */
export function writeAscii(text: string, target: Uint8Array): boolean {
  return encoder.encodeInto(text, target).written === text.length
}
