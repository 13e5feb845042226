import { isList } from './issues.js'
import type { Json } from './snapshot.js'

/** Takes the pieces of a text, in order. */
type Write = (text: string) => void

/** The RFC 8785 form of a document without what cannot alter a decision: `$schema`, `description` and `tests`. */
export function writeCanonicalPolicy(document: Json, write: Write): void {
  writeJson(document, 0, '', write)
}

/** The RFC 8785 (JSON Canonicalization Scheme) form of a value. */
export function canonicalJson(value: Json): string {
  let text = ''
  writeJson(value, Number.NaN, '', (piece) => {
    text += piece
  })
  return text
}

const OUTSIDE_THE_HASH: ReadonlySet<string> = new Set(['$schema', 'description', 'tests'])

/** `section` is the key at the top that the value stands under. */
function writeJson(value: Json, depth: number, section: string, write: Write): void {
  if (value === null || typeof value !== 'object') write(JSON.stringify(value))
  else if (!isList(value)) writeObject(value, depth, section, write)
  // Nothing in a list of scalars can be out of order.
  else if (value.every(isScalar)) write(JSON.stringify(value))
  else {
    for (let index = 0; index < value.length; index++) {
      write(index === 0 ? '[' : ',')
      writeJson(value[index] ?? null, depth + 1, section, write)
    }
    write(']')
  }
}

function writeObject(object: { readonly [key: string]: Json }, depth: number, section: string, write: Write): void {
  if (isInOrder(object, depth, section)) {
    write(JSON.stringify(object))
    return
  }
  let separator = '{'
  // RFC 8785 §3.2.3: properties are sorted by UTF-16 code unit, which is what sort() does.
  for (const key of Object.keys(object).sort()) {
    if (isIgnored(key, depth, section)) continue
    write(`${separator}${JSON.stringify(key)}:`)
    writeJson(object[key] ?? null, depth + 1, depth === 0 ? key : section, write)
    separator = ','
  }
  write(separator === '{' ? '{}' : '}')
}

/** Whether it is written as it stands: nothing to leave out, nothing to sort. A large policy consists of such roles. */
function isInOrder(object: { readonly [key: string]: Json }, depth: number, section: string): boolean {
  let before = ''
  for (const key of Object.keys(object)) {
    const value = object[key] ?? null
    if (key < before || isIgnored(key, depth, section)) return false
    if (!isScalar(value) && !(isList(value) && value.every(isScalar))) return false
    before = key
  }
  return true
}

function isScalar(value: Json): boolean {
  return value === null || typeof value !== 'object'
}

/** A `description` stands at the top, in a role and in a resource; elsewhere the name may be an attribute's. */
function isIgnored(key: string, depth: number, section: string): boolean {
  if (depth === 0) return OUTSIDE_THE_HASH.has(key)
  return depth === 2 && key === 'description' && (section === 'roles' || section === 'resources')
}
