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
import type { Reused } from './scratch.js'
import type { MessageSecrets } from './secrets.js'

/** What every step needs: the primitives, the buffers for HMACs, and the headers of ciphertexts under the key. */
export interface Work {
  readonly backend: Backend
  readonly input: MacInput
  readonly secrets: MessageSecrets
  readonly headers: SuiteHeaders
  /** Where a ciphertext is put together that leaves as text, before the next one begins; else each has its own bytes. */
  readonly text: Reused | null
}

/** T: 64 bytes. The first 32 are the message key, the commitment follows, and in 01 and 03 then the nonce. */
const keyBytes = 32

function nonceOf(suite: Suite, secrets: MessageSecrets, ciphertext: Uint8Array): Uint8Array {
  return suite === 2 ? ciphertext.subarray(headerBytes, headerBytes + 12) : secrets.nonce
}

/** A new ciphertext: its header, and room for salt, commitment and body. */
export function begin(work: Work, suite: Suite, frameBytes: number): Uint8Array {
  const length = ciphertextLength(suite, frameBytes)
  const out = work.text === null ? new Uint8Array(length) : work.text.view(length)
  out.set(work.headers[suite].bytes)
  return out
}

/** The salt of a randomized suite, for `random` bytes that the caller has drawn. */
export function hedgedSalt(
  work: Work,
  hedge: Mac,
  suite: 1 | 2 | 4,
  random: Uint8Array,
  bound: Uint8Array,
  frame: Uint8Array,
  out: Uint8Array,
): Awaitable<void> {
  const { input, headers, secrets } = work
  return chain(salt(input, hedge, headers[suite].bytes, random, bound, frame, secrets.bytes), (mac) =>
    placeSalt(mac, out, suites[suite].salt),
  )
}

function placeSalt(mac: Uint8Array, out: Uint8Array, length: number): void {
  for (let i = 0; i < length; i++) out[headerBytes + i] = mac[i] ?? 0
}

/**
 * The synthetic salt of suite 03: no random bytes, and neither row nor extra, because equal values are to give equal
 * ciphertexts. Recomputed on opening, it makes the suite a deterministic AEAD.
 */
export function syntheticSalt(work: Work, siv: Mac, frame: Uint8Array): Awaitable<Uint8Array> {
  return salt(work.input, siv, work.headers[3].bytes, unbound, unboundRow, frame, work.secrets.bytes)
}

export function writeSyntheticSalt(work: Work, siv: Mac, frame: Uint8Array, out: Uint8Array): Awaitable<void> {
  return chain(syntheticSalt(work, siv, frame), (mac) => placeSalt(mac, out, suites[3].salt))
}

/** Suites 01 to 03: the rest of a ciphertext that has its header and salt. */
export function sealMessage(
  work: Work,
  suite: 1 | 2 | 3,
  enc: Mac,
  bound: Uint8Array,
  frame: Uint8Array,
  out: Uint8Array,
): Awaitable<Uint8Array> {
  const { salt: saltBytes, commitment } = suites[suite]
  const { secrets } = work
  const commitmentAt = headerBytes + saltBytes
  return chain(messageKeys(work.input, enc, out, commitmentAt, bound, secrets.bytes), (t) => {
    for (let i = 0; i < commitment; i++) out[commitmentAt + i] = t[keyBytes + i] ?? 0
    const nonce = nonceOf(suite, secrets, out)
    return chain(work.backend.seal(secrets.key, nonce, frame, out, commitmentAt + commitment), () => {
      secrets.clear()
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
  const { secrets } = work
  const commitmentAt = headerBytes + saltBytes
  return chain(messageKeys(work.input, enc, bytes, commitmentAt, bound, secrets.bytes), (t) => {
    if (!equalAt(bytes, commitmentAt, t, keyBytes, commitment)) {
      secrets.clear()
      return null
    }
    const nonce = nonceOf(suite, secrets, bytes)
    return chain(work.backend.open(secrets.key, nonce, bytes, commitmentAt + commitment), (frame) => {
      secrets.clear()
      return frame
    })
  })
}

/** Suite 04: the rest of a ciphertext that has its header and salt. */
export function sealLarge(
  work: Work,
  blob: Mac,
  bound: Uint8Array,
  frame: Uint8Array,
  out: Uint8Array,
): Awaitable<Uint8Array> {
  const context = concat(work.headers[4].bytes, bound)
  const commitmentAt = headerBytes + suites[4].salt
  const messageSalt = out.subarray(headerBytes, commitmentAt)
  return chain(sealChunks(work.backend, blob, messageSalt, context, frame, out, commitmentAt), () => out)
}

/** The frame of a suite 04 ciphertext, or null. */
export function openLarge(
  work: Work,
  blob: Mac,
  parsed: ParsedCiphertext,
  bound: Uint8Array,
): Awaitable<Uint8Array | null> {
  const { bytes } = parsed
  const context = concat(work.headers[4].bytes, bound)
  return openChunks(work.backend, blob, context, bytes.subarray(headerBytes))
}
