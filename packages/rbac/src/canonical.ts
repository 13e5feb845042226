import { isList } from './issues.js'
import type { Json } from './snapshot.js'

/** The RFC 8785 form of a document without what cannot alter a decision: `$schema`, `description` and `tests`. */
export function canonicalPolicy(document: Json): string {
  return serialise(document, 0, '')
}

/** The RFC 8785 (JSON Canonicalization Scheme) form of a value. */
export function canonicalJson(value: Json): string {
  return serialise(value, Number.NaN, '')
}

const OUTSIDE_THE_HASH: ReadonlySet<string> = new Set(['$schema', 'description', 'tests'])

/** `section` is the key at the top that the value stands under. */
function serialise(value: Json, depth: number, section: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) {
    let text = ''
    for (const entry of value) text += `${text === '' ? '' : ','}${serialise(entry, depth + 1, section)}`
    return `[${text}]`
  }
  let text = ''
  // RFC 8785 §3.2.3: properties are sorted by UTF-16 code unit, which is what sort() does.
  for (const key of Object.keys(value).sort())
    if (!isIgnored(key, depth, section))
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${serialise(value[key] ?? null, depth + 1, depth === 0 ? key : section)}`
  return `{${text}}`
}

/** A `description` stands at the top, in a role and in a resource; elsewhere the name may be an attribute's. */
function isIgnored(key: string, depth: number, section: string): boolean {
  if (depth === 0) return OUTSIDE_THE_HASH.has(key)
  return depth === 2 && key === 'description' && (section === 'roles' || section === 'resources')
}
