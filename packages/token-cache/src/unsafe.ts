/**
 * What weakens the package, by name.
 *
 * @module
 */
import { protectedStore, type ReleaseOutcome, type Snapshot, type TokenStore } from './store.js'

/**
 * Accepts a shared store without encryption: whoever reads it holds every refresh token in it. For a store whose
 * medium is itself encrypted and private to this client; otherwise use `sealed`.
 */
export function dangerouslyUnsealed(store: TokenStore): TokenStore {
  return new UnsealedStore(store)
}

class UnsealedStore implements TokenStore {
  readonly persistence: 'process' | 'shared'
  readonly [protectedStore] = true
  readonly #store: TokenStore

  constructor(store: TokenStore) {
    this.persistence = store.persistence
    this.#store = store
  }

  read(key: string): Promise<Snapshot | undefined> {
    return this.#store.read(key)
  }

  acquire(key: string, owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    return this.#store.acquire(key, owner, ttlMs)
  }

  renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    return this.#store.renew(key, fence, ttlMs)
  }

  intend(key: string, fence: number, intent: { readonly digest: string; readonly attempt: 1 | 2 }): Promise<boolean> {
    return this.#store.intend(key, fence, intent)
  }

  commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    return this.#store.commit(key, fence, generation, body)
  }

  release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    return this.#store.release(key, fence, outcome)
  }
}
