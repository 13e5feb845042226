/**
 * Holds the access tokens of a server-to-server client, alone or shared between processes, and keeps them fresh.
 *
 * @module
 */
export { AccessToken } from './access-token.js'
export { type ApiToken, apiToken } from './api-token.js'
export type { AuthorizedFetch, AuthorizedFetchInit, AuthorizedFetchOptions } from './authorized-fetch.js'
export { createTokenCache } from './cache.js'
export type { CanonicalRequest, TokenRequest } from './canonical-request.js'
export { chain } from './chain.js'
export {
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretPost,
  publicClient,
} from './client-authentication.js'
export { clientCredentials } from './client-credentials.js'
export { type CustomGrant, customGrant } from './custom-grant.js'
export { isTokenCacheError, TokenCacheError, type TokenCacheErrorCode, type UnavailableReason } from './errors.js'
export type { StoreOperation, TokenCacheEvent } from './events.js'
export type { Grant } from './grant.js'
export { memoryStore } from './memory-store.js'
export { type PasswordLogin, passwordLogin } from './password-login.js'
export { type RefreshTokenOptions, refreshToken } from './refresh-token.js'
export { type Sealer, sealed } from './sealed-store.js'
export type { SecretInput, SecretText } from './secret.js'
export { type StaticToken, staticToken } from './static-token.js'
export type { ReleaseOutcome, Snapshot, TokenStore } from './store.js'
export type { TokenCache, TokenCacheOptions, TokenCacheStats, TokenHandle } from './token-cache.js'
export { type Rotation, type TokenEndpoint, type TokenEndpointOptions, tokenEndpoint } from './token-endpoint.js'
export type { TokenResponse } from './token-response.js'
