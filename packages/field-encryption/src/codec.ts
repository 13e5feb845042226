import { type Awaitable, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { concat, equalAt } from './bytes.js'
import { openChunks, sealChunks } from './chunked.js'
import { messageKeys, salt, unbound, unboundRow } from './context.js'
import { ciphertextLength, headerBytes, type ParsedCiphertext, type Suite, suites, writeHeader } from './format.js'
import type { MacInput } from './mac-input.js'

/** What every step needs: the primitives, the buffer for HMAC inputs, and the key ID that goes into the header. */
export interface Work {
  readonly backend: Backend
  readonly input: MacInput
  readonly keyId: Uint8Array
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

/** The salt of a randomized suite, for `random` bytes that the caller has drawn. */
export function hedgedSalt(
  work: Work,
  hedge: Mac,
  suite: 1 | 2 | 4,
  random: Uint8Array,
  bound: Uint8Array,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  const header = headerOf(suite, work.keyId)
  return chain(salt(work.input, hedge, header, random, bound, frame), (mac) => mac.subarray(0, suites[suite].salt))
}

/**
 * The synthetic salt of suite 03: no random bytes, and neither row nor extra, because equal values are to give equal
 * ciphertexts. Recomputed on opening, it makes the suite a deterministic AEAD.
 */
export function syntheticSalt(work: Work, siv: Mac, frame: Uint8Array): Awaitable<Uint8Array> {
  const header = headerOf(3, work.keyId)
  return chain(salt(work.input, siv, header, unbound, unboundRow, frame), (mac) => mac.subarray(0, suites[3].salt))
}

/** Suites 01 to 03 under a given salt. */
export function sealWithSalt(
  work: Work,
  suite: 1 | 2 | 3,
  enc: Mac,
  messageSalt: Uint8Array,
  bound: Uint8Array,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  const out = new Uint8Array(ciphertextLength(suite, frame.length))
  writeHeader(out, suite, work.keyId)
  out.set(messageSalt, headerBytes)
  return chain(messageKeys(work.input, enc, out.subarray(0, headerBytes), messageSalt, bound), (t) => {
    const { key, commitment, nonce } = split(suite, t, messageSalt)
    out.set(commitment, headerBytes + messageSalt.length)
    const bodyAt = headerBytes + messageSalt.length + commitment.length
    return chain(work.backend.seal(key, nonce, frame, out, bodyAt), () => {
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
  work: Work,
  enc: Mac,
  parsed: ParsedCiphertext,
  bound: Uint8Array,
): Awaitable<Uint8Array | null> {
  const { bytes, suite } = parsed
  const lengths = suites[suite]
  const commitmentAt = headerBytes + lengths.salt
  const bodyAt = commitmentAt + lengths.commitment
  const stored = bytes.subarray(headerBytes, commitmentAt)
  return chain(messageKeys(work.input, enc, bytes.subarray(0, headerBytes), stored, bound), (t) => {
    const { key, commitment, nonce } = split(suite, t, stored)
    if (!equalAt(bytes, commitmentAt, commitment)) {
      t.fill(0)
      return null
    }
    return chain(work.backend.open(key, nonce, bytes.subarray(bodyAt)), (frame) => {
      t.fill(0)
      return frame
    })
  })
}

/** Suite 04 under a given salt. */
export function sealLarge(
  work: Work,
  blob: Mac,
  messageSalt: Uint8Array,
  bound: Uint8Array,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  const out = new Uint8Array(ciphertextLength(4, frame.length))
  writeHeader(out, 4, work.keyId)
  out.set(messageSalt, headerBytes)
  const context = concat(out.subarray(0, headerBytes), bound)
  return chain(
    sealChunks(work.backend, blob, messageSalt, context, frame, out, headerBytes + messageSalt.length),
    () => out,
  )
}

/** The frame of a suite 04 ciphertext, or null. */
export function openLarge(
  work: Work,
  blob: Mac,
  parsed: ParsedCiphertext,
  bound: Uint8Array,
): Awaitable<Uint8Array | null> {
  const { bytes } = parsed
  const context = concat(bytes.subarray(0, headerBytes), bound)
  return openChunks(work.backend, blob, context, bytes.subarray(headerBytes))
}

function headerOf(suite: Suite, keyId: Uint8Array): Uint8Array {
  const header = new Uint8Array(headerBytes)
  writeHeader(header, suite, keyId)
  return header
}
