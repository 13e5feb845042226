import { TokenCacheError } from './errors.js'
import { protectedStore, type ReleaseOutcome, type Snapshot, type TokenStore } from './store.js'

/** Authenticated encryption with associated data (RFC 5116 §2): what `@coffer/field-encryption`'s `createSealer` gives. */
export interface Sealer {
  encrypt(plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array | Promise<Uint8Array>
  decrypt(ciphertext: Uint8Array, associatedData: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/**
 * A store whose bodies are encrypted, each bound to its key and generation: none can be moved to another. Fence,
 * generation, intent digest and times stay readable.
 *
 * Does not notice a whole record rolled back before this process has seen a later one.
 */
export function sealed(store: TokenStore, sealer: Sealer): TokenStore {
  if (typeof store?.acquire !== 'function') throw new TypeError('store must be a token store')
  if (typeof sealer?.encrypt !== 'function' || typeof sealer.decrypt !== 'function') {
    throw new TypeError('sealer must have encrypt and decrypt')
  }
  return new SealedStore(store, sealer)
}

class SealedStore implements TokenStore {
  readonly persistence: 'process' | 'shared'
  readonly [protectedStore] = true
  readonly #store: TokenStore
  readonly #sealer: Sealer

  constructor(store: TokenStore, sealer: Sealer) {
    this.persistence = store.persistence
    this.#store = store
    this.#sealer = sealer
  }

  async read(key: string): Promise<Snapshot | undefined> {
    return await this.#open(key, await this.#store.read(key))
  }

  async acquire(key: string, owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    const snapshot = await this.#store.acquire(key, owner, ttlMs)
    try {
      return await this.#open(key, snapshot)
    } catch (error) {
      // Nobody can work under this lease: it is given back, with everything else as it was.
      if (snapshot !== undefined) {
        await this.#store.release(key, snapshot.fence, { intent: 'keep', holdMs: snapshot.holdMs })
      }
      throw error
    }
  }

  renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    return this.#store.renew(key, fence, ttlMs)
  }

  intend(key: string, fence: number, intent: { readonly digest: string; readonly attempt: 1 | 2 }): Promise<boolean> {
    return this.#store.intend(key, fence, intent)
  }

  async commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    const sealedBody = await this.#sealer.encrypt(body, associatedData(key, generation))
    return await this.#store.commit(key, fence, generation, sealedBody)
  }

  release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    return this.#store.release(key, fence, outcome)
  }

  async #open(key: string, snapshot: Snapshot | undefined): Promise<Snapshot | undefined> {
    if (snapshot?.body === undefined) return snapshot
    const bound = associatedData(key, snapshot.generation)
    const body =
      (await this.#decrypted(snapshot.body, bound)) ?? (await this.#decryptedAfterProbe(snapshot.body, bound))
    return { ...snapshot, body }
  }

  async #decrypted(ciphertext: Uint8Array, bound: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return await this.#sealer.decrypt(ciphertext, bound)
    } catch {
      // A cause would tell a forger how far the bytes got.
      return undefined
    }
  }

  /**
   * RFC 5116's decrypt says FAIL and no more, and a key service that is down fails too. A sealer that cannot open what
   * it has just sealed is at fault itself, and then nothing is known of the record.
   */
  async #decryptedAfterProbe(ciphertext: Uint8Array, bound: Uint8Array): Promise<Uint8Array> {
    if (!(await this.#works(bound))) throw new TokenCacheError('COFFER_TOKEN_CACHE_STORE_UNAVAILABLE')
    const body = await this.#decrypted(ciphertext, bound)
    if (body === undefined) throw new TokenCacheError('COFFER_TOKEN_CACHE_STORE_CORRUPT')
    return body
  }

  async #works(bound: Uint8Array): Promise<boolean> {
    try {
      const opened = await this.#sealer.decrypt(await this.#sealer.encrypt(probe, bound), bound)
      return opened.byteLength === probe.byteLength
    } catch {
      return false
    }
  }
}

const probe = new TextEncoder().encode('probe')

/** `ts1`, the store key and the generation, each preceded by its length in bytes. */
function associatedData(key: string, generation: number): Uint8Array {
  const encoder = new TextEncoder()
  return encoder.encode(
    ['ts1', key, String(generation)].map((part) => `${encoder.encode(part).byteLength}:${part}`).join(''),
  )
}
