import {
  defineLeasePolicy,
  type Instant,
  initialState,
  type LeaseEffect,
  type LeaseEvent,
  type LeasePolicyOverrides,
  type LeaseState,
  reduce,
} from '@coffer/lease'
import { describe, expect, test } from 'vitest'

// Scenarios of our own, step by step as the AWS SDKs' are, for what those do not cover: jitter, Retry-After, gain, the
// reject interval and clocks that disagree. Times are in seconds.

type Step =
  | { readonly do: 'advance'; readonly seconds: number }
  | { readonly do: 'stepWall'; readonly seconds: number }
  | { readonly do: 'reject'; readonly honoured: boolean }
  | {
      readonly do: 'get'
      readonly answer: 'served' | 'waits' | 'fails'
      readonly contacted: boolean
      readonly limited?: boolean
    }
  | { readonly do: 'fetched'; readonly ttl: number; readonly same?: boolean; readonly holds: 'old' | 'new' | 'nothing' }
  | { readonly do: 'failed'; readonly retryAfter?: number; readonly terminal?: boolean }

interface Scenario {
  readonly name: string
  readonly policy?: LeasePolicyOverrides
  readonly random?: number
  /** The ttl of the value held at the start; absent: none. */
  readonly held?: number
  readonly steps: readonly Step[]
}

const wait = (seconds: number): Step => ({ do: 'advance', seconds })
const served = (contacted = false, limited = false): Step => ({ do: 'get', answer: 'served', contacted, limited })
const waits = (contacted = true): Step => ({ do: 'get', answer: 'waits', contacted })
const fails = (): Step => ({ do: 'get', answer: 'fails', contacted: false, limited: true })
const failed = (retryAfter?: number): Step => ({ do: 'failed', ...(retryAfter !== undefined && { retryAfter }) })
const fetched = (ttl: number, holds: 'old' | 'new' | 'nothing', same = false): Step => ({
  do: 'fetched',
  ttl,
  holds,
  same,
})
const reject = (honoured: boolean): Step => ({ do: 'reject', honoured })

// An hour's window is 15 min and its mandatory part 1 min: 672 s of jitter at most, from 2700 s on.
const jitter: readonly Scenario[] = [
  ...[
    [0, 2_700],
    [0.25, 2_868],
    [0.5, 3_036],
    [1, 3_372],
  ].flatMap(([random = 0, due = 0]) => [
    {
      name: `with random ${random}, no refresh at ${due - 1} s`,
      random,
      held: 3_600,
      steps: [wait(due - 1), served()],
    },
    { name: `with random ${random}, a refresh at ${due} s`, random, held: 3_600, steps: [wait(due), served(true)] },
  ]),
  {
    name: 'without jitter, random changes nothing',
    policy: { refreshJitter: 0 },
    random: 1,
    held: 3_600,
    steps: [wait(2_700), served(true)],
  },
  { name: 'a ttl of 10 s is fresh for 5 s', held: 10, steps: [wait(4.9), served(), wait(0.1), served(true)] },
  {
    name: 'a ttl of 10 s is mandatory for 1 s',
    held: 10,
    steps: [wait(8.9), served(true), fetched(0, 'old'), wait(5), waits()],
  },
  {
    name: 'a fixed window longer than the life is cut to half of it',
    policy: { advisoryMs: 900_000 },
    held: 60,
    steps: [wait(29), served(), wait(1), served(true)],
  },
  {
    name: 'a window given by a function',
    policy: { advisoryMs: (ttlMs) => ttlMs / 4 },
    held: 400,
    steps: [wait(299), served(), wait(1), served(true)],
  },
  {
    name: 'a function that gives no number widens the window',
    policy: { advisoryMs: () => Number.NaN },
    held: 400,
    steps: [wait(199), served(), wait(1), served(true)],
  },
  {
    name: 'a window of nothing begins with the mandatory one',
    policy: { advisoryMs: 0 },
    held: 3_600,
    steps: [wait(3_539), served(), wait(1), waits()],
  },
]

const retryAfter: readonly Scenario[] = [
  ...[0, 0.1, 0.5].map((seconds) => ({
    name: `Retry-After ${seconds} s does not shorten 0.5 s`,
    steps: [waits(), failed(seconds), wait(0.49), fails(), wait(0.01), waits()],
  })),
  ...[1, 120, 3_599, 3_600].map((seconds) => ({
    name: `Retry-After ${seconds} s is waited for with nothing held`,
    steps: [waits(), failed(seconds), wait(seconds - 0.01), fails(), wait(0.01), waits()],
  })),
  {
    name: 'Retry-After of a day is cut to an hour',
    steps: [waits(), failed(86_400), wait(3_599.9), fails(), wait(0.1), waits()],
  },
  {
    name: 'Retry-After holds a held value back too',
    held: 3_600,
    steps: [wait(2_700), served(true), failed(300), wait(299), served(false, true), wait(1), served(true)],
  },
  {
    name: 'Retry-After may outlast the value',
    held: 3_600,
    steps: [wait(3_500), served(true), failed(600), wait(200), fails(), wait(400), waits()],
  },
  {
    name: 'random lengthens Retry-After by a tenth',
    random: 1,
    steps: [waits(), failed(100), wait(109.9), fails(), wait(0.11), waits()],
  },
  {
    name: 'a second failure doubles, a success begins again',
    steps: [
      waits(),
      failed(),
      wait(0.5),
      waits(),
      failed(),
      wait(0.99),
      fails(),
      wait(0.01),
      waits(),
      fetched(10, 'new'),
      wait(20),
      waits(),
      failed(),
      wait(0.5),
      waits(),
    ],
  },
]

const gain: readonly Scenario[] = [
  ...[0, -1, -3_600].map((ttl) => ({
    name: `a ttl of ${ttl} s is no gain`,
    held: 3_600,
    steps: [wait(2_700), served(true), fetched(ttl, 'old' as const), served(false, true)],
  })),
  {
    name: 'a ttl that is no number is no gain',
    held: 3_600,
    steps: [wait(2_700), served(true), fetched(Number.NaN, 'old'), served(false, true)],
  },
  {
    name: 'the same value with a later end is an extension',
    held: 3_600,
    steps: [wait(2_700), served(true), fetched(3_600, 'new', true), wait(2_699), served(), wait(1), served(true)],
  },
  {
    name: 'the same value with the same end is a failure',
    held: 3_600,
    steps: [wait(2_700), served(true), fetched(900, 'old', true), served(false, true)],
  },
  {
    name: 'the same value with a sooner end is a failure',
    held: 3_600,
    steps: [wait(2_700), served(true), fetched(899, 'old', true), served(false, true)],
  },
  {
    name: 'another value with a later end is a success',
    held: 3_600,
    steps: [wait(2_700), served(true), fetched(901, 'new'), served()],
  },
  {
    name: 'another value with the same end is taken and spaced',
    held: 3_600,
    steps: [wait(3_595), waits(), fetched(5, 'new'), wait(2.5), served(false, true)],
  },
  {
    name: 'another value with a sooner end is taken and spaced',
    held: 3_600,
    steps: [wait(3_580), waits(), fetched(10, 'new'), wait(4.9), served(), wait(0.1), served(true)],
  },
  { name: 'any value is a gain over an expired one', held: 3_600, steps: [wait(3_601), waits(), fetched(1, 'new')] },
  { name: 'a first value that is over leaves nothing', steps: [waits(), fetched(0, 'nothing'), fails()] },
  {
    name: 'a ttl above the longest is cut to a day',
    steps: [waits(), fetched(1e9, 'new'), wait(86_399 - 3_600), served(), wait(1), served(true)],
  },
  {
    name: 'after a rejection the same value is a failure',
    held: 3_600,
    steps: [reject(true), waits(), fetched(7_200, 'nothing', true), fails()],
  },
  {
    name: 'after a rejection a sooner end is a success',
    held: 3_600,
    steps: [reject(true), waits(), fetched(60, 'new'), served()],
  },
  {
    name: 'a kept rejected value is served when its refresh fails',
    policy: { onReject: 'keep' },
    held: 3_600,
    steps: [reject(true), waits(), failed(), served(false, true)],
  },
  {
    name: 'a kept rejected value is not saved by itself',
    policy: { onReject: 'keep' },
    held: 3_600,
    steps: [reject(true), waits(), fetched(7_200, 'old', true), served(false, true)],
  },
]

const rejection: readonly Scenario[] = [
  ...[0, 1, 29, 29.9].map((seconds) => ({
    name: `a second rejection after ${seconds} s is not honoured`,
    held: 3_600,
    steps: [reject(true), waits(), fetched(3_600, 'new' as const), wait(seconds), reject(false), served()],
  })),
  ...[30, 31, 3_000].map((seconds) => ({
    name: `a second rejection after ${seconds} s is honoured`,
    held: 3_600,
    steps: [reject(true), waits(), fetched(3_600, 'new' as const), wait(seconds), reject(true), waits()],
  })),
  {
    name: 'without an interval every rejection is honoured',
    policy: { rejectIntervalMs: 0 },
    held: 3_600,
    steps: [reject(true), waits(), fetched(3_600, 'new'), reject(true), waits()],
  },
  { name: 'nothing held cannot be rejected', steps: [reject(false), waits()] },
  {
    name: 'a rejection does not shorten a back-off',
    held: 3_600,
    steps: [wait(2_700), served(true), failed(), reject(true), fails(), wait(4.9), fails(), wait(0.1), waits()],
  },
  {
    name: 'a rejection during a flight waits for that flight',
    held: 3_600,
    steps: [wait(2_700), served(true), reject(true), waits(false), fetched(3_600, 'new'), served()],
  },
]

const clocks: readonly Scenario[] = [
  ...[-172_800, -3_600, -1].map((seconds) => ({
    name: `a wall clock set by ${seconds} s does not prolong a life`,
    held: 3_600,
    steps: [{ do: 'stepWall' as const, seconds }, wait(3_600), waits()],
  })),
  ...[3_600, 172_800].map((seconds) => ({
    name: `a wall clock set by +${seconds} s ends a life`,
    held: 3_600,
    steps: [{ do: 'stepWall' as const, seconds }, waits()],
  })),
  {
    name: 'a wall clock set by +2700 s begins the window',
    held: 3_600,
    steps: [{ do: 'stepWall', seconds: 2_700 }, served(true)],
  },
  {
    name: 'a wall clock set back does not prolong a back-off',
    steps: [waits(), failed(), { do: 'stepWall', seconds: -3_600 }, wait(0.49), fails(), wait(0.01), waits()],
  },
  {
    name: 'a wall clock set forward ends a back-off',
    steps: [waits(), failed(100), { do: 'stepWall', seconds: 100 }, waits()],
  },
  {
    name: 'a back-off that ended stays ended when the clock is set back',
    steps: [
      waits(),
      failed(100),
      { do: 'stepWall', seconds: 100 },
      waits(),
      { do: 'stepWall', seconds: -100 },
      waits(false),
    ],
  },
  {
    name: 'a terminal hold ends by either clock',
    steps: [
      waits(),
      { do: 'failed', terminal: true },
      { do: 'stepWall', seconds: -86_400 },
      wait(59.9),
      fails(),
      wait(0.1),
      waits(),
    ],
  },
  {
    name: 'a terminal hold of Infinity does not end',
    policy: { terminalHoldMs: Number.POSITIVE_INFINITY },
    steps: [waits(), { do: 'failed', terminal: true }, wait(1e9), fails()],
  },
  {
    name: 'a stale value is served within staleMs and not after',
    policy: { staleMs: 60_000 },
    held: 3_600,
    steps: [wait(3_601), waits(), failed(), served(false, true), wait(58), waits(), failed(600), wait(1), fails()],
  },
]

function replay({ policy, random = 0, held, steps }: Scenario): void {
  let wallMs = Date.UTC(2026, 0, 1)
  let monoMs = 0
  let issued = 0
  const at = (): Instant => ({ wallMs, monoMs })
  let state: LeaseState<number> = initialState(defineLeasePolicy(policy))
  const send = (event: LeaseEvent<number>): readonly LeaseEffect<number>[] => {
    const [next, effects] = reduce(state, event)
    state = next
    return effects
  }
  if (held !== undefined)
    send({ type: 'adopted', at: at(), since: at(), value: issued, ttlMs: held * 1_000, same: false, random })
  for (const [index, step] of steps.entries()) {
    const label = `step ${index + 1}: ${JSON.stringify(step)}`
    if (step.do === 'advance' || step.do === 'stepWall') {
      wallMs += step.seconds * 1_000
      if (step.do === 'advance') monoMs += step.seconds * 1_000
    } else if (step.do === 'reject') {
      const before = state
      send({ type: 'invalidate', at: at(), current: true })
      expect(state !== before, label).toBe(step.honoured)
    } else if (step.do === 'get') {
      const effects = send({ type: 'get', at: at() })
      const answer = effects.find(
        (effect) => effect.type === 'serve' || effect.type === 'wait' || effect.type === 'fail',
      )
      expect(answer?.type, label).toBe({ served: 'serve', waits: 'wait', fails: 'fail' }[step.answer])
      expect(
        effects.some((effect) => effect.type === 'refresh'),
        label,
      ).toBe(step.contacted)
      if (answer?.type === 'serve' || answer?.type === 'fail') expect(answer.limited, label).toBe(step.limited ?? false)
    } else if (step.do === 'failed') {
      const failure = { kind: step.terminal ? 'terminal' : 'transient', error: '' } as const
      const retry = step.retryAfter === undefined ? {} : { retryAfterMs: step.retryAfter * 1_000 }
      send({ type: 'failed', at: at(), failure: { ...failure, ...retry }, random })
    } else {
      const before = state.held
      const value = step.same ? (before?.value ?? state.discarded?.value ?? issued) : ++issued
      send({
        type: 'resolved',
        at: at(),
        since: at(),
        value,
        ttlMs: step.ttl * 1_000,
        same: step.same ?? false,
        random,
      })
      const holds = state.held === undefined ? 'nothing' : state.held === before ? 'old' : 'new'
      expect(holds, label).toBe(step.holds)
    }
  }
}

describe.each([
  ['jitter and windows', jitter],
  ['Retry-After and back-off', retryAfter],
  ['gain', gain],
  ['rejection', rejection],
  ['clocks', clocks],
] as const)('%s', (_, scenarios) => {
  for (const scenario of scenarios) test(scenario.name, () => replay(scenario))
})

test('there are at least 60 scenarios', () => {
  expect([jitter, retryAfter, gain, rejection, clocks].flat().length).toBeGreaterThanOrEqual(60)
})
