import { concat, isWellFormed, utf8, writeU32 } from './bytes.js'

/** What K[p] is for. Each purpose has its own key under the data key (or subject key). */
export type KeyPurpose = 'enc' | 'siv' | 'hedge' | 'blob' | 'idx' | 'fpe' | 'pan'

/** A value that a ciphertext is bound to. */
export type BoundValue = string | number | bigint

/** Empty bytes mean "not bound"; a bound value is never empty. */
export const unbound: Uint8Array = new Uint8Array(0)

const maxBoundBytes = 1024

/** One block of HKDF-Expand (RFC 5869 §2.3): every HMAC input below ends with the counter. */
export const counter: Uint8Array = Uint8Array.of(1)

const label = {
  column: utf8('fle1/col\0'),
  salt: utf8('fle1/salt\0'),
  message: utf8('fle1/msg\0'),
  index: utf8('fle1/idx\0'),
  check: utf8('fle1/kcv\0'),
}

/** `LP(x)`: u32 length, then x. Without it "ab" + "c" and "a" + "bc" would be one context. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + bytes.length)
  writeU32(out, 0, bytes.length)
  out.set(bytes, 4)
  return out
}

/**
 * The bytes of a bound value. A number or bigint is its decimal text, so that `42`, `42n` and `'42'` are one context:
 * drivers disagree on int8. Strings are bound as they are.
 */
export function boundText(property: string, value: unknown): string {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return String(value)
  if (typeof value !== 'string')
    throw new TypeError(`bound property ${JSON.stringify(property)} must be a string, safe integer or bigint`)
  if (value === '') throw new TypeError(`bound property ${JSON.stringify(property)} must not be empty`)
  if (value.length > maxBoundBytes || !isWellFormed(value)) {
    throw new TypeError(
      `bound property ${JSON.stringify(property)} must be well-formed and at most ${maxBoundBytes} bytes`,
    )
  }
  return value
}

export function boundBytes(property: string, value: unknown): Uint8Array {
  const bytes = utf8(boundText(property, value))
  if (bytes.length > maxBoundBytes)
    throw new TypeError(`bound property ${JSON.stringify(property)} must be at most ${maxBoundBytes} bytes`)
  return bytes
}

/** Extra context: count, then name and value pairs. `names` are already in code-unit order. */
export function extraBytes(names: readonly string[], values: readonly Uint8Array[]): Uint8Array {
  if (names.length === 0) return unbound
  const parts: Uint8Array[] = [Uint8Array.of(names.length)]
  names.forEach((name, i) => {
    parts.push(lengthPrefixed(utf8(name)), lengthPrefixed(values[i] ?? unbound))
  })
  return concat(...parts)
}

export function columnKeyInput(tenant: Uint8Array, table: string, column: string, purpose: KeyPurpose): Uint8Array {
  return concat(
    label.column,
    lengthPrefixed(tenant),
    lengthPrefixed(utf8(table)),
    lengthPrefixed(utf8(column)),
    lengthPrefixed(utf8(purpose)),
    counter,
  )
}

export function saltInput(
  header: Uint8Array,
  random: Uint8Array,
  row: Uint8Array,
  extra: Uint8Array,
  frame: Uint8Array,
): Uint8Array {
  return concat(
    label.salt,
    header,
    lengthPrefixed(random),
    lengthPrefixed(row),
    lengthPrefixed(extra),
    lengthPrefixed(frame),
    counter,
  )
}

export function messageInput(header: Uint8Array, salt: Uint8Array, row: Uint8Array, extra: Uint8Array): Uint8Array {
  return concat(label.message, header, salt, lengthPrefixed(row), lengthPrefixed(extra), counter)
}

/** The context of suite 04; its own expansion adds label, salt and counter. */
export function largeContext(header: Uint8Array, row: Uint8Array, extra: Uint8Array): Uint8Array {
  return concat(header, lengthPrefixed(row), lengthPrefixed(extra))
}

export function indexInput(parts: readonly Uint8Array[]): Uint8Array {
  return concat(label.index, Uint8Array.of(parts.length), ...parts.map(lengthPrefixed), counter)
}

export function checkInput(keyId: Uint8Array, version: number, createdAt: number): Uint8Array {
  const fixed = new Uint8Array(13)
  fixed.set(keyId, 0)
  fixed[4] = version
  new DataView(fixed.buffer).setBigUint64(5, BigInt(createdAt))
  return concat(label.check, fixed, counter)
}
