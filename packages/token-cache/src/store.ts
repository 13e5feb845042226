/**
 * Where tokens are kept between refreshes. Every method is atomic per key. Only durations cross, measured by the
 * store's own clock, so that hosts whose clocks differ agree.
 */
export interface TokenStore {
  /** `'shared'`: outlives the process, or is seen by others; a cache accepts it only sealed. */
  readonly persistence: 'process' | 'shared'
  read(key: string): Promise<Snapshot | undefined>
  /** The record under a lease of `ttlMs`, with its fence raised; undefined: held by another. */
  acquire(key: string, owner: string, ttlMs: number): Promise<Snapshot | undefined>
  /** Extends a lease; false once a later fence exists. */
  renew(key: string, fence: number, ttlMs: number): Promise<boolean>
  /** Notes which refresh token is about to be sent; durable before it resolves. False once a later fence exists. */
  intend(key: string, fence: number, intent: { readonly digest: string; readonly attempt: 1 | 2 }): Promise<boolean>
  /** Writes a body and clears intent and hold. False once a later fence exists, or if the generation is no higher. */
  commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean>
  /** Ends the lease, decides on the intent, and holds further attempts for `holdMs`. Nothing once a later fence exists. */
  release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void>
}

export interface ReleaseOutcome {
  readonly intent: 'keep' | 'clear' | 'dead'
  readonly holdMs: number
}

/** A record as its store sees it. Ages and holds are in milliseconds, by the store's clock. */
export interface Snapshot {
  /** Raised by every `acquire`. */
  readonly fence: number
  /** Raised by every `commit`; 0: none yet. */
  readonly generation: number
  readonly body: Uint8Array | undefined
  readonly ageMs: number
  readonly holdMs: number
  /** The digest of the refresh token that was last sent or about to be. `dead`: the issuer refused it. */
  readonly intent:
    | { readonly digest: string; readonly attempt: 1 | 2; readonly dead: boolean; readonly ageMs: number }
    | undefined
}

/** The mark of a store whose bodies are sealed, or which was accepted unsealed by name. */
export const protectedStore: unique symbol = Symbol('coffer.protected-store')

/** Whether bodies may be given to a store. */
export function isProtected(store: TokenStore): boolean {
  return store.persistence === 'process' || protectedStore in store
}
