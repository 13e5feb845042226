/** `Out<M, T>` is `T` where the work is synchronous and a promise of it on the WebCrypto backend. */
export type Mode = 'sync' | 'async'
export type Out<M extends Mode, T> = M extends 'async' ? Promise<T> : T

/** Milliseconds since the epoch. */
export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

/** Refuses what is not an object, and option names nobody declared: a misspelt option must not become a default. */
export function checkOptions(what: string, options: unknown, allowed: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw new TypeError(`${what}: options must be an object`)
  for (const key of Object.keys(options)) {
    if (!allowed.includes(key)) throw new TypeError(`${what}: unknown option ${JSON.stringify(key)}`)
  }
}

/** An integer within bounds. `TypeError` for another type or NaN, `RangeError` for a number out of bounds. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${name} must be a number`)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}`)
  }
  return value
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function`)
}

/**
 * The clock, refusing to give what is no time. Every comparison with NaN is false: keys would not age, a migration would
 * not end, and a budget would never be spent.
 */
export function checkedClock(name: string, clock: Clock): Clock {
  const given: unknown = clock
  if (typeof given !== 'object' || given === null || typeof Reflect.get(given, 'now') !== 'function') {
    throw new TypeError(`${name} must have a now() method`)
  }
  return {
    now() {
      const now: unknown = clock.now()
      if (typeof now !== 'number' || !Number.isFinite(now)) throw new TypeError(`${name}.now() must give a number`)
      return now
    },
  }
}

export function checkOneOf<const T extends string | number>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw new TypeError(`${name} must be one of ${allowed.join(', ')}`)
  return found
}

/** A property of a row that this package writes. Assigning `__proto__` would set a prototype in its place. */
export function checkProperty(what: string, property: string): void {
  if (property === '__proto__') throw new TypeError(`${what} cannot be named "__proto__"`)
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_.$-]{0,127}$/

/** Table, column and index names. Names with a slash are reserved for this package. */
export function checkName(what: string, value: unknown): string {
  if (typeof value !== 'string' || !namePattern.test(value)) {
    throw new TypeError(`${what} must match ${namePattern.source}`)
  }
  return value
}
