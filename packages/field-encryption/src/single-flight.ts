import { FieldEncryptionError } from './errors.js'

/** True once the time is up: what the load brings then is not used. */
export type IsLate = () => boolean

/**
 * Half of the least `maxAgeMs`: a refresh that begins at half of the keys' age has ended, one way or the other, when
 * they are too old.
 */
export const loadTimeoutMs = 30_000

class Flight {
  /** It has asked its source: its answer may be older than whoever comes now. */
  begun = false
  readonly done: Promise<void>

  constructor(after: Promise<unknown>, work: () => Promise<void>) {
    this.done = after.then(() => {
      this.begun = true
      return work()
    })
  }
}

/** Runs one load at a time, shared by all who wait, each for at most {@link loadTimeoutMs}. */
export class SingleFlight {
  readonly #work: (isLate: IsLate) => Promise<void>
  #current: Flight | null = null
  #next: Flight | null = null

  constructor(work: (isLate: IsLate) => Promise<void>) {
    this.#work = work
  }

  get busy(): boolean {
    return this.#current !== null
  }

  /** The load under way, or else a new one. */
  join(): Promise<void> {
    this.#current ??= this.#flight(Promise.resolve())
    return this.#current.done
  }

  /** A load that asks its source after this call: the one under way may bring what was true before it. */
  fresh(): Promise<void> {
    const current = this.#current
    if (current === null || !current.begun) return this.join()
    this.#next ??= this.#flight(current.done.catch(() => {}))
    return this.#next.done
  }

  #flight(after: Promise<unknown>): Flight {
    return new Flight(after, () =>
      within(loadTimeoutMs, this.#work).finally(() => {
        this.#current = this.#next
        this.#next = null
      }),
    )
  }
}

function within(ms: number, work: (isLate: IsLate) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      reject(new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE'))
    }, ms)
    work(() => late)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
