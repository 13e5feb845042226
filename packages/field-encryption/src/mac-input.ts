import type { Awaitable } from './awaitable.js'
import type { Mac } from './backend.js'
import { writeU32 } from './bytes.js'

/** The block of SHA-512: an HMAC's inner pad takes one, and stands before the input (RFC 2104 §2). */
export const padBytes = 128
const usualBytes = 2048

/**
 * Assembles the input of an HMAC in one buffer that is used again, with room for the pad before it. A {@link Mac} reads
 * the buffer before it returns, so it is free, and zeroed, as soon as the call has been made.
 */
export class MacInput {
  #bytes: Uint8Array = new Uint8Array(usualBytes)
  #length = padBytes

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
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

  /** For the length of a call. */
  mac(key: Mac): Awaitable<Uint8Array> {
    try {
      return key.mac(this.#bytes.subarray(0, this.#length))
    } finally {
      this.#clear()
    }
  }

  /** For a key that is kept; the caller zeroes it. */
  derive(key: Mac): Awaitable<Uint8Array> {
    try {
      return key.derive(this.#bytes.subarray(0, this.#length))
    } finally {
      this.#clear()
    }
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed + 64, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes.fill(0)
    this.#bytes = grown
  }

  #clear(): void {
    this.#bytes.fill(0, 0, this.#length)
    this.#length = padBytes
    // A large value has been through: its buffer is not kept.
    if (this.#bytes.length > 16 * usualBytes) this.#bytes = new Uint8Array(usualBytes)
  }
}
