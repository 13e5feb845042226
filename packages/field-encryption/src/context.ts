import type { Awaitable } from './awaitable.js'
import type { Mac } from './backend.js'
import { concat, isWellFormed, utf8, writeAscii, writeU32 } from './bytes.js'
import { hashBytes, type MacInput } from './mac-input.js'

/** What K[p] is for. Each purpose has its own key under the data key (or subject key). */
export type KeyPurpose = 'enc' | 'siv' | 'hedge' | 'blob' | 'idx' | 'fpe' | 'pan'

/** A value that a ciphertext is bound to. */
export type BoundValue = string | number | bigint

/** Empty bytes mean "not bound"; a bound value is never empty. */
export const unbound: Uint8Array = new Uint8Array(0)

const maxBoundBytes = 1024
/** The counter of HKDF-Expand's first block (RFC 5869 §2.3), which ends every input below. */
const firstBlock = 1

const label = {
  column: utf8('fle1/col\0'),
  salt: utf8('fle1/salt\0'),
  message: utf8('fle1/msg\0'),
  index: utf8('fle1/idx\0'),
  check: utf8('fle1/kcv\0'),
  pan: utf8('fle1/pan\0'),
}

/** `LP(x)`: u32 length, then x. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + bytes.length)
  writeU32(out, 0, bytes.length)
  out.set(bytes, 4)
  return out
}

/**
 * The text of a bound value. A number or bigint is its decimal text, so that `42`, `42n` and `'42'` are one context:
 * drivers disagree on int8. Strings are bound as they are.
 */
export function boundText(property: string, value: unknown): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (typeof value === 'bigint') {
    const text = String(value)
    if (text.length > maxBoundBytes) throw unbindable(property, `must have at most ${maxBoundBytes} characters`)
    return text
  }
  if (typeof value !== 'string') throw unbindable(property, 'must be a string, safe integer or bigint')
  if (value === '') throw unbindable(property, 'must not be empty')
  const tooLong =
    value.length > maxBoundBytes || (value.length * 3 > maxBoundBytes && utf8(value).length > maxBoundBytes)
  if (tooLong || !isWellFormed(value))
    throw unbindable(property, `must be well-formed and at most ${maxBoundBytes} bytes`)
  return value
}

function unbindable(property: string, problem: string): TypeError {
  return new TypeError(`bound property ${JSON.stringify(property)} ${problem}`)
}

/** Extra context: count, then name and value pairs, which come in code-unit order of their names. */
export function extraBytes(bound: readonly (readonly [name: string, value: string])[]): Uint8Array {
  const parts = bound.flatMap(([name, value]) => [lengthPrefixed(utf8(name)), lengthPrefixed(utf8(value))])
  return concat(Uint8Array.of(bound.length), ...parts)
}

/** What a ciphertext is bound to beside the keys of its column: `LP(row) || LP(extra)`. */
export function boundRow(row: string | null, extra: Uint8Array): Uint8Array {
  if (row === null) return placed(unbound, extra)
  const out = new Uint8Array(8 + row.length + extra.length)
  if (!writeAscii(row, out, 4)) return placed(utf8(row), extra)
  writeU32(out, 0, row.length)
  writeU32(out, 4 + row.length, extra.length)
  out.set(extra, 8 + row.length)
  return out
}

function placed(row: Uint8Array, extra: Uint8Array): Uint8Array {
  return concat(lengthPrefixed(row), lengthPrefixed(extra))
}

/** Neither row nor extra: `LP("") || LP("")`. */
export const unboundRow: Uint8Array = new Uint8Array(8)

/** K[p]: 32 bytes of 64. */
export function columnKey(
  input: MacInput,
  dataKey: Mac,
  tenant: string | null,
  table: string,
  column: string,
  purpose: KeyPurpose,
): Awaitable<Uint8Array> {
  return input
    .raw(label.column)
    .prefixed(tenant === null ? unbound : utf8(tenant))
    .prefixed(utf8(table))
    .prefixed(utf8(column))
    .prefixed(utf8(purpose))
    .byte(firstBlock)
    .derive(dataKey)
}

/**
 * S. It is an HMAC over random bytes, header, context and frame: if the random source repeats, equal salts still need
 * equal frame and context, so only equality leaks.
 */
export function salt(
  input: MacInput,
  hedge: Mac,
  header: Uint8Array,
  random: Uint8Array,
  bound: Uint8Array,
  frame: Uint8Array,
  out: Uint8Array,
): Awaitable<Uint8Array> {
  return input.raw(label.salt).raw(header).prefixed(random).raw(bound).prefixed(frame).byte(firstBlock).mac(hedge, out)
}

/** T: message key, commitment and nonce of suites 01 to 03. Header and salt are the first bytes of the ciphertext. */
export function messageKeys(
  input: MacInput,
  enc: Mac,
  ciphertext: Uint8Array,
  saltEnd: number,
  bound: Uint8Array,
  out: Uint8Array,
): Awaitable<Uint8Array> {
  return input.raw(label.message).range(ciphertext, 0, saltEnd).raw(bound).byte(firstBlock).mac(enc, out)
}

export function indexToken(input: MacInput, idx: Mac, parts: readonly Uint8Array[]): Awaitable<Uint8Array> {
  input.raw(label.index).byte(parts.length)
  for (const part of parts) input.prefixed(part)
  return input.byte(firstBlock).mac(idx, new Uint8Array(hashBytes))
}

export function keyCheck(
  input: MacInput,
  dataKey: Mac,
  keyId: Uint8Array,
  version: number,
  createdAt: number,
): Awaitable<Uint8Array> {
  const created = new Uint8Array(8)
  new DataView(created.buffer).setBigUint64(0, BigInt(createdAt))
  return input
    .raw(label.check)
    .raw(keyId)
    .byte(version)
    .raw(created)
    .byte(firstBlock)
    .mac(dataKey, new Uint8Array(hashBytes))
}

export function panHash(input: MacInput, pan: Mac, digits: string): Awaitable<Uint8Array> {
  return input.raw(label.pan).prefixed(utf8(digits)).byte(firstBlock).mac(pan, new Uint8Array(hashBytes))
}
