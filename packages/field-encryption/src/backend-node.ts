import type { Backend, KeyWrap, KeyWrapKind, Mac } from './backend.js'
import { FieldEncryptionError } from './errors.js'
import { tagBytes } from './format.js'
import { hashBytes, padBytes } from './mac-input.js'

interface NodeMac {
  update(data: Uint8Array): NodeMac
  digest(): Uint8Array
}

interface NodeCipher {
  update(data: Uint8Array): Uint8Array
  final(): Uint8Array
  setAAD(data: Uint8Array): void
  getAuthTag(): Uint8Array
}

interface NodeDecipher {
  setAAD(data: Uint8Array): void
  setAuthTag(tag: Uint8Array): void
  update(data: Uint8Array): Uint8Array
  final(): Uint8Array
}

/** The part of `node:crypto` used here, written out so that no build and no declaration needs Node's types. */
interface NodeCrypto {
  createSecretKey(key: Uint8Array): object
  createHmac(algorithm: string, key: object | Uint8Array): NodeMac
  createHash(algorithm: string): NodeMac
  createCipheriv(algorithm: string, key: Uint8Array, iv: Uint8Array, options?: { authTagLength: number }): NodeCipher
  createDecipheriv(
    algorithm: string,
    key: Uint8Array,
    iv: Uint8Array,
    options?: { authTagLength: number },
  ): NodeDecipher
}

function hasNodeCrypto(value: unknown): value is NodeCrypto {
  const names = ['createSecretKey', 'createHmac', 'createHash', 'createCipheriv', 'createDecipheriv']
  return (
    typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'function')
  )
}

function builtinCrypto(): NodeCrypto | null {
  const runtime: { process?: { getBuiltinModule?: (id: string) => unknown } } = globalThis
  const found = runtime.process?.getBuiltinModule?.('node:crypto')
  return hasNodeCrypto(found) ? found : null
}

const gcm = 'aes-256-gcm'
const gcmOptions = { authTagLength: tagBytes }
// The initial values of RFC 3394 §2.2.3.1 and RFC 5649 §3.
const wrapIv = { kw: new Uint8Array(8).fill(0xa6), kwp: Uint8Array.of(0xa6, 0x59, 0x59, 0xa6) }
const wrapName = { kw: 'wrap', kwp: 'wrap-pad' }

/**
 * HMAC-SHA-512 (RFC 2104) as two calls of the one-shot hash over prepared pads: half the time of `createHmac`, whose
 * objects cost more than the hashing of a field.
 */
function padded(crypto: NodeCrypto, hash: OneShotHash, writeLatin1: WriteLatin1): (key: Uint8Array) => Mac {
  // Outer pad and inner hash of the latest call.
  const second = new Uint8Array(padBytes + hashBytes)
  return (key) => {
    const short = key.length > padBytes ? crypto.createHash('sha512').update(key).digest() : key
    const inner = new Uint8Array(padBytes).fill(0x36)
    const outer = new Uint8Array(padBytes).fill(0x5c)
    for (let i = 0; i < short.length; i++) {
      inner[i] = (inner[i] ?? 0) ^ (short[i] ?? 0)
      outer[i] = (outer[i] ?? 0) ^ (short[i] ?? 0)
    }
    let destroyed = false
    const prepare = (input: Uint8Array) => {
      if (destroyed) throw keyDestroyed()
      input.set(inner)
      second.set(outer)
      writeLatin1.call(second, hash('sha512', input, 'latin1'), padBytes, hashBytes)
    }
    return {
      mac(input, out) {
        prepare(input)
        // A string of Latin-1 costs half of what a buffer from the hash does. It lives as long as the plaintext it is for.
        writeLatin1.call(out, hash('sha512', second, 'latin1'), 0, hashBytes)
        return out
      },
      derive(input) {
        prepare(input)
        return hash('sha512', second, 'buffer')
      },
      destroy() {
        destroyed = true
        inner.fill(0)
        outer.fill(0)
        second.fill(0)
      },
    }
  }
}

function macOf(crypto: NodeCrypto): (key: Uint8Array) => Mac {
  const writeLatin1 = latin1Writer()
  if (writeLatin1 !== null && hasOneShotHash(crypto)) return padded(crypto, crypto.hash.bind(crypto), writeLatin1)
  return (key) => {
    const secret = crypto.createSecretKey(key)
    let destroyed = false
    const derive = (input: Uint8Array) => {
      if (destroyed) throw keyDestroyed()
      return crypto.createHmac('sha512', secret).update(input.subarray(padBytes)).digest()
    }
    return {
      mac(input, out) {
        out.set(derive(input))
        return out
      },
      derive,
      destroy() {
        destroyed = true
      },
    }
  }
}

type WriteLatin1 = (this: Uint8Array, text: string, offset: number, length: number) => number

/** `Buffer.prototype.latin1Write`, which takes any byte array as its `this`. */
function latin1Writer(): WriteLatin1 | null {
  const runtime: { Buffer?: { prototype: { latin1Write?: WriteLatin1 } } } = globalThis
  const write = runtime.Buffer?.prototype.latin1Write
  if (typeof write !== 'function') return null
  const probe = new Uint8Array(2)
  write.call(probe, '\u00ff\u0001', 0, 2)
  return probe[0] === 0xff && probe[1] === 1 ? write : null
}

interface OneShotHash {
  (algorithm: string, data: Uint8Array, encoding: 'latin1'): string
  (algorithm: string, data: Uint8Array, encoding: 'buffer'): Uint8Array
}

function hasOneShotHash(crypto: NodeCrypto): crypto is NodeCrypto & { readonly hash: OneShotHash } {
  return 'hash' in crypto && typeof crypto.hash === 'function'
}

/** A callback of a call has closed the keyring under it. */
function keyDestroyed(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE')
}

function create(crypto: NodeCrypto): Backend {
  return {
    name: 'node',
    mode: 'sync',
    importMac: macOf(crypto),
    seal(key, nonce, plaintext, out, offset, associatedData) {
      const cipher = crypto.createCipheriv(gcm, key, nonce)
      if (associatedData !== undefined) cipher.setAAD(associatedData)
      out.set(cipher.update(plaintext), offset)
      cipher.final()
      out.set(cipher.getAuthTag(), offset + plaintext.length)
    },
    open(key, nonce, sealed, offset, associatedData) {
      const end = sealed.length - tagBytes
      const decipher = crypto.createDecipheriv(gcm, key, nonce, gcmOptions)
      if (associatedData !== undefined) decipher.setAAD(associatedData)
      decipher.setAuthTag(sealed.subarray(end))
      const plaintext = decipher.update(sealed.subarray(offset, end))
      try {
        decipher.final()
        return plaintext
      } catch {
        plaintext.fill(0)
        return null
      }
    },
    sha512: (input) => crypto.createHash('sha512').update(input).digest(),
  }
}

/** Null where the runtime has no `node:crypto`. */
export function nodeBackend(): Backend | null {
  const crypto = builtinCrypto()
  return crypto === null ? null : create(crypto)
}

/** Null where the runtime has no `node:crypto`, or one without key wrap. */
export function nodeKeyWrap(kind: KeyWrapKind): KeyWrap | null {
  const crypto = builtinCrypto()
  if (crypto === null) return null
  const algorithm = (key: Uint8Array) => `id-aes${key.length * 8}-${wrapName[kind]}`
  try {
    // Bun's node:crypto has no key wrap.
    const key = new Uint8Array(32)
    crypto.createCipheriv(algorithm(key), key, wrapIv[kind])
  } catch {
    return null
  }
  return {
    wrap(key, dataKey) {
      const cipher = crypto.createCipheriv(algorithm(key), key, wrapIv[kind])
      const wrapped = Uint8Array.from(cipher.update(dataKey))
      cipher.final()
      return wrapped
    },
    unwrap(key, wrapped) {
      // OpenSSL unwraps 8 bytes to an empty key without checking anything.
      if (wrapped.length < 16) return null
      try {
        const decipher = crypto.createDecipheriv(algorithm(key), key, wrapIv[kind])
        const opened = decipher.update(wrapped)
        decipher.final()
        const dataKey = Uint8Array.from(opened)
        opened.fill(0)
        return dataKey
      } catch {
        return null
      }
    },
  }
}
