import type { Backend, KeyWrap, KeyWrapKind, Mac } from './backend.js'
import { tagBytes } from './format.js'

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

function macOf(crypto: NodeCrypto, bytes: Uint8Array): Mac {
  const key = crypto.createSecretKey(bytes)
  return {
    mac: (input) => crypto.createHmac('sha512', key).update(input).digest(),
    destroy() {},
  }
}

function create(crypto: NodeCrypto): Backend {
  return {
    name: 'node',
    mode: 'sync',
    importMac: (key) => macOf(crypto, key),
    seal(key, nonce, plaintext, out, offset, associatedData) {
      const cipher = crypto.createCipheriv(gcm, key, nonce, gcmOptions)
      if (associatedData !== undefined) cipher.setAAD(associatedData)
      out.set(cipher.update(plaintext), offset)
      cipher.final()
      out.set(cipher.getAuthTag(), offset + plaintext.length)
    },
    open(key, nonce, body, associatedData) {
      const end = body.length - tagBytes
      const decipher = crypto.createDecipheriv(gcm, key, nonce, gcmOptions)
      if (associatedData !== undefined) decipher.setAAD(associatedData)
      decipher.setAuthTag(body.subarray(end))
      const plaintext = decipher.update(body.subarray(0, end))
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

/** Null where the runtime has no `node:crypto`. */
export function nodeKeyWrap(kind: KeyWrapKind): KeyWrap | null {
  const crypto = builtinCrypto()
  if (crypto === null) return null
  const algorithm = (key: Uint8Array) => `id-aes${key.length * 8}-${wrapName[kind]}`
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
