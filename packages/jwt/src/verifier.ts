import type { CheckRefusal } from './challenge.js'
import type { VerifyErrorCode } from './errors.js'
import {
  type IssuerOptions,
  readVerifierOptions,
  type SyncSchemas,
  type TokenOf,
  type VerifierOptions,
} from './options.js'
import type { RequestLike } from './request.js'
import { readTable, TokenVerifier } from './token-verifier.js'

/** What `check` answers: the token, or the refusal in the words of RFC 6750 §3. */
export type CheckResult<T> = { readonly ok: true; readonly token: T } | CheckRefusal

/** What `check` asks beyond the token being good. */
export interface CheckOptions {
  /** Scope values that the token must all have, as a list or with one space between; never empty or `undefined`. Default: none. */
  readonly scope?: string | readonly string[]
}

/** Counts since the verifier was made. */
export interface VerifierStats {
  /** Entries of the cache, and what became of look-ups. */
  readonly size: number
  readonly hits: number
  readonly misses: number
  readonly evicted: number
  /** Verified, but with claims that a caller could change: never cached. */
  readonly uncacheable: number
  /** Full verifications that succeeded. */
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
  /** Verifies the Bearer token of a request, and asks nothing more. A refusal is a result, not an exception. */
  check(request: RequestLike): Promise<CheckResult<T>>
  /**
   * The same, and the token must have the scope that is asked for.
   *
   * @throws {TypeError} As a rejection: no request, options that are undefined, an unknown one, or a `scope` that is
   *   undefined, empty or no scope. What was looked up and not found must not ask for nothing.
   */
  check(request: RequestLike, options: CheckOptions): Promise<CheckResult<T>>
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
  options: VerifierOptions<I> & { readonly issuers: SyncSchemas<I> },
): Verifier<TokenOf<I>> {
  const config = readVerifierOptions(options)
  return new TokenVerifier<TokenOf<I>>(config, readTable(options.issuers, config))
}
