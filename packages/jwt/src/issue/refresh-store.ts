import type { Grant } from './grant.js'

/** What a store knows of a family: every refresh token that descends from one login (RFC 9700 §4.14.2). */
export interface FamilyState {
  /** The claim `sid` of its access tokens. */
  readonly id: string
  readonly grant: Grant
  readonly phase: 'live' | 'expired' | 'revoked'
  /** How often it was rotated; the only unspent token has this generation. */
  readonly generation: number
  /** Hash of the unspent token's secret. */
  readonly current: Uint8Array
  /** Hash of the token spent last; undefined before the first rotation. */
  readonly previous: Uint8Array | undefined
  /** Salt of the last rotation. */
  readonly salt: Uint8Array | undefined
  /** Milliseconds since the last rotation (since creation before it), by the store's clock. */
  readonly rotatedAgeMs: number
}

/** A new family, at generation 0. */
export interface NewFamily {
  readonly id: string
  readonly grant: Grant
  readonly current: Uint8Array
  /** Longest pause between two rotations, in ms. */
  readonly idleMs: number
  /** Longest life, in ms. */
  readonly lifetimeMs: number
}

/** One rotation: takes effect if the family is live and at exactly this client, generation and hash. */
export interface RotationStep {
  readonly id: string
  readonly clientId: string
  readonly generation: number
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly salt: Uint8Array
  readonly idleMs: number
}

/** The families to end. */
export type RevokeTarget = { readonly session: string } | { readonly subject: string } | { readonly client: string }

/** Where families live. Each method is atomic; durations are measured by the store's clock. */
export interface RefreshStore {
  create(family: NewFamily): Promise<void>
  /** One compare-and-swap; undefined when it changed nothing. */
  rotate(step: RotationStep): Promise<FamilyState | undefined>
  read(id: string): Promise<FamilyState | undefined>
  /** Ends families and names those that were live. */
  revoke(target: RevokeTarget): Promise<readonly string[]>
}
