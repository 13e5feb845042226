import { type Awaitable, all, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { concat, equalBytes, readU32, utf8, writeU32 } from './bytes.js'
import { unbound } from './context.js'
import { chunkBytes, tagBytes } from './format.js'
import { MacInput } from './mac-input.js'

/**
 * C2SP chunked encryption with AEAD_AES_256_GCM and SHA-512: salt, commitment, then chunks of 16 384 bytes, the last one
 * shorter and possibly empty. The commitment binds key and context; the chunk's number is in its nonce.
 */
export const chunkedSaltBytes = 24
export const chunkedCommitmentBytes = 32

const label = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0')

interface ChunkedKeys {
  readonly key: Uint8Array
  readonly baseNonce: Uint8Array
  readonly commitment: Uint8Array
}

/** HKDF-Expand of 76 bytes: two blocks (RFC 5869 §2.3). */
function deriveKeys(blob: Mac, salt: Uint8Array, context: Uint8Array): Awaitable<ChunkedKeys> {
  const block = (previous: Uint8Array, counter: number) =>
    new MacInput().raw(previous).raw(label).raw(salt).raw(context).byte(counter).derive(blob)
  return chain(block(unbound, 1), (first) =>
    chain(block(first, 2), (second) => ({
      key: first.subarray(0, 32),
      baseNonce: first.subarray(32, 44),
      commitment: concat(first.subarray(44), second.subarray(0, 12)),
    })),
  )
}

/** The base nonce XOR the chunk's number, big-endian. */
function nonceOf(baseNonce: Uint8Array, chunk: number): Uint8Array {
  const nonce = Uint8Array.from(baseNonce)
  writeU32(nonce, 8, readU32(nonce, 8) ^ chunk)
  return nonce
}

/** Writes commitment and chunks to `out` from `offset` on; the caller has written the salt. */
export function sealChunks(
  backend: Backend,
  blob: Mac,
  salt: Uint8Array,
  context: Uint8Array,
  message: Uint8Array,
  out: Uint8Array,
  offset: number,
): Awaitable<void> {
  return chain(deriveKeys(blob, salt, context), ({ key, baseNonce, commitment }) => {
    out.set(commitment, offset)
    const bodyAt = offset + chunkedCommitmentBytes
    const chunks = Math.floor(message.length / chunkBytes) + 1
    const sealed = Array.from({ length: chunks }, (_, i) => {
      const chunk = message.subarray(i * chunkBytes, (i + 1) * chunkBytes)
      return backend.seal(key, nonceOf(baseNonce, i), chunk, out, bodyAt + i * (chunkBytes + tagBytes))
    })
    return chain(all(sealed), () => {
      key.fill(0)
    })
  })
}

/**
 * The message of `bytes` (salt, commitment, chunks), or null. Nothing is released before the last chunk is authentic;
 * what was opened before a failure is zeroed.
 */
export function openChunks(
  backend: Backend,
  blob: Mac,
  context: Uint8Array,
  bytes: Uint8Array,
): Awaitable<Uint8Array | null> {
  const bodyAt = chunkedSaltBytes + chunkedCommitmentBytes
  const sealedChunk = chunkBytes + tagBytes
  const body = bytes.subarray(bodyAt)
  const last = body.length % sealedChunk
  // Nothing at all, where there is no room for salt and commitment, is less than a tag, too.
  if (last < tagBytes) return null
  return chain(deriveKeys(blob, bytes.subarray(0, chunkedSaltBytes), context), ({ key, baseNonce, commitment }) => {
    if (!equalBytes(commitment, bytes.subarray(chunkedSaltBytes, bodyAt))) {
      key.fill(0)
      return null
    }
    const chunks = Math.floor(body.length / sealedChunk) + 1
    const opened = Array.from({ length: chunks }, (_, i) =>
      backend.open(key, nonceOf(baseNonce, i), body.subarray(i * sealedChunk, (i + 1) * sealedChunk), 0),
    )
    return chain(all(opened), (parts) => {
      key.fill(0)
      return join(parts)
    })
  })
}

function join(parts: readonly (Uint8Array | null)[]): Uint8Array | null {
  const authentic = parts.filter((part) => part !== null)
  const message = authentic.length === parts.length ? concat(...authentic) : null
  for (const part of authentic) part.fill(0)
  return message
}
