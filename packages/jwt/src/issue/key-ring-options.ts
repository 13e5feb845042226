import { type AlgorithmSpec, checkAlgorithm, type SignatureAlgorithm } from '../algorithms.js'
import { assertMethods, assertOptions, checkInteger, checkText } from '../check-options.js'
import { type Clock, systemClock, systemTimers, type Timers } from '../clock.js'
import type { Sealer } from '../sealer.js'

/**
 * Where the record of a key ring lives: one value, written by compare-and-swap. Ask the primary: what a lagging replica
 * answers is taken for a record that was rolled back.
 */
export interface KeyRingStore {
  read(): Promise<{ readonly version: number; readonly body: string } | undefined>
  /** Writes if the version is still the expected one (undefined: there is none); false when it is not. */
  write(body: string, expected: number | undefined): Promise<boolean>
}

/** How a key ring is made. */
export interface KeyRingOptions {
  /** The `iss` of the tokens it signs. Required. */
  readonly issuer: string
  /** What it signs with. Required. */
  readonly algorithm: SignatureAlgorithm
  /** Required. */
  readonly store: KeyRingStore
  /** Seals private keys before the store sees them, and the record as a whole. Required. */
  readonly sealer: Sealer
  /** How long a key signs, in ms. Default: 30 days; 2 to 366 days. */
  readonly rotateEveryMs?: number
  /** How long a key is published before it signs, in ms. Default: 24 h. */
  readonly publishAheadMs?: number
  /** `max-age` of the JWKS, in ms. Default: 600 000; 60 000 to 3 600 000. */
  readonly jwksMaxAgeMs?: number
  /** How often the store is read again, in ms. Default: 60 000; at most `publishAheadMs / 8`. */
  readonly refreshMs?: number
  /** Longest life of an access token, in ms: decides when a retiring key may go. Default: 3 600 000. */
  readonly accessTtlMs?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: timers that do not keep the process alive; `null`: only use reads the store again. */
  readonly timers?: Timers | null
}

const day = 86_400_000
const known = [
  'issuer',
  'algorithm',
  'store',
  'sealer',
  'rotateEveryMs',
  'publishAheadMs',
  'jwksMaxAgeMs',
  'refreshMs',
  'accessTtlMs',
  'clock',
  'timers',
]

/** Options of a ring, checked and copied. */
export interface RingConfig {
  readonly issuer: string
  readonly algorithm: SignatureAlgorithm
  readonly spec: AlgorithmSpec
  readonly store: KeyRingStore
  readonly sealer: Sealer
  readonly rotateEveryMs: number
  readonly publishAheadMs: number
  readonly jwksMaxAgeMs: number
  readonly refreshMs: number
  readonly accessTtlMs: number
  readonly clock: Clock
  readonly timers: Timers | null
  /** How long one call of store or sealer may take, in ms. */
  readonly callTimeoutMs: number
}

/** Checks and copies the options. */
export function readKeyRingOptions(options: KeyRingOptions): RingConfig {
  assertOptions(options, 'createKeyRing', known)
  const { rotateEveryMs = 30 * day, publishAheadMs = day, jwksMaxAgeMs = 600_000, refreshMs = 60_000 } = options
  const { accessTtlMs = 3_600_000, clock = systemClock, timers = systemTimers, store, sealer, algorithm } = options
  assertMethods(store, 'store', ['read', 'write'])
  assertMethods(sealer, 'sealer', ['encrypt', 'decrypt'])
  assertMethods(clock, 'clock', ['now'])
  if (timers !== null) assertMethods(timers, 'timers', ['set', 'clear'])
  checkInteger(rotateEveryMs, 'rotateEveryMs', 2 * day, 366 * day)
  checkInteger(jwksMaxAgeMs, 'jwksMaxAgeMs', 60_000, 3_600_000)
  checkInteger(publishAheadMs, 'publishAheadMs', Math.max(7_200_000, 2 * jwksMaxAgeMs), rotateEveryMs / 2)
  checkInteger(refreshMs, 'refreshMs', 1_000, publishAheadMs / 8)
  checkInteger(accessTtlMs, 'accessTtlMs', 60_000, 3_600_000)
  const issuer = checkText(options.issuer, 'issuer', 512)
  const spec = checkAlgorithm(algorithm, 'algorithm')
  return Object.freeze({
    issuer,
    algorithm,
    spec,
    store,
    sealer,
    rotateEveryMs,
    publishAheadMs,
    jwksMaxAgeMs,
    refreshMs,
    accessTtlMs,
    clock,
    timers,
    callTimeoutMs: Math.min(5_000, refreshMs),
  })
}
