/**
 * Issues access tokens (RFC 9068) with rotating refresh tokens, and keeps and publishes the keys that sign them.
 *
 * @module
 */

export type { Sealer } from '../sealer.js'
export type { Grant } from './grant.js'
export { type IssuedMembers, IssuedTokens, type TokenResponse } from './issued-tokens.js'
export { createIssuer, type Issuer, type RefreshRequest } from './issuer.js'
export type { AuthorizedFamily, CreateIssuerOptions, IssuerEvent, RefreshOptions } from './issuer-options.js'
export {
  createKeyRing,
  type JwksDocument,
  type KeyRing,
  type KeyStatus,
} from './key-ring.js'
export type { KeyRingOptions, KeyRingStore } from './key-ring-options.js'
export type { KeyState } from './key-states.js'
export { memoryKeyRingStore, memoryRefreshStore } from './memory-stores.js'
export type { FamilyState, NewFamily, RefreshStore, RevokeTarget, RotationStep } from './refresh-store.js'
