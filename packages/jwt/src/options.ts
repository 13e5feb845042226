import type { SignatureAlgorithm } from './algorithms.js'
import { assertMembers, assertMethods, assertOptions, checkInteger, checkOneOf } from './check-options.js'
import { type Clock, systemClock } from './clock.js'
import type { KeySource } from './key-source.js'
import { isNode, nodeCrypto } from './node-crypto.js'
import type { Profile, Relaxable } from './profile.js'
import { type RevocationIndex, revocationLookup } from './revocation-index.js'
import type { StandardSchema } from './standard-schema.js'
import type { CacheLimits } from './verified-cache.js'
import type { AccessTokenClaims, VerifiedToken } from './verified-token.js'

/** One issuer whose tokens a verifier accepts. */
export interface IssuerOptions {
  /** The `iss` of its tokens, compared exactly; 1 to 512 characters. Required. */
  readonly issuer: string
  /** One of these must be in `aud`; `null` takes any audience. Required. */
  readonly audience: string | readonly string[] | null
  /** The algorithms that may sign. Required. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** Where its public keys come from. Required. */
  readonly keys: KeySource
  /** What its tokens must look like. Default: RFC 9068. */
  readonly profile?: Profile<Relaxable>
  /** A synchronous Standard Schema over the Claims Set; its output becomes `token.claims`. Default: none. */
  readonly claims?: StandardSchema
  /** Longest `exp - iat`, in seconds. Default: 3600, at most 86 400. */
  readonly maxLifetime?: number
  /** Allowed difference of clocks, in seconds. Default: 5, at most 120. */
  readonly clockTolerance?: number
}

/** How a verifier is made. */
export interface VerifierOptions<I extends readonly IssuerOptions[] = readonly IssuerOptions[]> {
  /** 1 to 1000 issuers, each once. Required. */
  readonly issuers: I
  /** Revoked tokens, sessions, subjects, clients. Default: none. */
  readonly revocation?: RevocationIndex
  /** Verified tokens that are not verified again while nothing changed; `null`: none. */
  readonly cache?: Partial<CacheLimits> | null
  /** Sizes that are checked before anything is decoded. */
  readonly limits?: Partial<VerifierLimits>
  /** The realm of `check`'s challenge. Default: `api`. */
  readonly realm?: string
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** `node:crypto` (synchronous) or jose (Web Crypto). Default: `auto`, which is node on Node.js and jose elsewhere. */
  readonly engine?: 'auto' | 'node' | 'jose'
}

/** Largest inputs that are looked at. */
export interface VerifierLimits {
  /** Characters of a token. Default: 8192, at most 65 536. */
  readonly tokenChars: number
  /** Characters of its first part. Default: 2048, at most 8192. */
  readonly headerChars: number
  /** Nesting of its JSON. Default: 32, at most 64. */
  readonly depth: number
}

type Member<O, K extends PropertyKey> = K extends keyof O ? O[K] : undefined
type ClaimsOf<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : AccessTokenClaims
type MissingOf<P> = P extends Profile<infer Missing> ? Missing : never

/** `never` in place of an issuer whose schema can only answer with a promise: a token is judged at once. */
export type SyncSchemas<I extends readonly IssuerOptions[]> = {
  readonly [K in keyof I]: I[K] extends {
    readonly claims: { readonly '~standard': { readonly validate: (value: unknown) => Promise<unknown> } }
  }
    ? never
    : unknown
}

/** The tokens that a verifier of these issuers gives out. */
export type TokenOf<I extends readonly IssuerOptions[]> = {
  [K in keyof I]: VerifiedToken<ClaimsOf<Member<I[K], 'claims'>>, MissingOf<Member<I[K], 'profile'>>>
}[number]

/** Options of a verifier, checked and copied. */
export interface VerifierConfig {
  readonly revocation: RevocationIndex | undefined
  readonly cache: CacheLimits | null
  readonly limits: VerifierLimits
  readonly realm: string
  readonly clock: Clock
  readonly engine: 'node' | 'jose'
}

const known = ['issuers', 'revocation', 'cache', 'limits', 'realm', 'clock', 'engine']

/** Checks everything but the issuers. */
export function readVerifierOptions(options: VerifierOptions): VerifierConfig {
  assertOptions(options, 'createVerifier', known)
  const { revocation, cache = {}, limits = {}, realm = 'api', clock = systemClock, engine = 'auto' } = options
  assertMethods(clock, 'clock', ['now'])
  if (
    revocation !== undefined &&
    (typeof revocation !== 'object' || revocation === null || !(revocationLookup in revocation))
  ) {
    throw new TypeError('revocation must come from createRevocationIndex')
  }
  return Object.freeze({
    revocation,
    cache: readCache(cache),
    limits: readLimits(limits),
    realm: readRealm(realm),
    clock,
    engine: readEngine(engine),
  })
}

function readCache(cache: Partial<CacheLimits> | null): CacheLimits | null {
  if (cache === null) return null
  assertMembers(cache, 'cache', ['max', 'maxAgeMs'])
  const { max = 10_000, maxAgeMs = 300_000 } = cache
  return Object.freeze({
    max: checkInteger(max, 'cache.max', 64, 1_000_000),
    maxAgeMs: checkInteger(maxAgeMs, 'cache.maxAgeMs', 1_000, 3_600_000),
  })
}

function readLimits(limits: Partial<VerifierLimits>): VerifierLimits {
  assertMembers(limits, 'limits', ['tokenChars', 'headerChars', 'depth'])
  const { tokenChars = 8_192, headerChars = 2_048, depth = 32 } = limits
  return Object.freeze({
    tokenChars: checkInteger(tokenChars, 'limits.tokenChars', 1, 65_536),
    headerChars: checkInteger(headerChars, 'limits.headerChars', 1, 8_192),
    depth: checkInteger(depth, 'limits.depth', 1, 64),
  })
}

/** A quoted-string that needs no escape (RFC 9110 §5.6.4). */
function readRealm(realm: unknown): string {
  if (typeof realm !== 'string' || !/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(realm)) {
    throw new TypeError('realm must be 1 to 128 printable characters without quote or backslash')
  }
  return realm
}

function readEngine(engine: unknown): 'node' | 'jose' {
  const asked = checkOneOf(engine, 'engine', ['auto', 'node', 'jose'])
  if (asked === 'auto') return isNode ? 'node' : 'jose'
  if (asked === 'node' && nodeCrypto === undefined)
    throw new TypeError("engine 'node' needs a runtime with node:crypto")
  return asked
}
