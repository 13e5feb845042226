const usualBytes = 1024

/** One byte array that is used again, for what is done with before the next call. */
export class Reused {
  readonly #bytes: Uint8Array = new Uint8Array(new ArrayBuffer(usualBytes))
  /** By their length: fields of a column have few lengths, and a view is an object to collect. */
  readonly #views = new Map<number, Uint8Array>()

  /** The first `length` bytes, as they were left. */
  view(length: number): Uint8Array {
    if (length > usualBytes) return new Uint8Array(length)
    const known = this.#views.get(length)
    if (known !== undefined) return known
    const view = this.#bytes.subarray(0, length)
    this.#views.set(length, view)
    return view
  }
}

/**
 * Zeroed byte arrays for secrets: an array outside the heap costs more than the hash of a field. One is handed out until
 * it is given back; who asks meanwhile (a callback that encrypts, a batch of the async backend) gets an array of its own.
 */
export class Scratch {
  readonly #reused = new Reused()
  #taken: Uint8Array | null = null

  take(length: number): Uint8Array {
    if (this.#taken !== null) return new Uint8Array(length)
    this.#taken = this.#reused.view(length)
    return this.#taken
  }

  give(bytes: Uint8Array): void {
    bytes.fill(0)
    if (bytes === this.#taken) this.#taken = null
  }
}
