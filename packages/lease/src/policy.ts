/** First and longest delay of a back-off that doubles, in milliseconds. */
export interface BackoffRange {
  readonly baseMs: number
  readonly maxMs: number
}

/** When a value is refreshed, what is served meanwhile, and how failures are spaced. Milliseconds unless said. */
export interface LeasePolicy {
  /** Before expiry, refreshes begin without holding callers up. A number or the result of a function is at most ttl / 2. */
  readonly advisoryMs: 'scaled' | number | ((ttlMs: number) => number)
  /** Before expiry, callers wait for a refresh; at most a tenth of the ttl. */
  readonly mandatoryMs: number
  /** 0..1: the share of the advisory window over which refreshes are spread. */
  readonly refreshJitter: number
  /** `'wait'`: the caller that starts an early refresh waits for it. */
  readonly onAdvisory: 'serve' | 'wait'
  /** `'keep'`: a rejected value is served if its refresh fails. `'discard'`: it is never served again. */
  readonly onReject: 'discard' | 'keep'
  /** Past expiry, for how long a value may be served after a failed refresh; `Infinity` allowed. */
  readonly staleMs: number
  /** After a terminal failure a live value is served, refused, or dropped at once. */
  readonly onTerminal: 'serve' | 'throw' | 'discard'
  /** After a terminal failure, for how long no new attempt is made; `Infinity` allowed. */
  readonly terminalHoldMs: number
  readonly backoff: {
    /** While a value can be served. */
    readonly held: BackoffRange
    /** While none can. `'none'`: the next call tries again. */
    readonly empty: BackoffRange | 'none'
    /** 0..1: the delay is multiplied by 1 - jitter x random. */
    readonly jitter: number
  }
  /** A longer Retry-After is cut to this. */
  readonly maxRetryAfterMs: number
  /** At most one refresh is caused by `invalidate` in this time. */
  readonly rejectIntervalMs: number
  /** A longer ttl is cut to this. */
  readonly maxTtlMs: number
}

/** What a caller may set of a {@link LeasePolicy}; the rest keeps its default. */
export type LeasePolicyOverrides = Partial<Omit<LeasePolicy, 'backoff'>> & {
  readonly backoff?: Partial<LeasePolicy['backoff']>
}

const minute = 60_000

const defaults: LeasePolicy = {
  advisoryMs: 'scaled',
  mandatoryMs: minute,
  refreshJitter: 0.8,
  onAdvisory: 'serve',
  onReject: 'discard',
  staleMs: 0,
  onTerminal: 'serve',
  terminalHoldMs: minute,
  backoff: { held: { baseMs: 5_000, maxMs: 600_000 }, empty: { baseMs: 500, maxMs: 30_000 }, jitter: 0.5 },
  maxRetryAfterMs: 3_600_000,
  rejectIntervalMs: 30_000,
  maxTtlMs: 86_400_000,
}

/**
 * Fills, validates and freezes a policy.
 *
 * @throws {TypeError} for an unknown name, a wrong type or NaN; {RangeError} for a number out of range. Both name the option.
 */
export function defineLeasePolicy(overrides: LeasePolicyOverrides = {}): LeasePolicy {
  refuseUnknown('policy', overrides, defaults)
  refuseUnknown('policy.backoff', overrides.backoff ?? {}, defaults.backoff)
  const merged = {
    ...defaults,
    ...defined(overrides),
    backoff: { ...defaults.backoff, ...defined(overrides.backoff ?? {}) },
  }
  const { backoff } = merged
  return Object.freeze({
    advisoryMs: advisory(merged.advisoryMs),
    mandatoryMs: inRange('mandatoryMs', merged.mandatoryMs, 0, Number.MAX_SAFE_INTEGER),
    refreshJitter: inRange('refreshJitter', merged.refreshJitter, 0, 1),
    onAdvisory: oneOf('onAdvisory', merged.onAdvisory, ['serve', 'wait']),
    onReject: oneOf('onReject', merged.onReject, ['discard', 'keep']),
    staleMs: inRange('staleMs', merged.staleMs, 0, Number.POSITIVE_INFINITY),
    onTerminal: oneOf('onTerminal', merged.onTerminal, ['serve', 'throw', 'discard']),
    terminalHoldMs: inRange('terminalHoldMs', merged.terminalHoldMs, 0, Number.POSITIVE_INFINITY),
    backoff: Object.freeze({
      held: backoffRange('backoff.held', backoff.held),
      empty: backoff.empty === 'none' ? 'none' : backoffRange('backoff.empty', backoff.empty),
      jitter: inRange('backoff.jitter', backoff.jitter, 0, 1),
    }),
    maxRetryAfterMs: inRange('maxRetryAfterMs', merged.maxRetryAfterMs, 0, Number.MAX_SAFE_INTEGER),
    rejectIntervalMs: inRange('rejectIntervalMs', merged.rejectIntervalMs, 0, Number.MAX_SAFE_INTEGER),
    maxTtlMs: inRange('maxTtlMs', merged.maxTtlMs, 1, Number.MAX_SAFE_INTEGER),
  })
}

/** The windows of one value; `mandatoryMs <= advisoryMs`. */
export function windowsOf(policy: LeasePolicy, ttlMs: number): { advisoryMs: number; mandatoryMs: number } {
  const mandatoryMs = Math.min(policy.mandatoryMs, ttlMs / 10)
  const asked = policy.advisoryMs === 'scaled' ? scaledAdvisoryMs(ttlMs) : configured(policy.advisoryMs, ttlMs)
  return { advisoryMs: Math.max(mandatoryMs, asked), mandatoryMs }
}

// The AWS SDKs' table; its first row is halved for short lives, which would otherwise never be fresh.
function scaledAdvisoryMs(ttlMs: number): number {
  if (ttlMs <= 20 * minute) return Math.min(5 * minute, ttlMs / 2)
  return ttlMs < 90 * minute ? 15 * minute : 60 * minute
}

// At most half the life, so that a value that lives shorter than a fixed window is still cached. A function that
// gives no number gets that widest window: refreshing early is the safe mistake.
function configured(advisoryMs: number | ((ttlMs: number) => number), ttlMs: number): number {
  const asked = typeof advisoryMs === 'number' ? advisoryMs : advisoryMs(ttlMs)
  return Number.isNaN(asked) ? ttlMs / 2 : Math.min(asked, ttlMs / 2)
}

function advisory(value: LeasePolicy['advisoryMs']): LeasePolicy['advisoryMs'] {
  if (value === 'scaled' || typeof value === 'function') return value
  return inRange('advisoryMs', value, 0, Number.MAX_SAFE_INTEGER)
}

function backoffRange(name: string, value: BackoffRange): BackoffRange {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be { baseMs, maxMs }`)
  refuseUnknown(name, value, { baseMs: 0, maxMs: 0 })
  const baseMs = inRange(`${name}.baseMs`, value.baseMs, 1, Number.MAX_SAFE_INTEGER)
  return Object.freeze({ baseMs, maxMs: inRange(`${name}.maxMs`, value.maxMs, baseMs, Number.MAX_SAFE_INTEGER) })
}

/** A number between two bounds, or an error that names the option. */
export function inRange(name: string, value: number, min: number, max: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${name} must be a number`)
  if (value < min || value > max) throw new RangeError(`${name} must be between ${min} and ${max}`)
  return value
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new TypeError(`${name} must be one of ${allowed.join(', ')}`)
  return value
}

/** Refuses option names that nobody reads: a misspelt one would otherwise be a silent default. */
export function refuseUnknown(name: string, value: object, known: object): void {
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(known, key)) throw new TypeError(`${name}.${key} is not an option`)
  }
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>
}
