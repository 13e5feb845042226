import type { Awaitable } from './awaitable.js'
import type { Mac } from './backend.js'
import { copyBytes, writeU32 } from './bytes.js'

/** The block of SHA-512: an HMAC's inner pad takes one, and stands before the input (RFC 2104 §2). */
export const padBytes = 128
/** What SHA-512, and so every {@link Mac}, gives. */
export const hashBytes = 64
const usualBytes = 2048

/**
 * Assembles the input of an HMAC in one buffer that is used again, with room for the pad before it. A {@link Mac} reads
 * the buffer before it returns, so it is free, and zeroed, as soon as the call has been made.
 */
export class MacInput {
  #bytes: Uint8Array = new Uint8Array(usualBytes)
  #length = padBytes
  /** Views of the buffer by their length: fields of a column have few lengths, and a view is an object to collect. */
  #views = new Map<number, Uint8Array>()

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** The bytes from `start` up to `end`. */
  range(bytes: Uint8Array, start: number, end: number): this {
    this.#reserve(end - start)
    copyBytes(bytes, start, this.#bytes, this.#length, end - start)
    this.#length += end - start
    return this
  }

  byte(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#length] = value
    this.#length += 1
    return this
  }

  /** `LP(x)`: u32 length, then x. Without it "ab" + "c" and "a" + "bc" would be one input. */
  prefixed(bytes: Uint8Array): this {
    this.#reserve(4)
    writeU32(this.#bytes, this.#length, bytes.length)
    this.#length += 4
    return this.raw(bytes)
  }

  /** For the length of a call: 64 bytes in `out`. */
  mac(key: Mac, out: Uint8Array): Awaitable<Uint8Array> {
    try {
      return key.mac(this.#view(), out)
    } finally {
      this.#clear()
    }
  }

  /** For a key that is kept; the caller zeroes it. */
  derive(key: Mac): Awaitable<Uint8Array> {
    try {
      return key.derive(this.#view())
    } finally {
      this.#clear()
    }
  }

  #view(): Uint8Array {
    const known = this.#views.get(this.#length)
    if (known !== undefined) return known
    const view = this.#bytes.subarray(0, this.#length)
    if (this.#length <= usualBytes) this.#views.set(this.#length, view)
    return view
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed + 64, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes.fill(0)
    this.#replace(grown)
  }

  #clear(): void {
    this.#bytes.fill(0, 0, this.#length)
    this.#length = padBytes
    // A large value has been through: its buffer is not kept.
    if (this.#bytes.length > 16 * usualBytes) this.#replace(new Uint8Array(usualBytes))
  }

  #replace(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#views = new Map()
  }
}
