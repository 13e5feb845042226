import { nobleKeyWrap } from './backend-noble.js'
import { nodeKeyWrap } from './backend-node.js'
import { checkOptions } from './options.js'

/** Which data key is being wrapped; a KMS takes it as encryption context. */
export interface WrapContext {
  readonly keyId: string
  readonly version: number
}

/**
 * Wraps data keys: the seam for a KMS. The KEK itself never leaves it.
 *
 * `unwrap` rejects when the wrapped key is not its own; the keyring then answers
 * `COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED`.
 */
export interface KeyEncryptionKey {
  /** 1 to 256 characters, stored in each record. */
  readonly id: string
  /** Reads `dataKey` and keeps none of it: the bytes are zeroed once the call has settled. */
  wrap(dataKey: Uint8Array, context: WrapContext): Promise<Uint8Array>
  /** 32 bytes in an array of their own: the keyring takes it over and zeroes it, so one that is cached must be copied. */
  unwrap(wrapped: Uint8Array, context: WrapContext): Promise<Uint8Array>
}

export function checkKeyEncryptionKey(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be a KeyEncryptionKey`)
  const { id, wrap, unwrap } = value as Partial<KeyEncryptionKey>
  if (typeof wrap !== 'function' || typeof unwrap !== 'function')
    throw new TypeError(`${name} must have wrap and unwrap`)
  if (typeof id !== 'string' || id.length < 1 || id.length > 256)
    throw new TypeError(`${name}.id must have 1 to 256 characters`)
}

/**
 * A KEK held in memory: AES-256 key wrap with padding (RFC 5649, SP 800-38F). Native where the runtime has it.
 *
 * @param options - `key`: 32 bytes, copied. Keep it out of the database that holds the records.
 * @throws TypeError for a key that is not 32 bytes.
 */
export function createLocalKeyEncryptionKey(options: {
  readonly id: string
  readonly key: Uint8Array
}): KeyEncryptionKey {
  checkOptions('createLocalKeyEncryptionKey', options, ['id', 'key'])
  const { id, key: given } = options
  if (!(given instanceof Uint8Array) || given.length !== 32) throw new TypeError('key must be a Uint8Array of 32 bytes')
  const key = Uint8Array.from(given)
  const keyWrap = nodeKeyWrap('kwp') ?? nobleKeyWrap('kwp')
  const kek: KeyEncryptionKey = Object.freeze({
    id,
    async wrap(dataKey: Uint8Array) {
      return keyWrap.wrap(key, dataKey)
    },
    async unwrap(wrapped: Uint8Array) {
      const dataKey = keyWrap.unwrap(key, wrapped)
      if (dataKey === null) throw new Error('the wrapped key does not belong to this key-encryption key')
      return dataKey
    },
  })
  checkKeyEncryptionKey('createLocalKeyEncryptionKey', kek)
  return kek
}
