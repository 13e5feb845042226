import { type ClaimRefusal, JwtClaimError, JwtError } from './errors.js'
import type { Policy } from './policy.js'
import { type JsonObject, member } from './strict-json.js'

/** The claims of RFC 9068 §2.2 in the types of this package. */
export interface ReadClaims {
  readonly issuer: string
  readonly subject: string
  readonly clientId: string | undefined
  readonly jti: string | undefined
  readonly sessionId: string | undefined
  readonly audience: readonly string[]
  readonly scope: readonly string[]
  readonly iat: number | undefined
  readonly nbf: number | undefined
  readonly exp: number
}

const maxIdentifier = 256
const maxAudiences = 64
const none: readonly string[] = Object.freeze([])
/** RFC 6749 §3.3 scope-token. */
export const scopeToken: RegExp = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const scopeList = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/
/** Claims of ID tokens, logout tokens and security events: such a JWT is no access token, whatever its `typ`. */
const foreignClaims = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const

/**
 * Judges the Claims Set of a token whose signature is good.
 *
 * @param now - Epoch milliseconds, read once for the whole token.
 */
export function readClaims(claims: JsonObject, policy: Policy, now: number): ReadClaims {
  if (policy.acceptsOtherTypes) refuseForeignKinds(claims)
  const missing = policy.rules.allowMissing
  const read: ReadClaims = {
    issuer: text(claims, 'iss', false) as string,
    subject: text(claims, 'sub', false) as string,
    clientId: text(claims, 'client_id', missing.has('client_id')),
    jti: text(claims, 'jti', missing.has('jti'), maxIdentifier),
    exp: time(claims, 'exp', false) as number,
    iat: time(claims, 'iat', missing.has('iat')),
    audience: audiences(claims, missing.has('aud')),
    nbf: time(claims, 'nbf', true),
    sessionId: text(claims, 'sid', true, maxIdentifier),
    scope: scopes(claims, policy.rules.scopeClaim),
  }
  optionalTypes(claims)
  if (!matchesAudience(read.audience, policy)) throw new JwtError('COFFER_JWT_AUDIENCE_MISMATCH')
  judgeTimes(read, policy, now)
  // A token bound to a key is worth nothing as a plain Bearer token (RFC 7800 §3, RFC 8705 §3, RFC 9449 §7).
  if (Object.hasOwn(claims, 'cnf')) throw new JwtError('COFFER_JWT_SENDER_CONSTRAINED')
  return read
}

/** Whether one audience of the token is one of the policy's; a policy with `null` matches none and takes all. */
export function matchesAudience(audience: readonly string[], policy: Policy): boolean {
  if (policy.audience === null) return true
  for (const one of audience) if (policy.audience.has(one)) return true
  return false
}

/** Whether the unverified claims would pass, so that an unknown `kid` deserves a fetch; reports nothing. */
export function deservesFetch(claims: JsonObject, policy: Policy, now: number): boolean {
  try {
    if (!matchesAudience(audiences(claims, policy.rules.allowMissing.has('aud')), policy)) return false
    const exp = time(claims, 'exp', false) as number
    return now < (exp + policy.clockTolerance) * 1_000
  } catch {
    return false
  }
}

function judgeTimes(read: ReadClaims, policy: Policy, now: number): void {
  const { exp, iat, nbf } = read
  const tolerance = policy.clockTolerance
  if (iat !== undefined && exp <= iat) refuse('exp', 'value')
  // Written as what must hold: a clock that gives NaN fails each comparison.
  if (!(now < (exp + tolerance) * 1_000)) throw new JwtError('COFFER_JWT_EXPIRED')
  if (nbf !== undefined && !(now >= (nbf - tolerance) * 1_000)) throw new JwtError('COFFER_JWT_NOT_YET_VALID')
  if (iat !== undefined && !(now >= (iat - tolerance) * 1_000)) throw new JwtError('COFFER_JWT_NOT_YET_VALID')
  const lifetime = iat === undefined ? exp - now / 1_000 - tolerance : exp - iat
  if (lifetime > policy.maxLifetime) throw new JwtError('COFFER_JWT_LIFETIME_EXCEEDED')
}

function refuseForeignKinds(claims: JsonObject): void {
  const foreign = foreignClaims.some((name) => Object.hasOwn(claims, name))
  if (foreign || member(claims, 'token_use') === 'id') {
    throw new JwtError('COFFER_JWT_TYP_MISMATCH')
  }
}

function optionalTypes(claims: JsonObject): void {
  time(claims, 'auth_time', true)
  if (Object.hasOwn(claims, 'acr') && typeof member(claims, 'acr') !== 'string') refuse('acr', 'type')
  if (!Object.hasOwn(claims, 'amr')) return
  const amr = member(claims, 'amr')
  if (!Array.isArray(amr) || amr.some((one: unknown) => typeof one !== 'string')) refuse('amr', 'type')
}

function text(claims: JsonObject, name: string, optional: boolean, max?: number): string | undefined {
  const value = member(claims, name)
  if (value === undefined) return optional ? undefined : refuse(name, 'missing')
  if (typeof value !== 'string') return refuse(name, 'type')
  if (value === '' || (max !== undefined && value.length > max)) return refuse(name, 'value')
  return value
}

/** A NumericDate (RFC 7519 §2); fractions are kept. */
function time(claims: JsonObject, name: string, optional: boolean): number | undefined {
  const value = member(claims, name)
  if (value === undefined) return optional ? undefined : refuse(name, 'missing')
  if (typeof value !== 'number') return refuse(name, 'type')
  return value >= 0 ? value : refuse(name, 'value')
}

function audiences(claims: JsonObject, optional: boolean): readonly string[] {
  const aud = member(claims, 'aud')
  if (aud === undefined) return optional ? none : refuse('aud', 'missing')
  if (typeof aud === 'string') return aud === '' ? refuse('aud', 'value') : Object.freeze([aud])
  if (!Array.isArray(aud)) return refuse('aud', 'type')
  if (aud.length === 0 || aud.length > maxAudiences) return refuse('aud', 'value')
  for (const one of aud as readonly unknown[]) {
    if (typeof one !== 'string') return refuse('aud', 'type')
    if (one === '') return refuse('aud', 'value')
  }
  return aud as readonly string[]
}

function scopes(claims: JsonObject, name: 'scope' | 'scp'): readonly string[] {
  if (name === 'scp' && Object.hasOwn(claims, 'scope') && typeof member(claims, 'scope') !== 'string')
    refuse('scope', 'type')
  const value = member(claims, name)
  if (value === undefined) return none
  if (typeof value === 'string') {
    return scopeList.test(value) ? Object.freeze(value.split(' ')) : refuse(name, 'value')
  }
  if (name !== 'scp' || !Array.isArray(value)) return refuse(name, 'type')
  for (const one of value as readonly unknown[]) {
    if (typeof one !== 'string') return refuse(name, 'type')
    if (!scopeToken.test(one)) return refuse(name, 'value')
  }
  return value as readonly string[]
}

function refuse(claim: string, reason: ClaimRefusal): never {
  throw new JwtClaimError(claim, reason)
}
