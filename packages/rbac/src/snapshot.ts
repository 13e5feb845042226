import type { PolicyIssue } from './errors.js'
import { at } from './json.js'

/** A frozen copy of a document: plain data whose objects have no prototype, so that `__proto__` is a key like another. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
/** An object of a snapshot. */
export type JsonObject = { readonly [key: string]: Json }

const MAX_DEPTH = 64

/** Copies plain objects and arrays; everything else (class instances, getters, cycles, `undefined`) is an issue. */
export function snapshot(value: unknown, report: (issue: PolicyIssue) => void): Json {
  return copy(value, '', new Set(), report)
}

function copy(value: unknown, pointer: string, above: Set<object>, report: (issue: PolicyIssue) => void): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value !== 'object') {
    report(issue(pointer, `${typeof value === 'number' ? 'a number that is not finite' : typeof value} is not JSON`))
    return null
  }
  if (above.has(value)) {
    report(issue(pointer, 'the object contains itself'))
    return null
  }
  if (above.size >= MAX_DEPTH) {
    report({ code: 'limit-exceeded', pointer, message: 'nested too deep', hint: `at most ${MAX_DEPTH} levels` })
    return null
  }
  above.add(value)
  const result = Array.isArray(value)
    ? copyArray(value, pointer, above, report)
    : copyObject(value, pointer, above, report)
  above.delete(value)
  return result
}

function copyArray(
  value: readonly unknown[],
  pointer: string,
  above: Set<object>,
  report: (issue: PolicyIssue) => void,
): Json {
  const result: Json[] = []
  for (let index = 0; index < value.length; index++) result.push(copy(value[index], at(pointer, index), above, report))
  return Object.freeze(result)
}

function copyObject(value: object, pointer: string, above: Set<object>, report: (issue: PolicyIssue) => void): Json {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) {
    report(issue(pointer, 'an instance of a class or an object with a foreign prototype'))
    return null
  }
  const result: Record<string, Json> = Object.create(null)
  for (const key of Reflect.ownKeys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)
    if (typeof key === 'symbol' || descriptor === undefined || !('value' in descriptor)) {
      report(issue(pointer, 'a symbol or an accessor among the keys'))
      continue
    }
    result[key] = copy(descriptor.value, at(pointer, key), above, report)
  }
  return Object.freeze(result)
}

function issue(pointer: string, message: string): PolicyIssue {
  return { code: 'value-type', pointer, message, hint: 'a policy document is plain JSON data' }
}
