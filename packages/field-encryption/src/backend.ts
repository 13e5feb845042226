import type { Awaitable } from './awaitable.js'
import { nobleBackend } from './backend-noble.js'
import { nodeBackend } from './backend-node.js'
import { webcryptoBackend } from './backend-webcrypto.js'
import type { Mode } from './options.js'

export type BackendName = 'node' | 'noble' | 'webcrypto'

/** HMAC-SHA-512 under one key. */
export interface Mac {
  /** 64 bytes. */
  mac(input: Uint8Array): Awaitable<Uint8Array>
  /** Zeroes what can be zeroed; the object must not be used afterwards. */
  destroy(): void
}

/** The primitives a runtime provides. AES is AES-256; GCM has a 96-bit nonce, a 128-bit tag and no associated data. */
export interface Backend {
  readonly name: BackendName
  readonly mode: Mode
  /** Copies what it needs: the caller zeroes `key`. */
  importMac(key: Uint8Array): Awaitable<Mac>
  /** Writes ciphertext and tag to `out` from `offset` on. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): Awaitable<void>
  /** `body` is ciphertext and tag. Null when the tag does not match; then nothing decrypted is left behind. */
  open(key: Uint8Array, nonce: Uint8Array, body: Uint8Array): Awaitable<Uint8Array | null>
  sha512(input: Uint8Array): Awaitable<Uint8Array>
}

/** Key wrapping with padding (RFC 5649), always synchronous. */
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
