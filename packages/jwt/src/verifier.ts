import type { AlgorithmSpec } from './algorithms.js'
import { type CheckRefusal, isVerifyError, refuseRequest } from './challenge.js'
import { deservesFetch, type ReadClaims, readClaims } from './claims.js'
import { type HeaderMemo, type ParsedToken, parseCompact, rememberHeader } from './compact.js'
import { hasSmallOrderR } from './curves.js'
import type { Engine } from './engine.js'
import { joseEngine } from './engine-jose.js'
import { createNodeEngine } from './engine-node.js'
import { isJwtError, JwtClaimError, JwtError, type VerifyErrorCode } from './errors.js'
import { type PreparedKey, selectKey } from './key-set.js'
import { nodeCrypto } from './node-crypto.js'
import {
  type IssuerOptions,
  readVerifierOptions,
  type TokenOf,
  type VerifierConfig,
  type VerifierOptions,
} from './options.js'
import { type Policy, type PolicyTable, readIssuers } from './policy.js'
import { bearerToken, type RequestLike } from './request.js'
import { type RevocationLookup, revocationLookup } from './revocation-index.js'
import { applySchema } from './standard-schema.js'
import { member } from './strict-json.js'
import { type AnyVerifiedToken, freezePlain, makeVerifiedToken } from './verified-token.js'

/** What `check` answers: the token, or the refusal in the words of RFC 6750 §3. */
export type CheckResult<T> = { readonly ok: true; readonly token: T } | CheckRefusal

/** What `check` asks beyond the token being good. */
export interface CheckOptions {
  /** Scope values that the token must all have. Default: none. */
  readonly scope?: string | readonly string[]
}

/** Counts since the verifier was made. */
export interface VerifierStats {
  readonly verified: number
  readonly refused: Readonly<Partial<Record<VerifyErrorCode, number>>>
}

/** Verifies access tokens of the issuers it was made with. */
export interface Verifier<T> {
  /**
   * Verifies one token; waits for keys only when none are usable.
   *
   * @throws {JwtError} Any {@link VerifyErrorCode} but the three of `check`; as a rejection.
   */
  verify(token: string): Promise<T>
  /**
   * Verifies one token without waiting.
   *
   * @throws {JwtError} As `verify`; `COFFER_JWT_KEYS_NOT_READY` where that would wait.
   * @throws {TypeError} The engine is jose.
   */
  verifySync(token: string): T
  /** Verifies the Bearer token of a request. A refusal is a result, not an exception. */
  check(request: RequestLike, options?: CheckOptions): Promise<CheckResult<T>>
  /** Replaces the issuers: all or nothing, from the next call on. They may only give tokens of the same type. */
  replaceIssuers<const J extends readonly IssuerOptions[]>(issuers: TokenOf<J> extends T ? J : never): void
  /** Resolves once the keys of every issuer, and the revocations, are loaded. */
  ready(): Promise<void>
  stats(): VerifierStats
}

/**
 * Makes a verifier of access tokens (RFC 9068, RFC 8725): a token has one accepted spelling, comes from a configured
 * issuer for a configured audience under a listed algorithm, and is refused otherwise.
 *
 * Does not check proof of possession (bound tokens are refused), replay of a live token, or what the subject may do.
 *
 * @param options - The issuers, and for each its `issuer`, `audience`, `algorithms` and `keys`.
 * @throws {TypeError} A missing, unknown or mistyped option. @throws {RangeError} One out of range.
 * @example
 * const verifier = createVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256'], keys: remoteKeys(url) }] })
 * const result = await verifier.check(request)
 * if (!result.ok) return refuse(result.status, result.challenge)
 */
export function createVerifier<const I extends readonly IssuerOptions[]>(
  options: VerifierOptions<I>,
): Verifier<TokenOf<I>> {
  const config = readVerifierOptions(options)
  return new TokenVerifier<TokenOf<I>>(config, readTable(options.issuers, config))
}

/** An entry of the index must outlive every token that was valid when it was made. */
function readTable(issuers: unknown, config: VerifierConfig): PolicyTable {
  const table = readIssuers(issuers)
  const retentionMs = config.revocation?.[revocationLookup].retentionMs ?? Number.POSITIVE_INFINITY
  for (const { maxLifetime, clockTolerance } of table.values()) {
    if (retentionMs < (maxLifetime + 2 * clockTolerance) * 1_000) {
      throw new RangeError('revocation: retentionMs is below the longest maxLifetime + 2 x clockTolerance')
    }
  }
  return table
}

/** A token whose form is good and whose issuer is known. Nothing of it is authentic yet. */
interface Candidate {
  readonly parsed: ParsedToken
  readonly policy: Policy
  readonly spec: AlgorithmSpec
}

/** T is the type that the issuers' options promise; what the members are was checked at run time. */
class TokenVerifier<T> implements Verifier<T> {
  readonly #config: VerifierConfig
  readonly #engine: Engine
  readonly #revocation: RevocationLookup | undefined
  readonly #headers: HeaderMemo = new Map()
  readonly #refused = new Map<VerifyErrorCode, number>()
  #table: PolicyTable
  #verified = 0

  constructor(config: VerifierConfig, table: PolicyTable) {
    this.#config = config
    this.#table = table
    this.#revocation = config.revocation?.[revocationLookup]
    this.#engine = config.engine === 'node' && nodeCrypto !== undefined ? createNodeEngine(nodeCrypto) : joseEngine
  }

  verify(token: string): Promise<T> {
    return this.#verify(token) as Promise<T>
  }

  async #verify(token: string): Promise<AnyVerifiedToken> {
    try {
      const candidate = this.#examine(token)
      const key = await this.#locateOrWait(candidate)
      await this.#revocation?.firstLoad(this.#config.clock.now())
      const good = await this.#engineVerify(candidate, key)
      return this.#accept(candidate, key, good)
    } catch (error) {
      throw this.#count(error)
    }
  }

  verifySync(token: string): T {
    if (!this.#engine.sync) throw new TypeError('verifySync needs the node engine; use verify')
    try {
      const candidate = this.#examine(token)
      const key = this.#locate(candidate)
      if (key instanceof Promise) throw new JwtError('COFFER_JWT_KEYS_NOT_READY')
      const { parsed, spec } = candidate
      return this.#accept(candidate, key, this.#engine.verify(parsed, fitting(parsed, key), spec)) as T
    } catch (error) {
      throw this.#count(error)
    }
  }

  async check(request: RequestLike, options: CheckOptions = {}): Promise<CheckResult<T>> {
    const wanted = readScope(options.scope)
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
    return { verified: this.#verified, refused: Object.fromEntries(this.#refused) }
  }

  #bearer(request: RequestLike): string {
    try {
      return bearerToken(request)
    } catch (error) {
      throw this.#count(error)
    }
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
    return { parsed, policy, spec }
  }

  /** The key that the header names; a promise where waiting may bring it. */
  #locate({ parsed, policy, spec }: Candidate): PreparedKey | Promise<void> {
    const now = this.#config.clock.now()
    const { kid } = parsed.header
    if (kid === undefined && !policy.rules.allowMissing.has('kid')) throw new JwtError('COFFER_JWT_KEY_UNKNOWN')
    const set = policy.keys.usable(now)
    if (set === undefined) throw policy.keys.refuse(now)
    const key = selectKey(set, kid, spec)
    if (typeof key !== 'string') return key
    if (key === 'COFFER_JWT_KEY_UNKNOWN' && kid !== undefined && deservesFetch(parsed.claims, policy, now)) {
      const fetching = policy.keys.loadUnknown(kid, now)
      if (fetching !== undefined) return fetching
    }
    throw new JwtError(key)
  }

  async #locateOrWait(candidate: Candidate): Promise<PreparedKey> {
    const { keys } = candidate.policy
    const now = this.#config.clock.now()
    if (keys.usable(now) === undefined) await keys.load(now)
    const first = this.#locate(candidate)
    if (!(first instanceof Promise)) return first
    await first
    const second = this.#locate(candidate)
    if (second instanceof Promise) throw new JwtError('COFFER_JWT_KEY_UNKNOWN')
    return second
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

  /** Everything after the signature. The clock is read once here, so that all times are judged at one moment. */
  #accept({ parsed, policy, spec }: Candidate, key: PreparedKey, good: boolean): AnyVerifiedToken {
    if (!good) throw new JwtError('COFFER_JWT_SIGNATURE_INVALID')
    rememberHeader(this.#headers, parsed)
    const now = this.#config.clock.now()
    const read = readClaims(parsed.claims, policy, now)
    this.#assertNotRevoked(read, now)
    const claims = outputOf(parsed, policy)
    const token = makeVerifiedToken(membersOf(read, claims, spec, key.kid))
    this.#verified++
    return token
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

/** The key, once the signature has its exact length and no point of small order, which runtimes judge differently. */
function fitting(parsed: ParsedToken, key: PreparedKey): PreparedKey {
  const { signature } = parsed
  if (signature.length !== key.signatureBytes || (key.jwk.kty === 'OKP' && hasSmallOrderR(signature))) {
    throw new JwtError('COFFER_JWT_SIGNATURE_INVALID')
  }
  return key
}

function outputOf(parsed: ParsedToken, policy: Policy): unknown {
  if (policy.schema === undefined) return parsed.claims
  const result = applySchema(policy.schema, parsed.claims)
  if ('refused' in result) throw new JwtClaimError(result.refused, 'schema')
  freezePlain(result.value)
  return result.value
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

function readScope(scope: string | readonly string[] | undefined): readonly string[] {
  if (scope === undefined) return []
  const wanted = typeof scope === 'string' ? scope.split(' ') : [...scope]
  if (wanted.some((one) => typeof one !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(one))) {
    throw new TypeError('scope must be scope values of RFC 6749 §3.3')
  }
  return wanted
}
