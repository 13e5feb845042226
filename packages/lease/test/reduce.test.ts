import {
  classify,
  defineLeasePolicy,
  elapsedMs,
  type Instant,
  initialState,
  type LeaseEffect,
  type LeaseEvent,
  type LeasePolicyOverrides,
  type LeaseState,
  reduce,
} from '@coffer/lease'
import { describe, expect, test } from 'vitest'

const { COFFER_DEEP } = process.env
const depth = COFFER_DEEP === '1' ? 7 : 5
const ttlMs = 100_000

type Kind = 'get' | 'invalidate' | 'renewed' | 'same' | 'stale' | 'adopted' | 'transient' | 'terminal' | 'reset'
const kinds: readonly Kind[] = [
  'get',
  'invalidate',
  'renewed',
  'same',
  'stale',
  'adopted',
  'transient',
  'terminal',
  'reset',
]
/** How far time moves before an event: not at all, into each window, past the end. */
const steps = [0, 6_000, 55_000, 95_000, 130_000]

/** One path through the reducer and what must hold on it. */
interface Path {
  readonly state: LeaseState<number>
  readonly nowMs: number
  readonly since: Instant
  readonly waiting: number
  readonly lastValue: number
}

const policies: readonly (readonly [string, LeasePolicyOverrides])[] = [
  ['the defaults', {}],
  [
    'every switch turned',
    { onAdvisory: 'wait', onReject: 'keep', staleMs: 50_000, onTerminal: 'throw', terminalHoldMs: 10_000 },
  ],
  ['no hold, discard', { onTerminal: 'discard', terminalHoldMs: 0, backoff: { empty: 'none' } }],
]

function instant(ms: number): Instant {
  return { wallMs: ms, monoMs: ms }
}

function eventOf(kind: Kind, path: Path): LeaseEvent<number> {
  const at = instant(path.nowMs)
  const fresh = path.lastValue + 1
  switch (kind) {
    case 'get':
    case 'reset':
      return { type: kind, at }
    case 'invalidate':
      return { type: 'invalidate', at, current: true }
    case 'renewed':
      return { type: 'resolved', at, since: path.since, value: fresh, ttlMs, same: false, random: 0 }
    case 'same':
      return { type: 'resolved', at, since: path.since, value: path.lastValue, ttlMs, same: true, random: 0 }
    case 'stale':
      return { type: 'resolved', at, since: path.since, value: fresh, ttlMs: 0, same: false, random: 0 }
    case 'adopted':
      return { type: 'adopted', at, since: at, value: fresh, ttlMs: ttlMs / 2, same: false, random: 0 }
    case 'transient':
    case 'terminal':
      return { type: 'failed', at, failure: { kind, error: 'down' }, random: 0 }
  }
}

function count(effects: readonly LeaseEffect<number>[], type: LeaseEffect<number>['type']): number {
  return effects.filter((effect) => effect.type === type).length
}

/** Takes one step and checks every rule on it. */
function advance(path: Path, kind: Kind): Path {
  const event = eventOf(kind, path)
  const before = path.state
  const [state, effects] = reduce(before, event)
  const { staleMs } = state.policy
  const answers = effects.filter(
    (effect) => effect.type === 'serve' || effect.type === 'fail' || effect.type === 'wait',
  )
  const refreshes = count(effects, 'refresh')
  if (event.type === 'get') {
    if (answers.length !== 1) throw new Error('a get has one answer')
    const phase = classify(before, event.at)
    if ((phase === 'backoff' || phase === 'terminal') && refreshes > 0) throw new Error('no refresh while held back')
    if (phase === 'fresh' && (state !== before || effects.length !== 1)) throw new Error('quiet means quiet')
  } else if (count(effects, 'wait') > 0 || refreshes > 0) {
    throw new Error('only a get waits or refreshes')
  }
  if (refreshes > 0 && before.flight !== undefined) throw new Error('one flight')
  if (refreshes > 1) throw new Error('one flight')
  for (const effect of effects) {
    if (effect.type !== 'serve') continue
    const held = state.held
    if (held?.value !== effect.value) throw new Error('what is served is held')
    if (elapsedMs(held.since, event.at) >= held.ttlMs + staleMs) throw new Error('nothing is served past its end')
    if (before.discarded?.value === effect.value) throw new Error('a discarded value is never served')
  }
  const waited = path.waiting + (event.type === 'get' ? count(effects, 'wait') : 0)
  const settles = count(effects, 'settle')
  if (settles > 0 && path.waiting > 0 && answers.length !== 1) throw new Error('a settle answers those who wait')
  if (settles > 0 && path.waiting === 0 && answers.length > 0) throw new Error('a settle answers nobody else')
  const waiting = settles > 0 ? 0 : waited
  if (waiting > 0 && state.flight === undefined) throw new Error('whoever waits has a flight')
  return {
    state,
    nowMs: path.nowMs,
    since: refreshes > 0 ? event.at : path.since,
    waiting,
    lastValue: state.held?.value ?? path.lastValue,
  }
}

interface Tally {
  paths: number
  readonly seen: Map<string, number>
}

/** A path without its names: ages instead of times, and whether values are equal instead of the values. */
function shapeOf({ state, nowMs, since, waiting }: Path): string {
  const { held, rejected, discarded, flight, failures, hold, rejectedAt } = state
  const age = (at: Instant | undefined): number => (at === undefined ? -1 : Math.min(nowMs - at.wallMs, 10 * ttlMs))
  const parts = [
    held && age(held.since),
    held?.ttlMs,
    rejected,
    discarded !== undefined,
    flight?.cause,
    flight?.waiting,
  ]
  return [
    ...parts,
    Math.min(failures, 10),
    hold?.kind,
    hold?.ms,
    age(hold?.since),
    age(rejectedAt),
    age(since),
    waiting > 0,
  ].join()
}

/** Every sequence, each shape that was seen with as many events to come left out. */
function explore(path: Path, left: number, trail: readonly string[], tally: Tally): void {
  tally.paths += 1
  if (left === 0) return
  const shape = shapeOf(path)
  if ((tally.seen.get(shape) ?? 0) >= left) return
  tally.seen.set(shape, left)
  for (const step of steps) {
    for (const kind of kinds) {
      let next: Path
      try {
        next = advance({ ...path, nowMs: path.nowMs + step }, kind)
      } catch (error) {
        throw new Error(`after ${[...trail, `+${step} ${kind}`].join(', ')}: ${String(error)}`)
      }
      explore(next, left - 1, [...trail, `+${step} ${kind}`], tally)
    }
  }
}

describe('every sequence of events', () => {
  test.each(policies)(
    `with %s, up to length ${depth}: one answer per get, one flight, nothing past its end`,
    (_, overrides) => {
      const policy = defineLeasePolicy(overrides)
      const tally: Tally = { paths: 0, seen: new Map() }
      const start = { state: initialState<number>(policy), nowMs: 0, since: instant(0), waiting: 0, lastValue: 0 }
      explore(start, depth, [], tally)
      expect(tally.paths).toBeGreaterThan(1_000)
    },
    3_600_000,
  )
})
