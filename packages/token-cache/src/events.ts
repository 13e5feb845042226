import type { RefreshCause } from '@coffer/lease'
import type { TokenCacheErrorCode, UnavailableReason } from './errors.js'

/**
 * What happened to one key. `key` is the first 16 hex digits of the store key's SHA-256: no token, secret, subject
 * or URL is in an event. Hits are counted in `stats()`, not announced.
 */
export type TokenCacheEvent = { readonly key: string } & (
  | { readonly type: 'refresh.start'; readonly cause: RefreshCause }
  | { readonly type: 'refresh.ok'; readonly generation: number; readonly ttlMs: number }
  | {
      readonly type: 'refresh.failed'
      readonly code: TokenCacheErrorCode
      readonly oauthError: string | undefined
      readonly reason: UnavailableReason | undefined
    }
  | { readonly type: 'adopted'; readonly generation: number }
  | { readonly type: 'intent.found'; readonly sentAgain: boolean }
  | { readonly type: 'fence.refused' }
  | { readonly type: 'backoff'; readonly delayMs: number }
  | { readonly type: 'terminal'; readonly code: TokenCacheErrorCode }
  | { readonly type: 'invalidated'; readonly generation: number }
  | { readonly type: 'scope.narrowed' }
  | { readonly type: 'store.failed'; readonly operation: StoreOperation }
  | { readonly type: 'evicted'; readonly refreshToken: boolean }
)

/** The store's method that failed. */
export type StoreOperation = 'read' | 'acquire' | 'renew' | 'intend' | 'commit' | 'release'

/** An event before its key is known. */
export type EventBody = TokenCacheEvent extends infer E ? (E extends TokenCacheEvent ? Omit<E, 'key'> : never) : never
