/** Throws a TypeError unless the options of a function are an object whose own members are all among the known ones. */
export function assertOptions(value: unknown, name: string, known: readonly string[]): asserts value is object {
  if (!isRecord(value)) throw new TypeError(`the options of ${name} must be an object`)
  assertKnown(value, name, known)
}

/** The same of one option, or argument, that has members itself. */
export function assertMembers(value: unknown, name: string, known: readonly string[]): asserts value is object {
  if (!isRecord(value)) throw new TypeError(`${name} must be an object`)
  assertKnown(value, name, known)
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function assertKnown(value: object, name: string, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw new TypeError(`${name} has no option ${JSON.stringify(unknown.slice(0, 64))} (known: ${known.join(', ')})`)
}

/** A whole number between two bounds; a wrong type is a TypeError, a wrong size a RangeError. */
export function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${name} must be a number`)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}`)
  }
  return value
}

/** A string of a bounded, non-zero length. */
export function checkText(value: unknown, name: string, max: number): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be a non-empty string`)
  if (value.length > max) throw new RangeError(`${name} must be at most ${max} characters`)
  return value
}

/** One of a closed list of strings. */
export function checkOneOf<const T extends string>(value: unknown, name: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new TypeError(`${name} must be one of ${allowed.join(', ')}`)
  return found
}

/** An object that has the named methods. */
export function assertMethods(value: unknown, name: string, methods: readonly string[]): void {
  const holder: unknown = typeof value === 'object' || typeof value === 'function' ? value : null
  if (holder === null || methods.some((method) => typeof Reflect.get(holder as object, method) !== 'function')) {
    throw new TypeError(`${name} must have ${methods.map((method) => `${method}()`).join(', ')}`)
  }
}

/** A function, or nothing. */
export function assertOptionalFunction(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function`)
}
