import { FF1 } from '@noble/ciphers/ff1.js'
import { type BackendName, type KeyWrap, selectBackend } from './backend.js'
import { nobleKeyWrap } from './backend-noble.js'
import { nodeKeyWrap } from './backend-node.js'
import { concat } from './bytes.js'
import { chunkedCommitmentBytes, chunkedSaltBytes, openChunks, sealChunks } from './chunked.js'
import { ciphertextLength, headerBytes, tagBytes } from './format.js'
import { hashBytes, MacInput } from './mac-input.js'
import { checkOneOf } from './options.js'

/** The primitives of one backend, so that published test vectors can be replayed against what the package really uses. */
export interface Primitives {
  /** AES-256-GCM, 96-bit nonce: ciphertext and 128-bit tag. */
  gcmSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array>
  /** Null when the tag does not match. */
  gcmOpen(key: Uint8Array, nonce: Uint8Array, body: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array | null>
  hmacSha512(key: Uint8Array, input: Uint8Array): Promise<Uint8Array>
  /** At most 16 320 bytes (RFC 5869 §2.3). */
  hkdfSha512(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array>
  /** RFC 3394 and RFC 5649; null where the backend has neither. */
  readonly kw: KeyWrap | null
  readonly kwp: KeyWrap | null
  /** Digits of radix 10; FF1 is noble's on every backend. */
  ff1Encrypt(key: Uint8Array, tweak: Uint8Array, digits: readonly number[]): number[]
  ff1Decrypt(key: Uint8Array, tweak: Uint8Array, digits: readonly number[]): number[]
  /** C2SP chunked encryption: salt, commitment and chunks. */
  chunkedSeal(key: Uint8Array, salt: Uint8Array, context: Uint8Array, message: Uint8Array): Promise<Uint8Array>
  chunkedOpen(key: Uint8Array, context: Uint8Array, sealed: Uint8Array): Promise<Uint8Array | null>
}

/** Never for production: these functions take keys and nonces as they are. */
export function createPrimitives(backend: BackendName): Primitives {
  const chosen = selectBackend(checkOneOf('backend', backend, ['node', 'noble', 'webcrypto']))
  const wraps = { node: nodeKeyWrap, noble: nobleKeyWrap, webcrypto: () => null }[chosen.name]
  const mac = async (key: Uint8Array, input: Uint8Array) =>
    new MacInput().raw(input).mac(await chosen.importMac(key), new Uint8Array(hashBytes))
  return {
    async gcmSeal(key, nonce, plaintext, associatedData) {
      checkGcm(key, nonce)
      const out = new Uint8Array(plaintext.length + tagBytes)
      await chosen.seal(key, nonce, plaintext, out, 0, associatedData)
      return out
    },
    async gcmOpen(key, nonce, body, associatedData) {
      checkGcm(key, nonce)
      return body.length < tagBytes ? null : chosen.open(key, nonce, body, 0, associatedData)
    },
    hmacSha512: mac,
    async hkdfSha512(secret, salt, info, length) {
      if (length > 255 * hashBytes) throw new RangeError('HKDF gives at most 255 blocks')
      const key = await mac(salt.length === 0 ? new Uint8Array(hashBytes) : salt, secret)
      const expand = await chosen.importMac(key)
      const blocks: Uint8Array[] = []
      for (let i = 1; blocks.length * hashBytes < length; i++) {
        const input = new MacInput()
          .raw(blocks.at(-1) ?? new Uint8Array(0))
          .raw(info)
          .byte(i)
        blocks.push(await input.mac(expand, new Uint8Array(hashBytes)))
      }
      return concat(...blocks).slice(0, length)
    },
    kw: wraps('kw'),
    kwp: wraps('kwp'),
    ff1Encrypt: (key, tweak, digits) => FF1(10, key, tweak).encrypt([...digits]),
    ff1Decrypt: (key, tweak, digits) => FF1(10, key, tweak).decrypt([...digits]),
    async chunkedSeal(key, salt, context, message) {
      checkLength('key', key, 32)
      checkLength('salt', salt, chunkedSaltBytes)
      const out = new Uint8Array(ciphertextLength(4, message.length) - headerBytes)
      out.set(salt)
      await sealChunks(chosen, await chosen.importMac(key), salt, context, message, out, chunkedSaltBytes)
      return out
    },
    async chunkedOpen(key, context, sealed) {
      checkLength('key', key, 32)
      if (sealed.length < chunkedSaltBytes + chunkedCommitmentBytes) return null
      return openChunks(chosen, await chosen.importMac(key), context, sealed)
    },
  }
}

function checkGcm(key: Uint8Array, nonce: Uint8Array): void {
  checkLength('key', key, 32)
  checkLength('nonce', nonce, 12)
}

function checkLength(name: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${name} must have ${length} bytes`)
}
