import {
  assertMembers,
  assertMethods,
  assertOptionalFunction,
  assertOptions,
  checkInteger,
  checkText,
} from '../check-options.js'
import { type Clock, systemClock } from '../clock.js'
import type { Revocation } from '../revocation-entries.js'
import type { JsonValue } from '../strict-json.js'
import { type KeyRing, type RingSigner, ringSigner } from './key-ring.js'
import type { FamilyState, RefreshStore } from './refresh-store.js'

/** The family that a refresh belongs to, as {@link RefreshOptions.authorize} sees it. */
export type AuthorizedFamily = Pick<FamilyState, 'id' | 'grant'>

/** How refresh tokens are made and judged. */
export interface RefreshOptions {
  /** Required. */
  readonly store: RefreshStore
  /** At least 32 bytes; or up to three of them, newest first: the first makes tokens, all are accepted. Required. */
  readonly secret: Uint8Array | readonly Uint8Array[]
  /** Life of a family, in ms. Default: 30 days, at most 366. */
  readonly ttlMs?: number
  /** Longest pause between two rotations, in ms. Default: 24 h. */
  readonly idleMs?: number
  /** How long after a rotation the spent token gets the same successor again, in ms. Default: 10 000; 0 to 60 000. */
  readonly retryWindowMs?: number
  /**
   * Asked after every rotation, before signing: new claims for the access token, or `null` to end the family. An
   * exception passes through to the caller of `refresh`, who may retry within the window.
   */
  readonly authorize?: (
    family: AuthorizedFamily,
  ) => Promise<{ readonly claims?: Readonly<Record<string, JsonValue>> } | null>
}

/** What an issuer reports: IDs only. */
export type IssuerEvent =
  | { readonly type: 'issued'; readonly jti: string; readonly sessionId: string | undefined }
  | { readonly type: 'refreshed' | 'retried'; readonly jti: string; readonly sessionId: string }
  | { readonly type: 'reuse-detected' | 'client-mismatch' | 'revoked'; readonly sessionId: string }

/** How an issuer is made. */
export interface CreateIssuerOptions {
  /** The `iss`; the ring's. Required. */
  readonly issuer: string
  /** Required. */
  readonly keys: KeyRing
  /** Where ended sessions are told; usually the revocation index. Required with `refresh`. */
  readonly revocation?: { revoke(revocation: Revocation): void | Promise<void> }
  /** Refresh tokens. Default: none. */
  readonly refresh?: RefreshOptions
  /** Life of an access token, in ms. Default: 3 600 000, which is the most; not above the ring's. */
  readonly accessTtlMs?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
  readonly onEvent?: (event: IssuerEvent) => void
}

/** Options of refreshing, checked and copied. */
export interface RefreshConfig {
  readonly store: RefreshStore
  readonly secrets: readonly Uint8Array<ArrayBuffer>[]
  readonly ttlMs: number
  readonly idleMs: number
  readonly retryWindowMs: number
  readonly authorize: RefreshOptions['authorize']
}

/** Options of an issuer, checked and copied. */
export interface IssuerConfig {
  readonly issuer: string
  readonly signer: RingSigner
  readonly revocation: CreateIssuerOptions['revocation']
  readonly refresh: RefreshConfig | undefined
  readonly accessTtlMs: number
  readonly clock: Clock
  readonly onEvent: (event: IssuerEvent) => void
}

const day = 86_400_000

export function readIssuerOptions(options: CreateIssuerOptions): IssuerConfig {
  assertOptions(options, 'createIssuer', ['issuer', 'keys', 'revocation', 'refresh', 'accessTtlMs', 'clock', 'onEvent'])
  const { keys, revocation, refresh, clock = systemClock, onEvent } = options
  if (typeof keys !== 'object' || keys === null || !(ringSigner in keys)) throw new TypeError('keys must be a key ring')
  const signer = keys[ringSigner]
  const issuer = checkText(options.issuer, 'issuer', 512)
  if (issuer !== signer.issuer) throw new TypeError("issuer must be the key ring's issuer")
  assertMethods(clock, 'clock', ['now'])
  assertOptionalFunction(onEvent, 'onEvent')
  if (revocation !== undefined) assertMethods(revocation, 'revocation', ['revoke'])
  if (refresh !== undefined && revocation === undefined) throw new TypeError('refresh needs revocation')
  const { accessTtlMs = signer.accessTtlMs } = options
  return Object.freeze({
    issuer,
    signer,
    revocation,
    refresh: refresh === undefined ? undefined : readRefreshOptions(refresh),
    accessTtlMs: checkInteger(accessTtlMs, 'accessTtlMs', 60_000, signer.accessTtlMs),
    clock,
    onEvent: quiet(onEvent),
  })
}

function readRefreshOptions(options: RefreshOptions): RefreshConfig {
  assertMembers(options, 'refresh', ['store', 'secret', 'ttlMs', 'idleMs', 'retryWindowMs', 'authorize'])
  const { store, secret, ttlMs = 30 * day, idleMs = day, retryWindowMs = 10_000, authorize } = options
  assertMethods(store, 'refresh.store', ['create', 'rotate', 'read', 'revoke'])
  assertOptionalFunction(authorize, 'refresh.authorize')
  return Object.freeze({
    store,
    secrets: readSecrets(secret),
    ttlMs: checkInteger(ttlMs, 'refresh.ttlMs', 60_000, 366 * day),
    idleMs: checkInteger(idleMs, 'refresh.idleMs', 60_000, 366 * day),
    retryWindowMs: checkInteger(retryWindowMs, 'refresh.retryWindowMs', 0, 60_000),
    authorize,
  })
}

function readSecrets(secret: unknown): readonly Uint8Array<ArrayBuffer>[] {
  const list: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  if (list.length === 0 || list.length > 3) throw new RangeError('refresh.secret must be one to three secrets')
  return list.map((one) => {
    if (!(one instanceof Uint8Array)) throw new TypeError('refresh.secret must be bytes')
    if (one.length < 32) throw new RangeError('refresh.secret must be at least 32 bytes')
    return Uint8Array.from(one)
  })
}

/** A listener that throws changes nothing of what it listens to. */
function quiet(listener: ((event: IssuerEvent) => void) | undefined): (event: IssuerEvent) => void {
  return (event) => {
    try {
      listener?.(Object.freeze(event))
    } catch {
      // Its exception is its own.
    }
  }
}
