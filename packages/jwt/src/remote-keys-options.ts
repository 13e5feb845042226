import type { TtlBounds } from './cache-control.js'
import {
  assertMembers,
  assertMethods,
  assertOptionalFunction,
  assertOptions,
  checkInteger,
  checkOneOf,
} from './check-options.js'
import { type Clock, systemClock, systemTimers, type Timers } from './clock.js'
import type { FetchFault, FetchLimits } from './jwks-fetch.js'
import type { KeySnapshotOptions } from './key-snapshot.js'
import { maxKeysLimit } from './static-keys.js'

/** What a remote key source reports. */
export type KeysEvent =
  | { readonly type: 'fetched' | 'not-modified' | 'stale' | 'expired' | 'snapshot-used' | 'snapshot-refused' }
  | { readonly type: 'failed'; readonly reason: FetchFault | 'document' }
  | { readonly type: 'key-added' | 'key-removed' | 'key-ignored'; readonly kid: string | undefined }
  | { readonly type: 'kid-reused' | 'kid-unknown'; readonly kid: string }

/** How remote keys are fetched and kept. */
export interface RemoteKeysOptions {
  /** How long keys serve past their ttl while refreshing fails, in ms. Default: 3 600 000; 0 to 86 400 000. */
  readonly maxStaleMs?: number
  /** Bounds of the ttl that the response gives, in ms. Default: 60 000, 3 600 000, and 600 000 where it says nothing. */
  readonly ttlMs?: Partial<TtlBounds>
  /** Bound on one whole exchange, in ms. Default: 5000, which is the most. */
  readonly timeoutMs?: number
  /** Bound on the decoded document. Default: 262 144, which is the most. */
  readonly maxBytes?: number
  /** Most keys a document may list. Default: 64, which is the most. */
  readonly maxKeys?: number
  /** Keeps the last good keys for a start while the issuer is down. Default: none. */
  readonly snapshot?: KeySnapshotOptions
  /** Allows `http:` to this machine (127.0.0.0/8, ::1, localhost). Default: https only. */
  readonly dangerouslyAllowHttp?: 'loopback'
  /** Default: the runtime's `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: timers that do not keep the process alive; `null`: only use starts refreshing. */
  readonly timers?: Timers | null
  /** 0 to 1, for jitter only. Default: `Math.random`. */
  readonly random?: () => number
  readonly onEvent?: (event: KeysEvent) => void
}

/** Options of remote keys, checked and copied. */
export interface RemoteKeysConfig extends FetchLimits {
  readonly url: string
  readonly maxStaleMs: number
  readonly ttl: TtlBounds
  readonly maxKeys: number
  readonly snapshot: KeySnapshotOptions | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly onEvent: ((event: KeysEvent) => void) | undefined
}

const known = [
  'maxStaleMs',
  'ttlMs',
  'timeoutMs',
  'maxBytes',
  'maxKeys',
  'snapshot',
  'dangerouslyAllowHttp',
  'fetch',
  'clock',
  'timers',
  'random',
  'onEvent',
]

export function readRemoteKeysOptions(url: string, options: RemoteKeysOptions): RemoteKeysConfig {
  assertOptions(options, 'remoteKeys', known)
  const { maxStaleMs = 3_600_000, ttlMs = {}, timeoutMs = 5_000, maxBytes = 262_144, maxKeys = maxKeysLimit } = options
  const { clock = systemClock, timers = systemTimers, random = Math.random, snapshot, onEvent } = options
  const { fetch = (input, init) => globalThis.fetch(input, init) } = options
  assertMethods(clock, 'clock', ['now'])
  if (timers !== null) assertMethods(timers, 'timers', ['set', 'clear'])
  for (const [value, name] of [
    [fetch, 'fetch'],
    [random, 'random'],
    [onEvent, 'onEvent'],
  ] as const)
    assertOptionalFunction(value, name)
  if (snapshot !== undefined) {
    assertMethods(snapshot, 'snapshot', ['read', 'write'])
    assertMethods(snapshot.sealer, 'snapshot.sealer', ['encrypt', 'decrypt'])
  }
  return Object.freeze({
    url: checkUrl(url, options.dangerouslyAllowHttp),
    maxStaleMs: checkInteger(maxStaleMs, 'maxStaleMs', 0, 86_400_000),
    ttl: readTtl(ttlMs),
    timeoutMs: checkInteger(timeoutMs, 'timeoutMs', 1, 5_000),
    maxBytes: checkInteger(maxBytes, 'maxBytes', 1, 262_144),
    maxKeys: checkInteger(maxKeys, 'maxKeys', 1, maxKeysLimit),
    snapshot,
    fetch,
    clock,
    timers,
    random,
    onEvent,
  })
}

function readTtl(ttl: Partial<TtlBounds>): TtlBounds {
  assertMembers(ttl, 'ttlMs', ['min', 'max', 'absent'])
  const { min = 60_000, max = 3_600_000, absent = 600_000 } = ttl
  checkInteger(max, 'ttlMs.max', 1_000, 86_400_000)
  return Object.freeze({
    min: checkInteger(min, 'ttlMs.min', 1_000, max),
    max,
    absent: checkInteger(absent, 'ttlMs.absent', min, max),
  })
}

/** The URL is configuration, never from a token: private addresses are allowed, since issuers in a cluster live there. */
function checkUrl(url: unknown, allowHttp: unknown): string {
  if (allowHttp !== undefined) checkOneOf(allowHttp, 'dangerouslyAllowHttp', ['loopback'])
  if (typeof url !== 'string' || !URL.canParse(url)) throw new TypeError('remoteKeys needs the URL of a JWKS')
  const { protocol, hostname, username, password, hash } = new URL(url)
  if (username !== '' || password !== '' || hash !== '')
    throw new TypeError('the URL of a JWKS has no user and no fragment')
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
  if (protocol !== 'https:' && !(protocol === 'http:' && allowHttp === 'loopback' && isLoopback)) {
    throw new TypeError(
      "the URL of a JWKS is https; http, to this machine alone, needs dangerouslyAllowHttp: 'loopback'",
    )
  }
  return url
}
