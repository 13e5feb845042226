import type { JwtError } from './errors.js'
import type { KeySet } from './key-set.js'

/** Key of the state inside a key source; not exported from the package, so that a key source is opaque. */
export const keySource: unique symbol = Symbol('coffer.jwt.keySource')

/** Where the keys of an issuer come from. Opaque: made by `staticKeys`, `remoteKeys` or a key ring. */
export interface KeySource {
  readonly [keySource]: KeySourceState
}

/** What a verifier asks of a key source. Times are epoch milliseconds. */
export interface KeySourceState {
  /** The keys that may verify a token now; also the moment at which a background refresh may start. */
  usable(now: number): KeySet | undefined
  /** Until when a cached verification may rest on these keys; compared at every hit. */
  usableUntil(): number
  /** Nothing is usable: the error for a caller that cannot wait. May start a fetch. */
  refuse(now: number): JwtError<'COFFER_JWT_KEYS_NOT_READY' | 'COFFER_JWT_KEYS_UNAVAILABLE'>
  /** Waits until keys are usable; rejects with `COFFER_JWT_KEYS_UNAVAILABLE`. */
  load(now: number): Promise<void>
  /** A token that deserves it names an unknown key: a fetch to wait for, or undefined when none will start. */
  loadUnknown(kid: string, now: number): Promise<void> | undefined
}
