const redacted = '[redacted]'
const inspect = Symbol.for('nodejs.util.inspect.custom')

/** What a token is made of. */
export interface AccessTokenParts {
  readonly text: string
  readonly scope: readonly string[]
  readonly expiresAt: number
  readonly generation: number
}

/** A bearer token. Strings, JSON and inspection of it show `[redacted]`; {@link reveal} is the only way to its text. */
export class AccessToken {
  readonly #text: string
  // One text instead of a list: a million tokens hold it.
  readonly #scope: string
  /** Epoch milliseconds, by the clock of this process. */
  readonly expiresAt: number
  /** Rises with every token of the same key. */
  readonly generation: number
  constructor(parts: AccessTokenParts) {
    this.#text = parts.text
    this.#scope = parts.scope.join(' ')
    this.expiresAt = parts.expiresAt
    this.generation = parts.generation
  }

  // On the prototype, so that a million tokens do not each hold it.
  get tokenType(): 'Bearer' {
    return 'Bearer'
  }

  /** As granted: may be less or more than asked. */
  get scope(): readonly string[] {
    return Object.freeze(this.#scope === '' ? [] : this.#scope.split(' '))
  }

  /** The text that goes behind `Bearer `: %x21-7E only, so it cannot split a header. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [Symbol.toPrimitive](): string {
    return redacted
  }

  static {
    Object.defineProperty(AccessToken.prototype, inspect, { value: () => `AccessToken ${redacted}` })
  }
}

const adopted = new WeakSet<AccessToken>()

/** Marks a token that a peer obtained. */
export function markAdopted(token: AccessToken): void {
  adopted.add(token)
}

/** Whether a peer obtained this token: nobody here can know that the resource ever accepted it. */
export function isAdopted(token: AccessToken): boolean {
  return adopted.has(token)
}

/** Tokens that no store has seen, and the store's generation at the time. */
const processLocal = new WeakMap<AccessToken, number>()

/** Marks a token obtained while the store failed: its generation says nothing about the store's. */
export function markProcessLocal(token: AccessToken, stored: number): void {
  processLocal.set(token, stored)
}

/** The store's generation as far as whoever holds this token has seen it. */
export function storedGeneration(token: AccessToken): number {
  return processLocal.get(token) ?? token.generation
}
