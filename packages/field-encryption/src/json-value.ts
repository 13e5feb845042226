import { FieldEncryptionError } from './errors.js'

const maxDepth = 64

/**
 * Refuses what JSON would change or drop in silence: `undefined`, functions, symbols, bigints, non-finite numbers,
 * anything with `toJSON`, members of an array beside its items, instances of classes, and nesting deeper than 64 (which
 * includes cycles).
 */
export function checkJson(value: unknown, depth = 0): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw unholdable()
    return
  }
  if (typeof value !== 'object' || depth >= maxDepth) throw unholdable()
  if (Array.isArray(value)) {
    if (hasToJson(value) || Object.keys(value).length > value.length || hasSymbols(value)) throw unholdable()
    // Index by index: a hole is undefined, which JSON would turn into null.
    for (let i = 0; i < value.length; i++) checkJson(value[i], depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype !== Object.prototype && prototype !== null) || hasToJson(value) || hasSymbols(value))
    throw unholdable()
  for (const item of Object.values(value)) checkJson(item, depth + 1)
}

function hasToJson(value: object): boolean {
  return typeof Reflect.get(value, 'toJSON') === 'function'
}

function hasSymbols(value: object): boolean {
  return Object.getOwnPropertySymbols(value).length > 0
}

function unholdable(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_VALUE_INVALID')
}
