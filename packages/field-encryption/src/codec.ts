import { type Awaitable, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { concat, equalAt } from './bytes.js'
import { openChunks, sealChunks } from './chunked.js'
import { messageKeys, salt, unbound, unboundRow } from './context.js'
import {
  ciphertextLength,
  headerBytes,
  type ParsedCiphertext,
  type Suite,
  type SuiteHeaders,
  suites,
} from './format.js'
import type { MacInput } from './mac-input.js'

/** What every step needs: the primitives, the buffer for HMAC inputs, and the headers of ciphertexts under the key. */
export interface Work {
  readonly backend: Backend
  readonly input: MacInput
  readonly headers: SuiteHeaders
}

/** T: 64 bytes. The first 32 are the message key, the commitment follows, and in 01 and 03 then the nonce. */
const keyBytes = 32

function nonceOf(suite: Suite, t: Uint8Array, messageSalt: Uint8Array): Uint8Array {
  return suite === 2 ? messageSalt.subarray(0, 12) : t.subarray(48, 60)
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
  return chain(salt(work.input, hedge, work.headers[suite], random, bound, frame), (mac) =>
    mac.subarray(0, suites[suite].salt),
  )
}

/**
 * The synthetic salt of suite 03: no random bytes, and neither row nor extra, because equal values are to give equal
 * ciphertexts. Recomputed on opening, it makes the suite a deterministic AEAD.
 */
export function syntheticSalt(work: Work, siv: Mac, frame: Uint8Array): Awaitable<Uint8Array> {
  return chain(salt(work.input, siv, work.headers[3], unbound, unboundRow, frame), (mac) =>
    mac.subarray(0, suites[3].salt),
  )
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
  const header = work.headers[suite]
  const out = new Uint8Array(ciphertextLength(suite, frame.length))
  out.set(header)
  out.set(messageSalt, headerBytes)
  return chain(messageKeys(work.input, enc, header, messageSalt, bound), (t) => {
    const { salt: saltBytes, commitment } = suites[suite]
    const commitmentAt = headerBytes + saltBytes
    out.set(t.subarray(keyBytes, keyBytes + commitment), commitmentAt)
    const nonce = nonceOf(suite, t, messageSalt)
    return chain(work.backend.seal(t.subarray(0, keyBytes), nonce, frame, out, commitmentAt + commitment), () => {
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
  const { salt: saltBytes, commitment } = suites[suite]
  const commitmentAt = headerBytes + saltBytes
  const stored = bytes.subarray(headerBytes, commitmentAt)
  return chain(messageKeys(work.input, enc, work.headers[suite], stored, bound), (t) => {
    if (!equalAt(bytes, commitmentAt, t, keyBytes, commitment)) {
      t.fill(0)
      return null
    }
    const nonce = nonceOf(suite, t, stored)
    return chain(work.backend.open(t.subarray(0, keyBytes), nonce, bytes, commitmentAt + commitment), (frame) => {
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
  out.set(work.headers[4])
  out.set(messageSalt, headerBytes)
  const context = concat(work.headers[4], bound)
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
  const context = concat(work.headers[4], bound)
  return openChunks(work.backend, blob, context, bytes.subarray(headerBytes))
}
