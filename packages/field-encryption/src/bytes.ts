const shortText = 128
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function utf8(text: string): Uint8Array {
  // For the short ASCII text that context and values mostly are, a loop costs a third of a call into the encoder.
  if (text.length > shortText) return encoder.encode(text)
  const bytes = new Uint8Array(text.length)
  return writeAscii(text, bytes, 0) ? bytes : encoder.encode(text)
}

/** Null when the bytes are not well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

/** ES2024's; it knows text of single bytes without looking at it. */
const native = (String.prototype as { readonly isWellFormed?: (this: string) => boolean }).isWellFormed

/** A lone surrogate has no UTF-8 form: TextEncoder would replace it, and two values would become one. */
export function isWellFormed(text: string): boolean {
  return native === undefined ? !/\p{Surrogate}/u.test(text) : native.call(text)
}

/** Writes text that is all ASCII to `target` from `offset` on; false when it is not, and then what is written is no use. */
export function writeAscii(text: string, target: Uint8Array, offset: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    target[offset + i] = code
  }
  return true
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += hexOfByte[bytes[i] ?? 0]
  return text
}

/**
 * True when `length` bytes of `a` from `aAt` are those of `b` from `bAt`. Compares without stopping at the first
 * difference; lengths are public.
 */
export function equalAt(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  let difference = 0
  for (let i = 0; i < length; i++) difference |= (a[aAt + i] ?? 0x100) ^ (b[bAt + i] ?? 0x200)
  return difference === 0
}

/** For a few bytes: cheaper than a view to copy from. */
export function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i] ?? 0
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalAt(a, 0, b, 0, a.length)
}

export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24
  target[offset + 1] = value >>> 16
  target[offset + 2] = value >>> 8
  target[offset + 3] = value
}

export function readU32(source: Uint8Array, offset: number): number {
  const high = ((source[offset] ?? 0) << 8) | (source[offset + 1] ?? 0)
  const low = ((source[offset + 2] ?? 0) << 8) | (source[offset + 3] ?? 0)
  return high * 65_536 + low
}
