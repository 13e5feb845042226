import type { Clock, LeasePolicyOverrides, Timers } from '@coffer/lease'
import type { AccessToken } from './access-token.js'
import type { AuthorizedFetch, AuthorizedFetchOptions } from './authorized-fetch.js'
import type { TokenRequest } from './canonical-request.js'
import type { TokenCacheEvent } from './events.js'
import type { Grant } from './grant.js'
import type { TokenStore } from './store.js'

export interface TokenCacheOptions {
  /** Required. How a token is obtained. */
  readonly grant: Grant
  /** Required. Keys held, 1..10 000 000; the least recently used goes first, never one with a flight. */
  readonly max: number
  /** Default none: tokens are this process's own. */
  readonly store?: TokenStore
  /** `'process-local'`: when the store fails, tokens for this process alone; refused with a rotating refresh token. */
  readonly onStoreFailure?: 'serve-then-fail' | 'process-local'
  readonly policy?: LeasePolicyOverrides
  /** `'refuse'`: less scope than asked is an error. Default `'accept'`. */
  readonly narrowedScope?: 'accept' | 'refuse'
  /** How long to wait for a peer that refreshes. Default 5 000 ms. */
  readonly busyWaitMs?: number
  /** Between logins of one key that may have been processed. Default 60 000 ms. */
  readonly loginIntervalMs?: number
  /** Without a login after one was refused, unless the password's version changed. Default 900 000 ms. */
  readonly loginHoldMs?: number
  /** Refresh on a timer. Default false. */
  readonly keepWarm?: boolean
  readonly clock?: Clock
  /** 0..1, for jitter only. */
  readonly random?: () => number
  readonly timers?: Timers
  /** Runs synchronously; what it throws is counted, not raised. */
  readonly onEvent?: (event: TokenCacheEvent) => void
}

export interface TokenCache {
  /** Canonicalises a request once: keep the handle on hot paths. */
  for(request?: TokenRequest): TokenHandle
  get(request?: TokenRequest, options?: { readonly signal?: AbortSignal }): Promise<AccessToken>
  /** A credential changed: back-off, holds and (without a store) refused logins are forgotten. Tokens stay. */
  reset(): void
  stats(): TokenCacheStats
  /** Refuses new calls and waits for flights. `revoke`: and revokes (RFC 7009) what this process alone holds, for at most 30 s. */
  close(options?: { readonly revoke?: boolean }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** One request's token. */
export interface TokenHandle {
  /** Rejects with `signal.reason` or a {@link TokenCacheError}. */
  get(options?: { readonly signal?: AbortSignal }): Promise<AccessToken>
  /** The token while fresh; starts nothing. */
  peek(): AccessToken | undefined
  /** False unless this token is the current one for this key and no rejection was honoured within `rejectIntervalMs`. */
  invalidate(token: AccessToken): boolean
  /** As `fetch`, with this token. `init.body` may also be a function, which makes a stream replayable. */
  fetch(options: AuthorizedFetchOptions): AuthorizedFetch
}

/** Counts since the cache was made; `size` is the keys held now. */
export interface TokenCacheStats {
  readonly hits: number
  readonly waits: number
  readonly refreshes: number
  readonly failures: number
  readonly adopted: number
  readonly evicted: number
  readonly eventFailures: number
  readonly size: number
}
