/** A value of JSON (RFC 8259), frozen in depth wherever this package hands one out. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
/** An object of JSON. Its members are own members: look them up with `Object.hasOwn`. */
export interface JsonObject {
  readonly [member: string]: JsonValue
}

/** An own member of an object, else undefined: never what the object inherits. */
export function member(object: Readonly<Record<string, unknown>>, name: string): unknown {
  const value = object[name]
  return value !== undefined && Object.hasOwn(object, name) ? value : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const loneSurrogate = /\p{Surrogate}/u

/**
 * Parses one JSON object as I-JSON (RFC 7493 §2): UTF-8 without BOM, no member twice at any depth (compared after
 * unescaping), no lone surrogate, no number that is infinite or an integer beyond 2^53 - 1, and no `__proto__`.
 *
 * @param depth - Deepest nesting of objects and arrays; the object itself is the first level.
 * @returns The object, frozen in depth, or undefined when the bytes are anything else.
 */
export function parseStrictJson(bytes: Uint8Array, depth: number): JsonObject | undefined {
  const value = readJson(bytes, depth)
  return value === undefined ? undefined : freezeJson(value)
}

/** {@link parseStrictJson}, not frozen: for what may yet be refused. */
export function readJson(bytes: Uint8Array, depth: number): JsonObject | undefined {
  let text: string
  let value: JsonValue
  let escapes: boolean
  let colons: number
  try {
    text = utf8.decode(bytes)
    escapes = text.includes('\\')
    colons = countColons(text, depth, escapes)
    if (colons < 0) return undefined
    value = JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // JSON.parse keeps the last of two equal members: then fewer members are left than the text has colons.
  return countMembers(value, escapes) === colons ? (value as JsonObject) : undefined
}

/** Colons outside strings, before anything recursive sees the text; -1 where it nests too deep or a string has no end. */
function countColons(text: string, maxDepth: number, escapes: boolean): number {
  let colons = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22:
        i = escapes ? endOfString(text, i + 1) : text.indexOf('"', i + 1)
        if (i < 0) return -1
        break
      case 0x3a:
        colons++
        break
      case 0x7b:
      case 0x5b:
        if (++depth > maxDepth) return -1
        break
      case 0x7d:
      case 0x5d:
        depth--
        break
    }
  }
  return colons
}

/** Where a string with escapes ends; -1 where it does not. */
function endOfString(text: string, begin: number): number {
  for (let i = begin; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) return i
    if (code === 0x5c) i++
  }
  return -1
}

/** The members of a parsed object or array, in depth; -1 when it holds what I-JSON forbids. */
function countMembers(value: object, escapes: boolean): number {
  const items: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value)
  let members = 0
  if (!Array.isArray(value)) {
    if (Object.hasOwn(value, '__proto__')) return -1
    if (escapes && Object.keys(value).some((name) => loneSurrogate.test(name))) return -1
    members = items.length
  }
  for (const item of items) {
    if (typeof item === 'string') {
      if (escapes && loneSurrogate.test(item)) return -1
    } else if (typeof item === 'number') {
      if (!Number.isSafeInteger(item) && (Number.isInteger(item) || !Number.isFinite(item))) return -1
    } else if (typeof item === 'object' && item !== null) {
      const inner = countMembers(item, escapes)
      if (inner < 0) return -1
      members += inner
    }
  }
  return members
}

/** Freezes what {@link readJson} gave, in depth. */
export function freezeJson<T extends object>(value: T): T {
  for (const item of Object.values(value)) if (typeof item === 'object' && item !== null) freezeJson(item)
  return Object.freeze(value)
}
