const poolBytes = 8192
const largestShare = 1024

/**
 * Zeroed byte arrays cut one after another from pools that are never used twice: a small array of its own is allocated
 * outside the heap and costs four times as much. For what is zeroed after its call, never for what is returned.
 */
export class Arena {
  #pool: Uint8Array = new Uint8Array(poolBytes)
  #used = 0

  take(length: number): Uint8Array {
    if (length > largestShare) return new Uint8Array(length)
    if (this.#used + length > poolBytes) {
      this.#pool = new Uint8Array(poolBytes)
      this.#used = 0
    }
    const share = this.#pool.subarray(this.#used, this.#used + length)
    this.#used += length
    return share
  }
}
