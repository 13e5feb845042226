import type { SignatureAlgorithm } from './algorithms.js'
import type { Relaxable } from './profile.js'
import type { JsonValue } from './strict-json.js'

declare const verified: unique symbol

/** `T | undefined` where the profile lets the member be missing, else `T`. */
export type Maybe<K extends Relaxable, Missing extends Relaxable, T = string> = K extends Missing ? T | undefined : T

/** The Claims Set of an access token (RFC 9068 §2.2), as it was signed, frozen in depth. */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly exp: number
  readonly [claim: string]: JsonValue
}

/**
 * An access token that a verifier of this process has verified. Frozen in depth, and branded by a symbol that nobody
 * else has: a function that asks for this type cannot be given anything unverified.
 */
export interface VerifiedToken<Claims = AccessTokenClaims, Missing extends Relaxable = never> {
  readonly [verified]: true
  readonly issuer: string
  readonly subject: string
  readonly audience: readonly string[]
  readonly scope: readonly string[]
  readonly clientId: Maybe<'client_id', Missing>
  readonly jti: Maybe<'jti', Missing>
  /** Epoch milliseconds. */
  readonly issuedAt: Maybe<'iat', Missing, number>
  /** Epoch milliseconds, without tolerance. */
  readonly expiresAt: number
  /** The family of refresh tokens it belongs to (`sid`), if any. */
  readonly sessionId: string | undefined
  readonly algorithm: SignatureAlgorithm
  readonly kid: Maybe<'kid', Missing>
  /** The output of the issuer's schema, else the Claims Set. */
  readonly claims: Claims
}

/** A verified token as this package handles it before the caller's types apply. */
export type AnyVerifiedToken = VerifiedToken<unknown, Relaxable>

/** Brands and freezes; the one place where a token becomes verified. */
export function makeVerifiedToken(members: Omit<AnyVerifiedToken, typeof verified>): AnyVerifiedToken {
  return Object.freeze(members) as AnyVerifiedToken
}

/**
 * Freezes a value in depth.
 *
 * @returns Whether all of it is primitives, plain objects and arrays, so that no holder can change it for another.
 */
export function freezePlain(value: unknown, seen: Set<object> = new Set()): boolean {
  if (typeof value === 'function') return false
  if (typeof value !== 'object' || value === null || seen.has(value)) return true
  seen.add(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype && prototype !== Array.prototype) return false
  let plain = true
  for (const key of Reflect.ownKeys(value)) {
    const member = Object.getOwnPropertyDescriptor(value, key)
    plain = member !== undefined && 'value' in member && freezePlain(member.value, seen) && plain
  }
  Object.freeze(value)
  return plain
}
