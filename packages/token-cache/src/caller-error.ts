import { isLeaseError, type Lease } from '@coffer/lease'
import type { AccessToken } from './access-token.js'
import { TokenCacheError } from './errors.js'
import { RefreshFailure } from './refresh-failure.js'

/** What a lease's refusal means to a caller of the cache. */
export function toCallerError(
  error: unknown,
  { lease, failure }: { readonly lease: Lease<AccessToken>; readonly failure: RefreshFailure | undefined },
): TokenCacheError {
  const retryAt = lease.retryAt
  if (error instanceof RefreshFailure) return error.toError(retryAt)
  const unavailable = new TokenCacheError('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { retryAt })
  if (!isLeaseError(error)) return unavailable
  switch (error.code) {
    case 'COFFER_LEASE_CLOSED':
      return new TokenCacheError('COFFER_TOKEN_CACHE_CLOSED')
    case 'COFFER_LEASE_STALE_RESULT':
      return new TokenCacheError('COFFER_TOKEN_CACHE_RESPONSE_INVALID', { retryAt })
    case 'COFFER_LEASE_TIMEOUT':
      return new TokenCacheError('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', { retryAt, reason: 'timeout' })
    case 'COFFER_LEASE_BACKING_OFF':
    case 'COFFER_LEASE_TERMINAL':
      // What the last attempt came to still holds.
      return failure?.toError(error.retryAt) ?? unavailable
  }
}
