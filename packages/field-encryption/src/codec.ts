import { type Awaitable, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { equalBytes } from './bytes.js'
import { openChunks, sealChunks } from './chunked.js'
import { largeContext, messageInput, saltInput, unbound } from './context.js'
import { ciphertextLength, headerBytes, type ParsedCiphertext, type Suite, suites, writeHeader } from './format.js'

/** The context that stands beside the keys of a column. Empty means "not bound". */
export interface RowContext {
  readonly row: Uint8Array
  readonly extra: Uint8Array
}

/** T: 64 bytes of which suites 01-03 take message key, commitment and nonce. */
interface MessageKeys {
  readonly key: Uint8Array
  readonly commitment: Uint8Array
  readonly nonce: Uint8Array
}

function split(suite: Suite, t: Uint8Array, salt: Uint8Array): MessageKeys {
  const key = t.subarray(0, 32)
  if (suite === 2) return { key, commitment: t.subarray(32, 64), nonce: salt.subarray(0, 12) }
  return { key, commitment: t.subarray(32, 48), nonce: t.subarray(48, 60) }
}

/**
 * The salt is an HMAC over random bytes, header, context and frame: if the random source repeats, equal salts still
 * need equal frame and context, so only equality leaks.
 */
export function hedgedSalt(
  suite: Suite,
  hedge: Mac,
  keyId: Uint8Array,
  random: Uint8Array,
  context: RowContext,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  const header = new Uint8Array(headerBytes)
  writeHeader(header, suite, keyId)
  const input = saltInput(header, random, context.row, context.extra, frame)
  return chain(hedge.mac(input), (mac) => {
    input.fill(0)
    return mac.subarray(0, suites[suite].salt)
  })
}

/**
 * The synthetic salt of suite 03: no random bytes, and neither row nor extra, because equal values are to give equal
 * ciphertexts. Recomputed on opening, it makes the suite a deterministic AEAD.
 */
export function syntheticSalt(siv: Mac, keyId: Uint8Array, frame: Uint8Array): Awaitable<Uint8Array> {
  return hedgedSalt(3, siv, keyId, unbound, deterministicContext, frame)
}

/** Suite 03 is bound to tenant, table and column only. */
export const deterministicContext: RowContext = { row: unbound, extra: unbound }

/** Suites 01 to 03 under a given salt. */
export function sealWithSalt(
  backend: Backend,
  suite: 1 | 2 | 3,
  enc: Mac,
  keyId: Uint8Array,
  salt: Uint8Array,
  context: RowContext,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  const out = new Uint8Array(ciphertextLength(suite, frame.length))
  writeHeader(out, suite, keyId)
  out.set(salt, headerBytes)
  const input = messageInput(out.subarray(0, headerBytes), salt, context.row, context.extra)
  return chain(enc.mac(input), (t) => {
    const { key, commitment, nonce } = split(suite, t, salt)
    const bodyAt = headerBytes + salt.length + commitment.length
    out.set(commitment, headerBytes + salt.length)
    return chain(backend.seal(key, nonce, frame, out, bodyAt), () => {
      t.fill(0)
      return out
    })
  })
}

/**
 * The frame of a ciphertext, or null when the commitment or the tag does not match. The commitment is compared before
 * any AES call, so a wrong key or context never reaches the cipher.
 */
export function openMessage(
  backend: Backend,
  enc: Mac,
  parsed: ParsedCiphertext,
  context: RowContext,
): Awaitable<Uint8Array | null> {
  const { bytes, suite } = parsed
  const lengths = suites[suite]
  const bodyAt = headerBytes + lengths.salt + lengths.commitment
  const salt = bytes.subarray(headerBytes, headerBytes + lengths.salt)
  const input = messageInput(bytes.subarray(0, headerBytes), salt, context.row, context.extra)
  return chain(enc.mac(input), (t) => {
    const { key, commitment, nonce } = split(suite, t, salt)
    if (!equalBytes(commitment, bytes.subarray(headerBytes + lengths.salt, bodyAt))) {
      t.fill(0)
      return null
    }
    return chain(backend.open(key, nonce, bytes.subarray(bodyAt)), (frame) => {
      t.fill(0)
      return frame
    })
  })
}

/** Suite 04 under a given salt. */
export function sealLarge(
  backend: Backend,
  blob: Mac,
  keyId: Uint8Array,
  salt: Uint8Array,
  context: RowContext,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  const out = new Uint8Array(ciphertextLength(4, frame.length))
  writeHeader(out, 4, keyId)
  out.set(salt, headerBytes)
  const bound = largeContext(out.subarray(0, headerBytes), context.row, context.extra)
  return chain(sealChunks(backend, blob, salt, bound, frame, out, headerBytes + salt.length), () => out)
}

/** The frame of a suite 04 ciphertext, or null. */
export function openLarge(
  backend: Backend,
  blob: Mac,
  parsed: ParsedCiphertext,
  context: RowContext,
): Awaitable<Uint8Array | null> {
  const { bytes } = parsed
  const bound = largeContext(bytes.subarray(0, headerBytes), context.row, context.extra)
  return openChunks(backend, blob, bound, bytes.subarray(headerBytes))
}
