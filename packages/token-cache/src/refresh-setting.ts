import type { Clock, LeasePolicy, RefreshCause, Timers } from '@coffer/lease'
import type { AccessToken } from './access-token.js'
import type { CanonicalRequest } from './canonical-request.js'
import type { EventBody } from './events.js'
import type { Step } from './grant.js'
import type { LoginQueue } from './login-limit.js'
import type { MemoryStore } from './memory-store.js'
import type { TokenStore } from './store.js'
import type { StoredBody } from './stored-body.js'

/** What the refreshes of one cache share. */
export interface RefreshSetting {
  readonly steps: readonly Step[]
  readonly store: TokenStore
  /** The same object as `store` when the cache has none of its own: no digest, no holds, nothing kept without need. */
  readonly local: MemoryStore | undefined
  readonly onStoreFailure: 'serve-then-fail' | 'process-local'
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly policy: LeasePolicy
  readonly busyWaitMs: number
  readonly loginIntervalMs: number
  readonly loginHoldMs: number
  readonly loginQueue: LoginQueue
  readonly narrowedScope: 'accept' | 'refuse'
  readonly recordKey: (text: string) => string | Promise<string>
  /** A generation no token of this process has had. */
  readonly nextGeneration: (atLeast: number) => number
  /** Digests of the initial refresh tokens that this process presented: a record that held them may be evicted. */
  readonly presentedInitials: Set<string>
}

/** What the refreshes of one key share. */
export interface RefreshKey {
  /** As the store sees it. */
  readonly storeKey: string
  readonly request: CanonicalRequest
  /** The format of the request that the initial refresh token serves, if this is the one. */
  readonly ownsInitial: boolean
  readonly emit: (event: EventBody) => void
  /** The highest generation seen in the store. */
  seenGeneration: number
  /** The generation of the last token that this process used for the key. */
  usedGeneration: number
  /** Consecutive failures. */
  failures: number
  /** What a failing store could not be given: the successor of the token whose intent has this digest. */
  unsaved: { readonly digest: string | undefined; readonly generation: number; readonly body: StoredBody } | undefined
}

/** One call of a lease's source. */
export interface RefreshContext {
  readonly signal: AbortSignal
  readonly held: AccessToken | undefined
  readonly cause: RefreshCause
}
