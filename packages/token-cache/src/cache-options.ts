import { defineLeasePolicy, systemClock, systemTimers } from '@coffer/lease'
import { canonicalRequest, type RequestRules } from './canonical-request.js'
import { integerIn, oneOf, refuseUnknown } from './check-options.js'
import type { TokenCacheEvent } from './events.js'
import { grantSteps, type Step } from './grant.js'
import { digestHex, formatIdentity, formatRequest } from './key.js'
import { MemoryStore } from './memory-store.js'
import type { RefreshSetting } from './refresh-setting.js'
import { isProtected } from './store.js'
import type { TokenCacheOptions } from './token-cache.js'

/** Options as a cache uses them. */
export interface CheckedOptions {
  readonly setting: RefreshSetting
  readonly rules: RequestRules
  /** The part of every key that is this cache's. */
  readonly identity: string
  /** The request that an initial refresh token serves. */
  readonly initialFor: string | undefined
  readonly sourceTimeoutMs: number
  readonly keepWarm: boolean
  readonly max: number
  readonly onEvent: ((event: TokenCacheEvent) => void) | undefined
}

const optionNames = [
  'grant',
  'max',
  'store',
  'onStoreFailure',
  'policy',
  'narrowedScope',
  'busyWaitMs',
  'loginIntervalMs',
  'loginHoldMs',
  'keepWarm',
  'clock',
  'random',
  'timers',
  'onEvent',
]

/** Validates the options of a cache and fills their defaults. */
export function checkOptions(options: TokenCacheOptions): CheckedOptions {
  refuseUnknown('options', options, optionNames)
  const { grant, store, clock = systemClock, random = Math.random, timers = systemTimers, keepWarm = false } = options
  const { onStoreFailure = 'serve-then-fail', narrowedScope = 'accept', onEvent } = options
  const steps = grant?.[grantSteps]?.()
  const firstStep = steps?.[0]
  if (steps === undefined || firstStep === undefined) throw new TypeError('grant must be made by this package')
  const max = integerIn('max', options.max, 1, 10_000_000)
  oneOf('onStoreFailure', onStoreFailure, ['serve-then-fail', 'process-local'])
  oneOf('narrowedScope', narrowedScope, ['accept', 'refuse'])
  if (typeof keepWarm !== 'boolean') throw new TypeError('keepWarm must be a boolean')
  if (store !== undefined && !isProtected(store)) {
    throw new TypeError('store is shared: wrap it in sealed(store, sealer)')
  }
  if (onStoreFailure === 'process-local' && steps.some(canSpendRefreshToken)) {
    throw new TypeError(
      "onStoreFailure 'process-local' is refused: two processes would send one rotating refresh token",
    )
  }
  for (const [name, value] of Object.entries({ random, 'clock.now': clock.now, onEvent: onEvent ?? random })) {
    if (typeof value !== 'function') throw new TypeError(`${name} must be a function`)
  }
  const rules = rulesOf(steps)
  const initial = steps.flatMap((step) => (step.role === 'refresh' && step.initial ? [step.initial.for] : []))[0]
  const busyWaitMs = integerIn('busyWaitMs', options.busyWaitMs ?? 5_000, 0, 600_000)
  const own = new MemoryStore(Number.MAX_SAFE_INTEGER, clock)
  const local = store === undefined ? own : undefined
  let generation = 0
  const setting: RefreshSetting = {
    steps,
    store: store ?? own,
    local,
    onStoreFailure,
    clock,
    timers,
    random,
    narrowedScope,
    busyWaitMs,
    policy: defineLeasePolicy(options.policy),
    loginIntervalMs: integerIn('loginIntervalMs', options.loginIntervalMs ?? 60_000, 0, 86_400_000),
    loginHoldMs: integerIn('loginHoldMs', options.loginHoldMs ?? 900_000, 0, 86_400_000),
    loginQueue: new Map(),
    recordKey: local === undefined ? digestHex : (text) => text,
    nextGeneration: (atLeast) => {
      generation = local === undefined ? atLeast + 1 : generation + 1
      return generation
    },
    presentedInitials: new Set(),
  }
  return {
    setting,
    rules,
    max,
    keepWarm,
    onEvent,
    identity: formatIdentity({
      issuer: firstStep.issuer,
      grants: steps.map((step) => step.identity),
      subject: steps.find((step) => step.subject !== undefined)?.subject,
    }),
    initialFor: initial && formatRequest(canonicalRequest(initial, rules)),
    // Long enough for every step of the chain and the wait for a peer, so that only a hanging store meets it.
    sourceTimeoutMs: steps.reduce((total, step) => total + 2 * step.timeoutMs, 2 * busyWaitMs + 20_000),
  }
}

function canSpendRefreshToken(step: Step): boolean {
  return step.role === 'refresh' && step.rotation !== 'reusable'
}

function rulesOf(steps: readonly Step[]): RequestRules {
  const places = new Set(steps.map((step) => step.tenant))
  return {
    reserved: new Set(steps.flatMap((step) => step.reserved)),
    // A tenant must reach every endpoint of the chain, or one of them would answer for another tenant.
    tenant: places.has('refused') ? 'refused' : places.has('required') ? 'required' : 'allowed',
  }
}
