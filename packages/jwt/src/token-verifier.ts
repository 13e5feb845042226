import type { AlgorithmSpec } from './algorithms.js'
import { isVerifyError, refuseRequest } from './challenge.js'
import { type ReadClaims, readClaims } from './claims.js'
import { type HeaderMemo, type ParsedToken, parseCompact, rememberHeader } from './compact.js'
import { type Engine, isFitting } from './engine.js'
import { joseEngine } from './engine-jose.js'
import { createNodeEngine } from './engine-node.js'
import { isJwtError, JwtClaimError, JwtError, type VerifyErrorCode } from './errors.js'
import type { PreparedKey } from './key-set.js'
import { awaitKey, type Candidate, locateKey } from './named-key.js'
import { nodeCrypto } from './node-crypto.js'
import type { IssuerOptions, VerifierConfig } from './options.js'
import { type Policy, type PolicyTable, readIssuers } from './policy.js'
import { bearerToken, type RequestLike } from './request.js'
import { type RevocationLookup, revocationLookup } from './revocation-index.js'
import { applySchema } from './standard-schema.js'
import { freezeJson, member } from './strict-json.js'
import { type CacheEntry, VerifiedCache } from './verified-cache.js'
import { type AnyVerifiedToken, freezePlain, makeVerifiedToken } from './verified-token.js'
import type { CheckOptions, CheckResult, Verifier, VerifierStats } from './verifier.js'
import { readWantedScope } from './wanted-scope.js'

/** An entry of the index must outlive every token that was valid when it was made. */
export function readTable(issuers: unknown, config: VerifierConfig): PolicyTable {
  const table = readIssuers(issuers)
  const retentionMs = config.revocation?.[revocationLookup].retentionMs ?? Number.POSITIVE_INFINITY
  for (const { maxLifetime, clockTolerance } of table.values()) {
    if (retentionMs < (maxLifetime + 2 * clockTolerance) * 1_000) {
      throw new RangeError('revocation: retentionMs is below the longest maxLifetime + 2 x clockTolerance')
    }
  }
  return table
}

/** Most verifications that identical tokens may share while they are under way. */
const maxFlights = 1_024

/** The verifier. T is the type that the issuers' options promise; what the members are was checked at run time. */
export class TokenVerifier<T> implements Verifier<T> {
  readonly #config: VerifierConfig
  readonly #engine: Engine
  readonly #revocation: RevocationLookup | undefined
  readonly #headers: HeaderMemo = new Map()
  readonly #refused = new Map<VerifyErrorCode, number>()
  readonly #cache: VerifiedCache | undefined
  #table: PolicyTable
  /** Raised by `replaceIssuers`: what was verified under other issuers is void. */
  #policyEpoch = 0
  #flights = new Map<string, Promise<AnyVerifiedToken>>()
  #verified = 0
  #hits = 0
  #misses = 0
  #uncacheable = 0

  constructor(config: VerifierConfig, table: PolicyTable) {
    this.#config = config
    this.#table = table
    this.#revocation = config.revocation?.[revocationLookup]
    this.#engine = config.engine === 'node' && nodeCrypto !== undefined ? createNodeEngine(nodeCrypto) : joseEngine
    this.#cache = config.cache === null ? undefined : new VerifiedCache(config.cache)
  }

  /** Not an async function: a hit answers with the promise that its entry holds. */
  verify(token: string): Promise<T> {
    return this.#verify(token) as Promise<T>
  }

  #verify(token: string): Promise<AnyVerifiedToken> {
    try {
      const now = this.#config.clock.now()
      const entry = this.#hit(token, now)
      if (entry !== undefined) {
        entry.resolved ??= Promise.resolve(entry.token)
        return entry.resolved
      }
      if (!this.#engine.sync) return this.#verifyShared(token)
      const candidate = this.#examine(token)
      if (!this.#isLoaded(candidate, now)) return this.#verifyCold(token)
      const key = locateKey(candidate, now)
      if (key instanceof Promise) return this.#verifyCold(token, key)
      return Promise.resolve(this.#judge(candidate, key, now, this.#engine).token)
    } catch (error) {
      return Promise.reject(this.#count(error))
    }
  }

  /** Whether there are keys, and the revocations have been loaded: otherwise a token waits for them. */
  #isLoaded({ policy }: Candidate, now: number): boolean {
    return policy.keys.usable(now) !== undefined && this.#revocation?.firstLoad(now) === undefined
  }

  #judge(candidate: Candidate, key: PreparedKey, now: number, engine: Engine & { readonly sync: true }): CacheEntry {
    const { parsed, spec } = candidate
    return this.#accept(candidate, key, engine.verify(parsed, fitting(parsed, key), spec), now)
  }

  /** @param fetching - The fetch for an unknown `kid` that has begun for this token. */
  async #verifyCold(token: string, fetching?: Promise<void>): Promise<AnyVerifiedToken> {
    try {
      for (let begun = fetching; ; begun = undefined) {
        const entry = await this.#attempt(token, begun)
        if (entry !== undefined) return entry.token
      }
    } catch (error) {
      throw this.#count(error)
    }
  }

  /** undefined where the issuers were replaced meanwhile: what was examined under the old ones decides nothing. */
  async #attempt(token: string, fetching: Promise<void> | undefined): Promise<CacheEntry | undefined> {
    const candidate = this.#examine(token)
    const key = await awaitKey(candidate, this.#config.clock, fetching)
    const keyEpoch = key.epoch
    const firstLoad = this.#revocation?.firstLoad(this.#config.clock.now())
    if (firstLoad !== undefined) await firstLoad
    const good = await this.#engineVerify(candidate, key)
    if (candidate.policyEpoch !== this.#policyEpoch) return undefined
    // Others may have joined this verification since it began: the key must still be one.
    if (key.epoch !== keyEpoch) throw new JwtError('COFFER_JWT_KEY_UNKNOWN')
    // Whoever comes from here on is judged anew: what is revoked after this moment is not in the verdict.
    this.#flights.delete(token)
    return this.#accept(candidate, key, good, this.#config.clock.now())
  }

  /** Identical tokens that arrive while one of them is being verified wait for that verdict. */
  #verifyShared(token: string): Promise<AnyVerifiedToken> {
    const flights = this.#flights
    const shared = flights.get(token)
    if (shared !== undefined) return shared
    const flight = this.#verifyCold(token)
    if (flights.size >= maxFlights) return flight
    flights.set(token, flight)
    const land = (): void => {
      if (flights.get(token) === flight) flights.delete(token)
    }
    flight.then(land, land)
    return flight
  }

  verifySync(token: string): T {
    if (!this.#engine.sync) throw new TypeError('verifySync needs the node engine; use verify')
    try {
      const now = this.#config.clock.now()
      const entry = this.#hit(token, now)
      if (entry !== undefined) return entry.token as T
      const candidate = this.#examine(token)
      const key = locateKey(candidate, now)
      if (key instanceof Promise) throw new JwtError('COFFER_JWT_KEYS_NOT_READY')
      return this.#judge(candidate, key, now, this.#engine).token as T
    } catch (error) {
      throw this.#count(error)
    }
  }

  async check(request: RequestLike, ...asked: readonly [] | readonly [CheckOptions]): Promise<CheckResult<T>> {
    const wanted = asked.length === 0 ? [] : readWantedScope(asked[0])
    try {
      const token = await this.#verify(this.#bearer(request))
      if (wanted.every((one) => token.scope.includes(one))) return { ok: true, token: token as T }
      throw this.#count(new JwtError('COFFER_JWT_SCOPE_INSUFFICIENT'))
    } catch (error) {
      if (error instanceof JwtError && isVerifyError(error)) return refuseRequest(error, this.#config.realm, wanted)
      throw error
    }
  }

  replaceIssuers(issuers: readonly IssuerOptions[]): void {
    this.#table = readTable(issuers, this.#config)
    this.#policyEpoch++
    this.#flights = new Map()
  }

  async ready(): Promise<void> {
    const now = this.#config.clock.now()
    const sources = new Set([...this.#table.values()].map((policy) => policy.keys))
    await Promise.all([
      this.#config.revocation?.ready(),
      ...[...sources].map((source) => source.usable(now) ?? source.load(now)),
    ])
  }

  stats(): VerifierStats {
    return {
      size: this.#cache?.size ?? 0,
      hits: this.#hits,
      misses: this.#misses,
      evicted: this.#cache?.evicted ?? 0,
      uncacheable: this.#uncacheable,
      verified: this.#verified,
      refused: Object.fromEntries(this.#refused),
    }
  }

  #bearer(request: RequestLike): string {
    try {
      return bearerToken(request)
    } catch (error) {
      throw this.#count(error)
    }
  }

  /** An earlier verification of exactly this text, while nothing that it rests on has changed. */
  #hit(token: string, now: number): CacheEntry | undefined {
    if (this.#cache === undefined || typeof token !== 'string') return undefined
    const entry = this.#cache.find(token)
    if (entry === undefined || !this.#isGood(entry, now)) {
      this.#misses++
      return undefined
    }
    this.#hits++
    return entry
  }

  #isGood(entry: CacheEntry, now: number): boolean {
    if (!(now >= entry.validFrom && now < entry.validUntil) || entry.policyEpoch !== this.#policyEpoch) return false
    if (now >= entry.keys.usableUntil() && entry.keys.usable(now) === undefined) return false
    if (entry.key.epoch !== entry.keyEpoch) return false
    const revocation = this.#revocation
    if (revocation === undefined) return true
    if (now >= revocation.quietUntil) revocation.assertKnown(now)
    if (revocation.epoch === entry.revocationEpoch) return true
    const epoch = revocation.epoch
    if (revocation.isRevoked(entry.revocable)) return false
    entry.revocationEpoch = epoch
    return true
  }

  #examine(token: string): Candidate {
    const parsed = parseCompact(token, this.#config.limits, this.#headers)
    const iss = member(parsed.claims, 'iss')
    const policy = typeof iss === 'string' ? this.#table.get(iss) : undefined
    if (policy === undefined) throw new JwtError('COFFER_JWT_ISSUER_UNKNOWN')
    const { alg, typ } = parsed.header
    const spec = alg === undefined ? undefined : policy.algorithms.get(alg)
    if (spec === undefined) throw new JwtError('COFFER_JWT_ALGORITHM_REFUSED')
    if (typ === undefined || !policy.rules.typ.has(typ)) throw new JwtError('COFFER_JWT_TYP_MISMATCH')
    return { parsed, policy, policyEpoch: this.#policyEpoch, spec }
  }

  async #engineVerify({ parsed, spec }: Candidate, key: PreparedKey): Promise<boolean> {
    const fit = fitting(parsed, key)
    if (this.#engine.sync) return this.#engine.verify(parsed, fit, spec)
    try {
      return await this.#engine.verify(parsed, fit, spec)
    } catch {
      // The runtime cannot import or use this kind of key: nothing was verified.
      throw new JwtError('COFFER_JWT_KEY_UNUSABLE')
    }
  }

  /** Everything after the signature; all times are judged at one moment. */
  #accept(candidate: Candidate, key: PreparedKey, good: boolean, now: number): CacheEntry {
    const { parsed, policy, policyEpoch, spec } = candidate
    if (!good) throw new JwtError('COFFER_JWT_SIGNATURE_INVALID')
    rememberHeader(this.#headers, parsed)
    const read = readClaims(parsed.claims, policy, now)
    // Read before the schema runs: what that revokes must be looked up again at the next hit.
    const revocationEpoch = this.#revocation?.epoch ?? 0
    const keyEpoch = key.epoch
    this.#assertNotRevoked(read, now)
    const output = outputOf(parsed, policy)
    const token = makeVerifiedToken(membersOf(read, output.claims, spec, key.kid))
    this.#verified++
    const entry: CacheEntry = {
      text: parsed.token,
      token,
      resolved: undefined,
      // Not before now: a clock that is set back past it sends the token to the full path, which sees that it was.
      validFrom: Math.max(validFrom(read, policy), now),
      validUntil: Math.min((read.exp + policy.clockTolerance) * 1_000, now + (this.#cache?.maxAgeMs ?? 0)),
      keys: policy.keys,
      key,
      keyEpoch,
      policyEpoch,
      revocable: read,
      revocationEpoch,
    }
    if (output.isFrozen) this.#cache?.insert(entry, now)
    else this.#uncacheable++
    return entry
  }

  #assertNotRevoked(read: ReadClaims, now: number): void {
    if (this.#revocation === undefined) return
    this.#revocation.assertKnown(now)
    if (this.#revocation.isRevoked(read)) throw new JwtError('COFFER_JWT_REVOKED')
  }

  #count(error: unknown): unknown {
    if (isJwtError(error) && isVerifyError(error))
      this.#refused.set(error.code, (this.#refused.get(error.code) ?? 0) + 1)
    return error
  }
}

/** The key, once the signature can be one of its. */
function fitting(parsed: ParsedToken, key: PreparedKey): PreparedKey {
  if (!isFitting(parsed, key)) throw new JwtError('COFFER_JWT_SIGNATURE_INVALID')
  return key
}

/** From when on the token would be judged as it was: a clock that is set back must not be served from the cache. */
function validFrom(read: ReadClaims, policy: Policy): number {
  const { iat, nbf = 0, exp } = read
  const begin = iat ?? exp - policy.maxLifetime
  return (Math.max(begin, nbf) - policy.clockTolerance) * 1_000
}

function outputOf(parsed: ParsedToken, policy: Policy): { readonly claims: unknown; readonly isFrozen: boolean } {
  const claims = freezeJson(parsed.claims)
  if (policy.schema === undefined) return { claims, isFrozen: true }
  const result = applySchema(policy.schema, claims)
  if ('refused' in result) throw new JwtClaimError(result.refused, 'schema')
  return { claims: result.value, isFrozen: freezePlain(result.value) }
}

function membersOf(
  read: ReadClaims,
  claims: unknown,
  spec: AlgorithmSpec,
  kid: string | undefined,
): Parameters<typeof makeVerifiedToken>[0] {
  return {
    issuer: read.issuer,
    subject: read.subject,
    audience: read.audience,
    scope: read.scope,
    clientId: read.clientId,
    jti: read.jti,
    issuedAt: read.iat === undefined ? undefined : read.iat * 1_000,
    expiresAt: read.exp * 1_000,
    sessionId: read.sessionId,
    algorithm: spec.name,
    kid,
    claims,
  }
}
