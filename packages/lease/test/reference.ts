import type { LeaseEvent, LeasePolicy } from '@coffer/lease'

/** An event, and whether a flight was begun by it: what the reference is given instead of a state. */
export interface Told {
  readonly event: LeaseEvent<number>
  readonly refreshed: boolean
}

type Answer = { readonly type: 'serve'; readonly value: number } | { readonly type: 'fail' | 'wait' }

interface Facts {
  held: { value: number; from: number; ttl: number; quietFor: number } | undefined
  rejected: boolean
  discarded: number | undefined
  flying: boolean
  failures: number
  held_back: { kind: 'backoff' | 'terminal'; from: number; for: number } | undefined
  rejectedAt: number
  closed: boolean
}

/**
 * The answer to a `get` at `nowMs`, from everything that ever happened: the rules in plain words, one clock, no jitter.
 * Written for reading beside `reduce`, which it does not use.
 */
export function referenceAnswer(
  policy: LeasePolicy,
  history: readonly Told[],
  nowMs: number,
): { answer: Answer; refresh: boolean } {
  const facts: Facts = {
    held: undefined,
    rejected: false,
    discarded: undefined,
    flying: false,
    failures: 0,
    held_back: undefined,
    rejectedAt: Number.NEGATIVE_INFINITY,
    closed: false,
  }
  for (const { event, refreshed } of history) {
    apply(policy, facts, event)
    if (refreshed) {
      facts.flying = true
      facts.held_back = undefined
    }
  }
  return answerOf(policy, facts, nowMs)
}

function leftOf(facts: Facts, nowMs: number): number {
  return facts.held === undefined ? Number.NEGATIVE_INFINITY : facts.held.from + facts.held.ttl - nowMs
}

function answerOf(policy: LeasePolicy, facts: Facts, nowMs: number): { answer: Answer; refresh: boolean } {
  const { held, held_back: hold } = facts
  if (facts.closed) return { answer: { type: 'fail' }, refresh: false }
  const left = leftOf(facts, nowMs)
  const serve = (refresh: boolean) => ({
    answer: { type: 'serve', value: held?.value ?? Number.NaN } as const,
    refresh,
  })
  if (held !== undefined && !facts.rejected && nowMs - held.from < held.quietFor) return serve(false)
  if (hold !== undefined && nowMs < hold.from + hold.for) {
    const live = left > 0
    const stale = held !== undefined && left > -policy.staleMs
    const may = hold.kind === 'backoff' ? live || stale : live && policy.onTerminal === 'serve'
    return may ? serve(false) : { answer: { type: 'fail' }, refresh: false }
  }
  const mandatory = held !== undefined && left <= Math.min(policy.mandatoryMs, held.ttl / 10)
  if (held !== undefined && left > 0 && !facts.rejected && !mandatory) {
    if (facts.flying) return serve(false)
    return policy.onAdvisory === 'wait' ? { answer: { type: 'wait' }, refresh: true } : serve(true)
  }
  return { answer: { type: 'wait' }, refresh: !facts.flying }
}

function apply(policy: LeasePolicy, facts: Facts, event: LeaseEvent<number>): void {
  const nowMs = event.at.wallMs
  if (facts.closed) return
  switch (event.type) {
    case 'get':
    case 'tick':
      return
    case 'close':
      facts.closed = true
      return
    case 'reset':
      facts.failures = 0
      facts.held_back = undefined
      return
    case 'invalidate': {
      const again = nowMs - facts.rejectedAt < policy.rejectIntervalMs
      if (!event.current || facts.held === undefined || facts.rejected || again) return
      facts.rejectedAt = nowMs
      if (policy.onReject === 'keep') facts.rejected = true
      else {
        facts.discarded = facts.held.value
        facts.held = undefined
      }
      return
    }
    case 'failed':
      if (facts.flying) fail(policy, facts, nowMs, event.failure.kind, event.failure.retryAfterMs)
      return
    case 'resolved':
    case 'adopted': {
      if (event.type === 'resolved' && !facts.flying) return
      const ttl = Math.min(event.ttlMs, policy.maxTtlMs)
      const ends = event.since.wallMs + ttl
      const nothingGood = facts.held === undefined || facts.rejected
      const later = nothingGood || ends - nowMs > leftOf(facts, nowMs)
      const gain = ttl > 0 && ends > nowMs && !(event.same && (nothingGood || !later))
      if (event.type === 'adopted' && !(gain && later)) return
      if (!gain) {
        fail(policy, facts, nowMs, 'transient', undefined)
        return
      }
      const failures = facts.failures
      if (event.ageMs !== undefined && event.ageMs >= policy.rejectIntervalMs)
        facts.rejectedAt = Number.NEGATIVE_INFINITY
      facts.held = { value: event.value, from: event.since.wallMs, ttl, quietFor: ttl - windowOf(policy, ttl) }
      facts.rejected = false
      facts.failures = 0
      facts.held_back = undefined
      if (event.type === 'adopted') return
      facts.flying = false
      if (!later) {
        facts.failures = failures + 1
        facts.held_back = { kind: 'backoff', from: nowMs, for: delayOf(policy, facts, nowMs, undefined) }
      }
    }
  }
}

function fail(
  policy: LeasePolicy,
  facts: Facts,
  nowMs: number,
  kind: 'transient' | 'terminal',
  retryAfterMs: number | undefined,
): void {
  facts.flying = false
  facts.failures += 1
  if (kind === 'terminal' && policy.onTerminal === 'discard' && facts.held !== undefined) {
    facts.discarded = facts.held.value
    facts.held = undefined
    facts.rejected = false
  }
  facts.held_back =
    kind === 'terminal'
      ? { kind, from: nowMs, for: policy.terminalHoldMs }
      : { kind: 'backoff', from: nowMs, for: delayOf(policy, facts, nowMs, retryAfterMs) }
}

/** Doubling by hand, a quarter of the life at most, never past it; a Retry-After is the least. */
function delayOf(policy: LeasePolicy, facts: Facts, nowMs: number, retryAfterMs: number | undefined): number {
  const left = leftOf(facts, nowMs)
  const servable = left > 0 || (facts.held !== undefined && left > -policy.staleMs)
  const range = servable ? policy.backoff.held : policy.backoff.empty
  let delay = 0
  if (range !== 'none') {
    delay = range.baseMs
    for (let failure = 1; failure < facts.failures && delay < range.maxMs; failure += 1) delay *= 2
    delay = Math.min(delay, range.maxMs)
    if (servable && left > 0) {
      if (delay > left / 4) delay = Math.max(range.baseMs, left / 4)
      if (delay > left) delay = left
    }
  }
  return retryAfterMs === undefined ? delay : Math.max(delay, Math.min(retryAfterMs, policy.maxRetryAfterMs))
}

function windowOf(policy: LeasePolicy, ttl: number): number {
  const minute = 60_000
  const mandatory = Math.min(policy.mandatoryMs, ttl / 10)
  let advisory = ttl <= 20 * minute ? Math.min(5 * minute, ttl / 2) : ttl < 90 * minute ? 15 * minute : 60 * minute
  if (typeof policy.advisoryMs === 'number') advisory = Math.min(policy.advisoryMs, ttl / 2)
  return Math.max(mandatory, advisory)
}
