/** Holds a decrypted value that must be asked for: strings, JSON and inspection show `[redacted]`. */
export interface Redacted<T> {
  reveal(): T
  toString(): string
  toJSON(): string
}

const text = '[redacted]'
const inspect = Symbol.for('nodejs.util.inspect.custom')

class RedactedValue<T> implements Redacted<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
    Object.freeze(this)
  }

  reveal(): T {
    return this.#value
  }

  toString(): string {
    return text
  }

  toJSON(): string {
    return text
  }

  [inspect](): string {
    return text
  }
}

export function redact<T>(value: T): Redacted<T> {
  return new RedactedValue(value)
}

/** The value inside, or the value itself. */
export function revealed(value: unknown): unknown {
  return value instanceof RedactedValue ? value.reveal() : value
}
