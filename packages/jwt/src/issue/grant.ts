import { assertMembers } from '../check-options.js'
import type { JsonValue } from '../strict-json.js'

/** What a subject was granted, from which tokens are made. */
export interface Grant {
  /** `sub`. */
  readonly subject: string
  /** `client_id`. */
  readonly clientId: string
  /** `aud`: one, or at most 64. */
  readonly audience: string | readonly string[]
  /** `scope`, as values of RFC 6749 §3.3. Default: none. */
  readonly scope?: readonly string[]
  /** `auth_time`, in epoch milliseconds; one in seconds is refused. */
  readonly authenticatedAt?: number
  readonly acr?: string
  readonly amr?: readonly string[]
  /** Further claims of the access token; they may name none that this package writes itself. */
  readonly claims?: Readonly<Record<string, JsonValue>>
}

/** Claims that this package writes itself, or that change what a token is. */
const reserved = [
  'iss',
  'sub',
  'aud',
  'client_id',
  'iat',
  'exp',
  'jti',
  'scope',
  'auth_time',
  'acr',
  'amr',
  'sid',
  'nbf',
  'cnf',
  'act',
]
const known = ['subject', 'clientId', 'audience', 'scope', 'authenticatedAt', 'acr', 'amr', 'claims']
/** In seconds the year 5138, in milliseconds March 1973. */
const earliestMs = 100_000_000_000
/** The last moment that a `Date` can hold. */
const latestMs = 8_640_000_000_000_000

/** Misuse that reading the code would fix: unknown or mistyped members, seconds, or claims that this package writes. */
export function assertGrant(grant: Grant): void {
  assertMembers(grant, 'grant', known)
  assertText(grant.subject, 'grant.subject')
  assertText(grant.clientId, 'grant.clientId')
  if (typeof grant.audience !== 'string') assertTexts(grant.audience, 'grant.audience')
  if (grant.scope !== undefined) assertTexts(grant.scope, 'grant.scope')
  if (grant.acr !== undefined) assertText(grant.acr, 'grant.acr')
  if (grant.amr !== undefined) assertTexts(grant.amr, 'grant.amr')
  assertMoment(grant.authenticatedAt)
  assertClaims(grant.claims)
}

/** A list of strings. */
export function assertTexts(value: unknown, name: string): asserts value is readonly string[] {
  if (!Array.isArray(value) || [...value].some((one: unknown) => typeof one !== 'string'))
    throw new TypeError(`${name} must be a list of strings`)
}

function assertText(value: unknown, name: string): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`)
}

function assertMoment(at: unknown): void {
  if (at === undefined) return
  if (typeof at !== 'number' || Number.isNaN(at)) throw new TypeError('grant.authenticatedAt must be a number')
  if (at < earliestMs || at > latestMs) throw new RangeError('grant.authenticatedAt must be in epoch milliseconds')
}

function assertClaims(claims: unknown): void {
  if (claims === undefined) return
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    throw new TypeError('grant.claims must be an object')
  const taken = reserved.find((name) => Object.hasOwn(claims, name))
  if (taken !== undefined) throw new TypeError(`grant.claims must not name ${taken}`)
}
