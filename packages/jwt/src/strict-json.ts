import { asciiText } from './base64url.js'

/** A value of JSON (RFC 8259), frozen in depth wherever this package hands one out. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
/** An object of JSON. Its members are own members: look them up with `Object.hasOwn`. */
export interface JsonObject {
  readonly [member: string]: JsonValue
}

/** An own member of an object, else undefined: never what the object inherits. */
export function member(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
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
  const scan = scanJson(bytes, depth)
  if (scan === undefined) return undefined
  let value: JsonValue
  let text: string
  try {
    text = scan.ascii ? asciiText(bytes) : utf8.decode(bytes)
    value = JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // JSON.parse keeps the last of two equal members: then fewer members are left than the text has colons.
  const members = freezeWalk(value, scan.escapes)
  return members === scan.colons ? (value as JsonObject) : undefined
}

/** One pass for depth and colons outside strings, before anything recursive sees the text. */
function scanJson(
  bytes: Uint8Array,
  maxDepth: number,
): { colons: number; ascii: boolean; escapes: boolean } | undefined {
  let colons = 0
  let depth = 0
  let seen = 0
  let escapes = false
  const length = bytes.length
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number
    if (byte === 0x22) {
      for (i++; i < length; i++) {
        const inner = bytes[i] as number
        seen |= inner
        if (inner === 0x22) break
        if (inner === 0x5c) {
          escapes = true
          i++
        }
      }
    } else if (byte === 0x3a) colons++
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) return undefined
    } else if (byte === 0x7d || byte === 0x5d) depth--
    else seen |= byte
  }
  return { colons, ascii: seen < 0x80, escapes }
}

/** Freezes a parsed object or array in depth and counts its members; -1 when it holds what I-JSON forbids. */
function freezeWalk(value: object, escapes: boolean): number {
  let members = 0
  const names = Array.isArray(value) ? undefined : Object.keys(value)
  const length = names?.length ?? (value as readonly JsonValue[]).length
  for (let i = 0; i < length; i++) {
    let item: JsonValue | undefined
    if (names === undefined) item = (value as readonly JsonValue[])[i]
    else {
      const name = names[i] as string
      if (name === '__proto__' || (escapes && loneSurrogate.test(name))) return -1
      item = (value as JsonObject)[name]
      members++
    }
    if (typeof item === 'string') {
      if (escapes && loneSurrogate.test(item)) return -1
    } else if (typeof item === 'number') {
      if (!Number.isSafeInteger(item) && (Number.isInteger(item) || !Number.isFinite(item))) return -1
    } else if (typeof item === 'object' && item !== null) {
      const inner = freezeWalk(item, escapes)
      if (inner < 0) return -1
      members += inner
    }
  }
  Object.freeze(value)
  return members
}
