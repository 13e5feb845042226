import type { PolicyIssue } from './errors.js'
import { at } from './json.js'

/** A copy of a document: plain data whose objects inherit nothing, so that `__proto__` is a key like another. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
/** An object of a snapshot. */
export type JsonObject = { readonly [key: string]: Json }

const MAX_DEPTH = 64
/** No list of a document may be longer than that of all rules. */
const MAX_LENGTH = 2_000_000

/** An object that inherits nothing, as `Object.create(null)` gives, without being a dictionary of V8: those are slow. */
class Empty {
  [key: string]: Json
}
Reflect.deleteProperty(Empty.prototype, 'constructor')
Object.setPrototypeOf(Empty.prototype, null)
Object.freeze(Empty.prototype)

/** Copies plain objects and arrays; everything else (class instances, getters, cycles, `undefined`) is an issue. */
export function snapshot(value: unknown, report: (issue: PolicyIssue) => void): Json {
  return new Copier(report).copy(value)
}

class Copier {
  readonly #report: (issue: PolicyIssue) => void
  readonly #above = new Set<object>()
  /** The way to the value at hand; a pointer is made of it only where something is wrong. */
  readonly #path: (string | number)[] = []

  constructor(report: (issue: PolicyIssue) => void) {
    this.#report = report
  }

  copy(value: unknown): Json {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (typeof value !== 'object')
      return this.#refuse(`${typeof value === 'number' ? 'a number that is not finite' : typeof value} is not JSON`)
    if (this.#above.has(value)) return this.#refuse('the object contains itself')
    if (this.#above.size >= MAX_DEPTH)
      return this.#refuse('nested too deep', 'limit-exceeded', `at most ${MAX_DEPTH} levels`)
    this.#above.add(value)
    const result = Array.isArray(value) ? this.#array(value) : this.#object(value)
    this.#above.delete(value)
    return result
  }

  #array(value: readonly unknown[]): Json {
    // Read once: the length of a proxy may grow under the loop.
    const { length } = value
    if (!(length <= MAX_LENGTH))
      return this.#refuse('a list is too long', 'limit-exceeded', `at most ${MAX_LENGTH} entries`)
    const result = new Array<Json>(length)
    for (let index = 0; index < length; index++) {
      const entry = value[index]
      if (typeof entry === 'string') {
        result[index] = entry
        continue
      }
      this.#path.push(index)
      result[index] = this.copy(entry)
      this.#path.pop()
    }
    return result
  }

  #object(value: object): Json {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== null && prototype !== Object.prototype)
      return this.#refuse('an instance of a class or an object with a foreign prototype')
    const result = new Empty()
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key)
      if (typeof key === 'symbol' || descriptor === undefined || !('value' in descriptor)) {
        this.#refuse('a symbol or an accessor among the keys')
        continue
      }
      this.#path.push(key)
      result[key] = this.copy(descriptor.value)
      this.#path.pop()
    }
    return result
  }

  #refuse(
    message: string,
    code: PolicyIssue['code'] = 'value-type',
    hint = 'a policy document is plain JSON data',
  ): null {
    this.#report({ code, pointer: this.#path.reduce<string>(at, ''), message, hint })
    return null
  }
}
