/**
 * Verifies access tokens against fixed issuers, audiences and algorithms, and refuses everything else.
 *
 * @module
 */
export type { SignatureAlgorithm } from './algorithms.js'
export type { TtlBounds } from './cache-control.js'
export type { CheckRefusal, CheckStatus } from './challenge.js'
export type { Clock, Timers } from './clock.js'
export {
  type ClaimRefusal,
  type IssueErrorCode,
  isJwtError,
  JwtClaimError,
  JwtError,
  type JwtErrorCode,
  type VerifyErrorCode,
} from './errors.js'
export type { FetchFault } from './jwks-fetch.js'
export type { RefreshPhase } from './key-refresh.js'
export type { KeySnapshotOptions } from './key-snapshot.js'
export type { KeySource } from './key-source.js'
export type { IssuerOptions, SyncSchemas, TokenOf, VerifierLimits, VerifierOptions } from './options.js'
export {
  type AcceptedType,
  type Profile,
  type Relaxable,
  type RelaxedAccessTokenOptions,
  relaxedAccessToken,
} from './profile.js'
export { type KeysHealth, type RemoteKeys, remoteKeys } from './remote-keys.js'
export type { KeysEvent, RemoteKeysOptions } from './remote-keys-options.js'
export type { RequestLike } from './request.js'
export type { Revocation } from './revocation-entries.js'
export type { FeedState, RevocationEvent, RevocationFeed, RevocationListener } from './revocation-feed.js'
export {
  createRevocationIndex,
  type RevocationIndex,
  type RevocationIndexOptions,
  type RevocationStatus,
} from './revocation-index.js'
export type { Sealer } from './sealer.js'
export type { StandardSchema } from './standard-schema.js'
export { staticKeys } from './static-keys.js'
export type { JsonObject, JsonValue } from './strict-json.js'
export type { CacheLimits } from './verified-cache.js'
export type { AccessTokenClaims, Maybe, VerifiedToken } from './verified-token.js'
export { type CheckOptions, type CheckResult, createVerifier, type Verifier, type VerifierStats } from './verifier.js'
