const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0))
const invalid = 255
const values = new Uint8Array(128).fill(invalid)
for (let i = 0; i < 64; i++) values[codes[i] ?? 0] = i

interface NativeEncoder {
  from(buffer: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64url'): string }
}

/** Where the runtime has `Buffer`, its encoder is ten times faster than a loop. Found once, used as it was then. */
const native: NativeEncoder | undefined = (globalThis as { readonly Buffer?: NativeEncoder }).Buffer

/** base64url without padding (RFC 4648 §5). */
export function toBase64url(bytes: Uint8Array): string {
  return native === undefined
    ? encode(bytes)
    : native.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

/** The same on any runtime. */
export function encode(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil((bytes.length * 4) / 3))
  let o = 0
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out[o] = codes[group >>> 18] ?? 0
    out[o + 1] = codes[(group >>> 12) & 63] ?? 0
    // Stores past the end of the last, shorter group fall outside the array and are dropped.
    out[o + 2] = codes[(group >>> 6) & 63] ?? 0
    out[o + 3] = codes[group & 63] ?? 0
    o += 4
  }
  return ascii(out)
}

/**
 * The bytes of strict base64url text from `start` on, written to `out` at `offset`; false when the text is not
 * canonical: another alphabet, padding, white space, a length no encoder makes, or unused bits that are not zero
 * (RFC 4648 §3.5), each of which would give one ciphertext a second spelling.
 */
export function decodeBase64url(text: string, start: number, out: Uint8Array, offset: number): boolean {
  let bits = 0
  let pending = 0
  let o = offset
  let bad = 0
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const value = code < 128 ? (values[code] ?? invalid) : invalid
    bad |= value & 0xc0
    bits = (bits << 6) | (value & 63)
    pending += 6
    if (pending >= 8) {
      pending -= 8
      out[o] = bits >>> pending
      o += 1
      bits &= (1 << pending) - 1
    }
  }
  return bad === 0 && pending < 6 && bits === 0
}

/** Bytes that a number of base64url characters stands for. */
export function decodedLength(characters: number): number {
  return Math.floor((characters * 3) / 4)
}

/** Null when the text is not canonical base64url. */
export function fromBase64url(text: string): Uint8Array | null {
  const out = new Uint8Array(decodedLength(text.length))
  return decodeBase64url(text, 0, out, 0) ? out : null
}

const slice = 4096

function ascii(bytes: Uint8Array): string {
  if (bytes.length <= slice) return String.fromCharCode(...bytes)
  let text = ''
  for (let i = 0; i < bytes.length; i += slice) text += String.fromCharCode(...bytes.subarray(i, i + slice))
  return text
}
