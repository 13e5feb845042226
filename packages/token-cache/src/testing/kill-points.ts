import type { ReleaseOutcome, Snapshot, TokenStore } from '../store.js'
import { protectedStore } from '../store.js'

/** Where a process can be stopped between two steps of a refresh. */
export type KillPoint =
  | 'after-acquire'
  | 'before-intend'
  | 'after-intend'
  | 'before-commit'
  | 'after-commit'
  | 'before-release'

/**
 * A store that calls `stop` at one point, for tests that kill or pause a process there. When `stop` throws or never
 * settles, so does the store's method.
 */
export function killPointStore(store: TokenStore, point: KillPoint, stop: () => void | Promise<void>): TokenStore {
  return new KillPointStore(store, point, stop)
}

class KillPointStore implements TokenStore {
  readonly persistence: 'process' | 'shared'
  readonly [protectedStore] = true
  readonly #store: TokenStore
  readonly #point: KillPoint
  readonly #stop: () => void | Promise<void>

  constructor(store: TokenStore, point: KillPoint, stop: () => void | Promise<void>) {
    this.persistence = store.persistence
    this.#store = store
    this.#point = point
    this.#stop = stop
  }

  read(key: string): Promise<Snapshot | undefined> {
    return this.#store.read(key)
  }

  async acquire(key: string, owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    const snapshot = await this.#store.acquire(key, owner, ttlMs)
    if (snapshot !== undefined) await this.#pass('after-acquire')
    return snapshot
  }

  renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    return this.#store.renew(key, fence, ttlMs)
  }

  async intend(
    key: string,
    fence: number,
    intent: { readonly digest: string; readonly attempt: 1 | 2 },
  ): Promise<boolean> {
    await this.#pass('before-intend')
    const noted = await this.#store.intend(key, fence, intent)
    await this.#pass('after-intend')
    return noted
  }

  async commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    await this.#pass('before-commit')
    const stored = await this.#store.commit(key, fence, generation, body)
    await this.#pass('after-commit')
    return stored
  }

  async release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    await this.#pass('before-release')
    await this.#store.release(key, fence, outcome)
  }

  async #pass(point: KillPoint): Promise<void> {
    if (point === this.#point) await this.#stop()
  }
}
