import type { SignatureAlgorithm } from '../algorithms.js'
import { algorithmSpecs } from '../algorithms.js'
import { encodeBase64url } from '../base64url.js'
import { readClaims } from '../claims.js'
import { JwtClaimError, JwtError } from '../errors.js'
import type { KeySourceState } from '../key-source.js'
import type { Policy } from '../policy.js'
import { accessTokenProfile, profileRules } from '../profile.js'
import { parseStrictJson } from '../strict-json.js'
import { assertGrant, type Grant } from './grant.js'

/** What one access token is made from. Times are seconds. */
export interface AccessTokenInput {
  readonly issuer: string
  readonly grant: Grant
  readonly sessionId: string | undefined
  readonly iat: number
  readonly exp: number
}

/** The payload of an access token, and its identity. */
export interface AccessTokenPayload {
  readonly bytes: Uint8Array
  readonly jti: string
}

/** A grant that its caller can no longer change: what is judged, signed and stored is one and the same. */
export function copyGrant(grant: Grant): Grant {
  assertGrant(grant)
  const members = Object.values(grant.claims ?? {})
  if (!members.every((value) => value === undefined || isJson(value, 32))) throw refusal('grant.claims')
  const copy = clone(grant)
  // A getter may have answered differently.
  assertGrant(copy)
  return copy
}

/** The copy of a grant that comes out of a store: what was changed there is no misuse of this process. */
export function copyStoredGrant(grant: Grant): Grant {
  try {
    return copyGrant(grant)
  } catch {
    throw refusal()
  }
}

function clone(grant: Grant): Grant {
  try {
    return structuredClone(grant)
  } catch {
    throw refusal()
  }
}

/** Writes the Claims Set of RFC 9068 §2.2, and refuses what a verifier with this package's defaults would refuse. */
export function formatAccessToken(input: AccessTokenInput, maxPayloadChars: number): AccessTokenPayload {
  const { issuer, grant, sessionId, iat, exp } = input
  const jti = encodeBase64url(crypto.getRandomValues(new Uint8Array(16)))
  const scope = scopeText(grant.scope)
  const authTime = grant.authenticatedAt === undefined ? undefined : grant.authenticatedAt / 1_000
  const bytes = encodeClaims({
    iss: issuer,
    sub: grant.subject,
    aud: grant.audience,
    client_id: grant.clientId,
    iat,
    exp,
    jti,
    scope,
    auth_time: authTime === undefined ? undefined : Math.floor(authTime),
    acr: grant.acr,
    amr: grant.amr,
    sid: sessionId,
    ...grant.claims,
  })
  if (Math.ceil((bytes.length * 4) / 3) > maxPayloadChars) throw refusal('the grant as a whole is too large: it')
  const claims = parseStrictJson(bytes, 32)
  // The other members are text, and small numbers.
  if (claims === undefined) throw refusal('grant.claims')
  try {
    readClaims(claims, selfPolicy(issuer), iat * 1_000)
  } catch (error) {
    throw refusal(error instanceof JwtClaimError ? memberOf(error.claim) : undefined)
  }
  return { bytes, jti }
}

/** Names the member that is wrong, never its value. */
function refusal(member = 'the grant'): JwtError<'COFFER_JWT_GRANT_REFUSED'> {
  return new JwtError('COFFER_JWT_GRANT_REFUSED', { message: `${member} would make a token that a verifier refuses` })
}

/** The members of a grant by the claims they become. */
const members = new Map([
  ['sub', 'grant.subject'],
  ['aud', 'grant.audience'],
  ['client_id', 'grant.clientId'],
  ['scope', 'grant.scope'],
  ['auth_time', 'grant.authenticatedAt'],
  ['acr', 'grant.acr'],
  ['amr', 'grant.amr'],
  ['iss', 'the issuer'],
  ['sid', 'the session'],
])

function memberOf(claim: string): string {
  return members.get(claim) ?? 'grant.claims'
}

/** An empty scope is none: RFC 6749 §3.3 has no spelling for it. */
function scopeText(scope: readonly string[] | undefined): string | undefined {
  if (scope === undefined || scope.length === 0) return undefined
  if (scope.some((one) => one.includes(' '))) throw refusal('grant.scope')
  return scope.join(' ')
}

/** Refuses what is no JSON: JSON.stringify would drop or turn it, and the token would say something else. */
function encodeClaims(claims: Readonly<Record<string, unknown>>): Uint8Array {
  const present = Object.entries(claims).filter(([, value]) => value !== undefined)
  const wrong = present.find(([, value]) => !isJson(value, 31))
  if (wrong !== undefined) throw refusal(memberOf(wrong[0]))
  return new TextEncoder().encode(JSON.stringify(Object.fromEntries(present)))
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'boolean') return true
  if (typeof value === 'string') return !/\p{Surrogate}/u.test(value)
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === 0) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = Array.isArray(value)
    ? prototype === Array.prototype && Reflect.ownKeys(value).length === value.length + 1
    : (prototype === Object.prototype || prototype === null) &&
      Reflect.ownKeys(value).length === Object.keys(value).length
  // A hidden toJSON, a hole or a member beside the elements: JSON.stringify would write something else.
  return isPlain && Object.values(value).every((one) => isJson(one, depth - 1))
}

const noKeys: KeySourceState = {
  usable: () => undefined,
  usableUntil: () => Number.NEGATIVE_INFINITY,
  refuse: () => new JwtError('COFFER_JWT_KEYS_UNAVAILABLE'),
  load: () => Promise.resolve(),
  loadUnknown: () => undefined,
}

/** The policy of a verifier with this package's defaults, which takes any audience. */
function selfPolicy(issuer: string): Policy {
  return {
    issuer,
    audience: null,
    algorithms: algorithmSpecs,
    keys: noKeys,
    rules: accessTokenProfile[profileRules],
    acceptsOtherTypes: false,
    schema: undefined,
    maxLifetime: 3_600,
    clockTolerance: 0,
  }
}

/** Characters of a token but for its payload, so that the whole stays within a verifier's default limit of 8192. */
export function overheadChars(algorithm: SignatureAlgorithm, signatureChars: number): number {
  const kid = 'k'.repeat(43)
  return Math.ceil((JSON.stringify({ alg: algorithm, kid, typ: 'at+jwt' }).length * 4) / 3) + signatureChars + 2
}
