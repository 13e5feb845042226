const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0))
const invalid = 255
const ascii = new TextDecoder()
const values = new Uint8Array(128).fill(invalid)
for (let i = 0; i < 64; i++) values[codes[i] ?? 0] = i

/** `Buffer.prototype.base64urlSlice` and `base64urlWrite`, which take any byte array as their `this`. */
interface Native {
  slice(this: Uint8Array, start: number, end: number): string
  write(this: Uint8Array, text: string, offset: number, length: number): number
}

/** Where the runtime's own codec works on plain byte arrays it is ten times faster than a loop. Found once. */
const native: Native | null = findNative()

function findNative(): Native | null {
  const runtime: { Buffer?: { prototype: { base64urlSlice?: unknown; base64urlWrite?: unknown } } } = globalThis
  const slice = runtime.Buffer?.prototype.base64urlSlice
  const write = runtime.Buffer?.prototype.base64urlWrite
  if (typeof slice !== 'function' || typeof write !== 'function') return null
  const found = { slice: slice as Native['slice'], write: write as Native['write'] }
  try {
    const probe = Uint8Array.of(1, 0, 0, 0, 2)
    const written = found.write.call(probe, '-_-_', 1, 3)
    return written === 3 && found.slice.call(probe, 1, 4) === '-_-_' && probe[0] === 1 && probe[4] === 2 ? found : null
  } catch {
    return null
  }
}

/** base64url without padding (RFC 4648 §5) of the bytes from `start` on. */
export function toBase64url(bytes: Uint8Array, start = 0): string {
  return native === null ? encode(bytes.subarray(start)) : native.slice.call(bytes, start, bytes.length)
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
  return ascii.decode(out)
}

/**
 * The bytes of strict base64url text from `start` on, written to `out` from `offset` to its end; false when the text is
 * not canonical: another alphabet, padding, white space, a length no encoder makes, or unused bits that are not zero
 * (RFC 4648 §3.5), each of which would give one ciphertext a second spelling.
 */
export function decodeBase64url(text: string, start: number, out: Uint8Array, offset: number): boolean {
  if (native === null) return decode(text, start, out, offset)
  const body = text.slice(start)
  // A native decoder is lenient: it takes other alphabets and skips what it does not know. Canonical is what the encoder
  // writes for the bytes.
  return (
    native.write.call(out, body, offset, out.length - offset) === out.length - offset &&
    native.slice.call(out, offset, out.length) === body
  )
}

/** The same on any runtime. */
export function decode(text: string, start: number, out: Uint8Array, offset: number): boolean {
  let o = offset
  let i = start
  let bad = 0
  for (; i + 4 <= text.length; i += 4) {
    const [a, b] = [sextet(text.charCodeAt(i)), sextet(text.charCodeAt(i + 1))]
    const [c, d] = [sextet(text.charCodeAt(i + 2)), sextet(text.charCodeAt(i + 3))]
    bad |= a | b | c | d
    out[o] = (a << 2) | (b >>> 4)
    out[o + 1] = (b << 4) | (c >>> 2)
    out[o + 2] = (c << 6) | d
    o += 3
  }
  if (i === text.length) return bad < 64
  // Two characters are left for one byte, or three for two; what they have beyond is zero.
  const a = sextet(text.charCodeAt(i))
  const b = sextet(text.charCodeAt(i + 1))
  out[o] = (a << 2) | (b >>> 4)
  if (i + 2 === text.length) return (bad | a | b) < 64 && (b & 15) === 0
  const c = sextet(text.charCodeAt(i + 2))
  out[o + 1] = (b << 4) | (c >>> 2)
  return (bad | a | b | c) < 64 && (c & 3) === 0
}

/** 64 and above for what is not in the alphabet, or past the end of the text. */
function sextet(code: number): number {
  return code < 128 ? (values[code] ?? invalid) : invalid
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
