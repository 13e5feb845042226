import type { Json } from './snapshot.js'

/** The RFC 8785 form of a document without what cannot alter a decision: `$schema`, `description` and `tests`. */
export function canonicalPolicy(document: Json): string {
  return serialise(document, 0, [])
}

/** The RFC 8785 (JSON Canonicalization Scheme) form of a value. */
export function canonicalJson(value: Json): string {
  return serialise(value, Number.NaN, [])
}

const OUTSIDE_THE_HASH: ReadonlySet<string> = new Set(['$schema', 'description', 'tests'])

function serialise(value: Json, depth: number, path: readonly string[]): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map((entry) => serialise(entry, depth + 1, path)).join(',')}]`
  const keys = Object.keys(value).filter((key) => !isIgnored(key, depth, path))
  // RFC 8785 §3.2.3: properties are sorted by UTF-16 code unit, which is what sort() does.
  const members = keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${serialise(value[key] ?? null, depth + 1, [...path, key])}`)
  return `{${members.join(',')}}`
}

/** A `description` stands at the top, in a role and in a resource; elsewhere the name may be an attribute's. */
function isIgnored(key: string, depth: number, path: readonly string[]): boolean {
  if (depth === 0) return OUTSIDE_THE_HASH.has(key)
  return depth === 2 && key === 'description' && (path[0] === 'roles' || path[0] === 'resources')
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
