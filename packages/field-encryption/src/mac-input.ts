import type { Awaitable } from './awaitable.js'
import type { Mac } from './backend.js'
import { writeU32 } from './bytes.js'

const usualBytes = 2048

/**
 * Assembles the input of an HMAC in one buffer that is used again. A {@link Mac} reads its input before it returns, so
 * the buffer is free, and zeroed, as soon as the call has been made.
 */
export class MacInput {
  #bytes: Uint8Array = new Uint8Array(usualBytes)
  #length = 0

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

  /** One block of HKDF-Expand (RFC 5869 §2.3): the input, then the counter. For the length of a call. */
  expand(mac: Mac): Awaitable<Uint8Array> {
    this.byte(1)
    try {
      return mac.mac(this.#bytes.subarray(0, this.#length))
    } finally {
      this.#clear()
    }
  }

  /** The same for a key that is kept; the caller zeroes it. */
  expandKey(mac: Mac): Awaitable<Uint8Array> {
    this.byte(1)
    try {
      return mac.derive(this.#bytes.subarray(0, this.#length))
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
    this.#length = 0
    // A large value has been through: its buffer is not kept.
    if (this.#bytes.length > 16 * usualBytes) this.#bytes = new Uint8Array(usualBytes)
  }
}
