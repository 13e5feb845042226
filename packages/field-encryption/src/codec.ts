import { type Awaitable, settled } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { concat, copyBytes, equalAt } from './bytes.js'
import { openChunks, sealChunks } from './chunked.js'
import type { ColumnKeys } from './column-keys.js'
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
import type { RandomBytes } from './random-pool.js'
import type { Reused } from './scratch.js'
import type { MessageSecrets } from './secrets.js'

/** What every step needs: the primitives, the buffers for HMACs, keys and headers. */
export interface Work {
  readonly backend: Backend
  readonly input: MacInput
  readonly secrets: MessageSecrets
  readonly headers: SuiteHeaders
  readonly keys: ColumnKeys
  /** Where a ciphertext is put together that leaves as text, before the next one begins; else each has its own bytes. */
  readonly text: Reused | null
}

/** What is sealed: a frame, under `LP(row) || LP(extra)`, with random bytes for the salt. */
export interface Sealing {
  readonly suite: Suite
  readonly frame: Uint8Array
  readonly bound: Uint8Array
  readonly random: RandomBytes
}

/** T: 64 bytes. The first 32 are the message key, the commitment follows, and in 01 and 03 then the nonce. */
const keyBytes = 32

/**
 * Seals one frame. The steps are the same in both shells: this one calls straight through, {@link sealLater} waits for
 * each of them. Suite 03 takes neither random bytes nor row nor extra, because equal values are to give equal ciphertexts.
 */
export function sealNow(work: Work, { suite, frame, bound, random }: Sealing): Uint8Array {
  const { backend, keys, secrets } = work
  const key = settled(saltKey(keys, suite))
  // An injected source may encrypt, too: nothing that is used again is in use here.
  const drawn = draw(random, suite)
  const out = begin(work, suite, frame.length)
  placeSalt(settled(saltOf(work, key, suite, drawn, bound, frame)), out, suite)
  if (suite === 4) return settled(sealLarge(work, settled(keys.of('blob')), bound, frame, out))
  settled(messageKeys(work.input, settled(keys.enc), out, saltEnd(suite), boundOf(suite, bound), secrets.bytes))
  placeCommitment(secrets, out, suite)
  settled(backend.seal(secrets.key, nonceOf(suite, secrets, out), frame, out, bodyAt(suite)))
  secrets.clear()
  return out
}

export async function sealLater(work: Work, { suite, frame, bound, random }: Sealing): Promise<Uint8Array> {
  const { backend, keys, secrets } = work
  const out = begin(work, suite, frame.length)
  const key = await saltKey(keys, suite)
  // Drawn, used and zeroed without a wait between: a slice of the pool is its own until the pool is filled again.
  placeSalt(await saltOf(work, key, suite, draw(random, suite), bound, frame), out, suite)
  if (suite === 4) return sealLarge(work, await keys.of('blob'), bound, frame, out)
  await messageKeys(work.input, await keys.enc, out, saltEnd(suite), boundOf(suite, bound), secrets.bytes)
  placeCommitment(secrets, out, suite)
  await backend.seal(secrets.key, nonceOf(suite, secrets, out), frame, out, bodyAt(suite))
  secrets.clear()
  return out
}

/**
 * The frame of a ciphertext, or null when the commitment, the tag or a synthetic salt does not match. The commitment is
 * compared before any AES call, so a wrong key or context never reaches the cipher.
 */
export function openNow(work: Work, parsed: ParsedCiphertext, bound: Uint8Array): Uint8Array | null {
  const { suite, bytes } = parsed
  const { backend, keys, secrets } = work
  if (suite === 4) return settled(openLarge(work, settled(keys.of('blob')), bytes, bound))
  settled(messageKeys(work.input, settled(keys.enc), bytes, saltEnd(suite), boundOf(suite, bound), secrets.bytes))
  if (!isCommitted(secrets, bytes, suite)) return null
  const frame = settled(backend.open(secrets.key, nonceOf(suite, secrets, bytes), bytes, bodyAt(suite)))
  secrets.clear()
  if (suite !== 3 || frame === null) return frame
  return synthesized(settled(saltOf(work, settled(keys.of('siv')), 3, unbound, bound, frame)), bytes, frame)
}

export async function openLater(work: Work, parsed: ParsedCiphertext, bound: Uint8Array): Promise<Uint8Array | null> {
  const { suite, bytes } = parsed
  const { backend, keys, secrets } = work
  if (suite === 4) return openLarge(work, await keys.of('blob'), bytes, bound)
  await messageKeys(work.input, await keys.enc, bytes, saltEnd(suite), boundOf(suite, bound), secrets.bytes)
  if (!isCommitted(secrets, bytes, suite)) return null
  const frame = await backend.open(secrets.key, nonceOf(suite, secrets, bytes), bytes, bodyAt(suite))
  secrets.clear()
  if (suite !== 3 || frame === null) return frame
  return synthesized(await saltOf(work, await keys.of('siv'), 3, unbound, bound, frame), bytes, frame)
}

function saltEnd(suite: Suite): number {
  return headerBytes + suites[suite].salt
}

function bodyAt(suite: Suite): number {
  return saltEnd(suite) + suites[suite].commitment
}

function boundOf(suite: Suite, bound: Uint8Array): Uint8Array {
  return suite === 3 ? unboundRow : bound
}

/** A new ciphertext: its header, and room for salt, commitment and body. */
function begin(work: Work, suite: Suite, frameBytes: number): Uint8Array {
  const length = ciphertextLength(suite, frameBytes)
  const out = work.text === null ? new Uint8Array(length) : work.text.view(length)
  out.set(work.headers[suite].bytes)
  return out
}

function saltKey(keys: ColumnKeys, suite: Suite): Awaitable<Mac> {
  return suite === 3 ? keys.of('siv') : keys.hedge
}

function draw(random: RandomBytes, suite: Suite): Uint8Array {
  return suite === 3 ? unbound : random(suites[suite].salt)
}

function saltOf(
  work: Work,
  key: Mac,
  suite: Suite,
  random: Uint8Array,
  bound: Uint8Array,
  frame: Uint8Array,
): Awaitable<Uint8Array> {
  try {
    return salt(work.input, key, work.headers[suite].bytes, random, boundOf(suite, bound), frame, work.secrets.bytes)
  } finally {
    random.fill(0)
  }
}

function placeSalt(mac: Uint8Array, out: Uint8Array, suite: Suite): void {
  copyBytes(mac, 0, out, headerBytes, suites[suite].salt)
}

function placeCommitment({ bytes }: MessageSecrets, out: Uint8Array, suite: Suite): void {
  copyBytes(bytes, keyBytes, out, saltEnd(suite), suites[suite].commitment)
}

function nonceOf(suite: Suite, secrets: MessageSecrets, ciphertext: Uint8Array): Uint8Array {
  return suite === 2 ? ciphertext.subarray(headerBytes, headerBytes + 12) : secrets.nonce
}

function isCommitted(secrets: MessageSecrets, ciphertext: Uint8Array, suite: Suite): boolean {
  if (equalAt(ciphertext, saltEnd(suite), secrets.bytes, keyBytes, suites[suite].commitment)) return true
  secrets.clear()
  return false
}

/** The frame again when its own salt is the one in the ciphertext; else zeroed, and null: a deterministic AEAD. */
function synthesized(mac: Uint8Array, ciphertext: Uint8Array, frame: Uint8Array): Uint8Array | null {
  if (equalAt(ciphertext, headerBytes, mac, 0, suites[3].salt)) return frame
  frame.fill(0)
  return null
}

function sealLarge(
  work: Work,
  blob: Mac,
  bound: Uint8Array,
  frame: Uint8Array,
  out: Uint8Array,
): Awaitable<Uint8Array> {
  const context = concat(work.headers[4].bytes, bound)
  const messageSalt = out.subarray(headerBytes, saltEnd(4))
  const sealed = sealChunks(work.backend, blob, messageSalt, context, frame, out, saltEnd(4))
  return sealed instanceof Promise ? sealed.then(() => out) : out
}

function openLarge(work: Work, blob: Mac, bytes: Uint8Array, bound: Uint8Array): Awaitable<Uint8Array | null> {
  const context = concat(work.headers[4].bytes, bound)
  return openChunks(work.backend, blob, context, bytes.subarray(headerBytes))
}
