import type { Awaitable } from './awaitable.js'
import { nobleBackend } from './backend-noble.js'
import { nodeBackend } from './backend-node.js'
import { webcryptoBackend } from './backend-webcrypto.js'
import type { Mode } from './options.js'

export type BackendName = 'node' | 'noble' | 'webcrypto'

/** HMAC-SHA-512 under one key. The input begins at `padBytes`: what stands before it is room for the pad. */
export interface Mac {
  /** Writes 64 bytes for the length of a call to `out`, and returns it: a salt, the keys of one message, a token. */
  mac(padded: Uint8Array, out: Uint8Array): Awaitable<Uint8Array>
  /** 64 bytes for a key that is kept: never anywhere but in a buffer that the caller zeroes. */
  derive(padded: Uint8Array): Awaitable<Uint8Array>
  /** Zeroes what can be zeroed. A synchronous key refuses from then on: zeros would be a key that everyone knows. */
  destroy(): void
}

/** The primitives a runtime provides. AES is AES-256; GCM has a 96-bit nonce and a 128-bit tag. */
export interface Backend {
  readonly name: BackendName
  readonly mode: Mode
  /** Copies what it needs: the caller zeroes `key`. */
  importMac(key: Uint8Array): Awaitable<Mac>
  /** Writes ciphertext and tag to `out` from `offset` on. The format has no associated data: its context is in the key. */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    out: Uint8Array,
    offset: number,
    associatedData?: Uint8Array,
  ): Awaitable<void>
  /** Ciphertext and tag stand in `sealed` from `offset` on. Null when the tag does not match; then nothing is left behind. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    offset: number,
    associatedData?: Uint8Array,
  ): Awaitable<Uint8Array | null>
  sha512(input: Uint8Array): Awaitable<Uint8Array>
}

/** Key wrap (`'kw'`, RFC 3394) and key wrap with padding (`'kwp'`, RFC 5649), always synchronous. */
export type KeyWrapKind = 'kw' | 'kwp'

/** AES key wrapping; the key has 16, 24 or 32 bytes. */
export interface KeyWrap {
  wrap(key: Uint8Array, dataKey: Uint8Array): Uint8Array
  /** Null when the integrity check fails. */
  unwrap(key: Uint8Array, wrapped: Uint8Array): Uint8Array | null
}

/** `'auto'` is node where the runtime has it, else noble; never webcrypto, which changes the return types. */
export function selectBackend(choice: 'auto' | BackendName): Backend {
  if (choice === 'webcrypto') return webcryptoBackend
  if (choice === 'noble') return nobleBackend
  const node = nodeBackend()
  if (node !== null) return node
  if (choice === 'node') throw new TypeError("backend 'node' needs process.getBuiltinModule('node:crypto')")
  return nobleBackend
}
