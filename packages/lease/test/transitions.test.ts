import { classify, type LeaseEffect, type LeaseEvent, type LeaseState, reduce } from '@coffer/lease'
import { describe, expect, test } from 'vitest'
import {
  at,
  empty,
  fail,
  failed,
  flight,
  get,
  held,
  holding,
  obtained,
  refresh,
  serve,
  settle,
  wait,
  wake,
} from './states.js'

describe('a phase', () => {
  test.each([
    ['initial', empty(), 0],
    ['initial', empty(held('backoff', 0, 500)), 500],
    ['backoff', empty(held('backoff', 0, 500)), 499],
    ['terminal', empty(held('terminal', 0, 500)), 499],
    ['fresh', holding(held('terminal', 0, 60_000)), 49_999],
    ['terminal', holding(held('terminal', 0, 60_000)), 50_000],
    ['advisory', holding(), 50_000],
    ['advisory', holding(), 89_999],
    ['mandatory', holding(), 90_000],
    ['mandatory', holding({ rejected: true }), 0],
    ['mandatory', holding(), 99_999],
    ['expired', holding(), 100_000],
    ['expired', holding({ rejected: true }), 100_000],
  ] as const)('is %s (case %#)', (phase, state, ms) => {
    expect(classify(state, at(ms))).toBe(phase)
  })
})

describe('a get that changes nothing', () => {
  const cases: readonly (readonly [string, LeaseState<number>, number, LeaseEffect<number>])[] = [
    ['of a fresh value is served', holding(), 49_999, serve(1)],
    ['of a fresh value in a hold is served, not held back', holding(held('backoff', 0, 60_000)), 49_999, serve(1)],
    ['in the advisory window joins the flight unheard', holding(flight(false)), 50_000, serve(1)],
    ['of a live value in back-off is served, limited', holding(held('backoff', 95_000, 5_000)), 99_999, serve(1, true)],
    [
      'of a stale value in back-off is served within staleMs',
      holding(held('backoff', 95_000, 20_000), { staleMs: 10_000 }),
      109_999,
      serve(1, true),
    ],
    [
      'of a stale value in back-off fails at the end of staleMs',
      holding(held('backoff', 95_000, 20_000), { staleMs: 10_000 }),
      110_000,
      fail('backoff', 115_000),
    ],
    ['with nothing held in back-off fails', empty(held('backoff', 0, 500.5)), 499, fail('backoff', 501)],
    ['of a live value after a terminal failure', holding(held('terminal', 60_000, 60_000)), 99_999, serve(1, true)],
    [
      'of a value at its end after a terminal failure',
      holding(held('terminal', 60_000, 60_000), { staleMs: 50_000 }),
      100_000,
      fail('terminal', 120_000),
    ],
    [
      "after a terminal failure with 'throw'",
      holding(held('terminal', 60_000, 60_000), { onTerminal: 'throw' }),
      70_000,
      fail('terminal', 120_000),
    ],
    ['with nothing held after a terminal failure', empty(held('terminal', 0, 60_000)), 1, fail('terminal', 60_000)],
    [
      'in a hold without an end knows no time to try again',
      empty(held('terminal', 0, Number.POSITIVE_INFINITY)),
      1,
      fail('terminal'),
    ],
    ['joins those who wait', holding(flight(true)), 100_000, wait],
  ]
  test.each(cases)('%s', (_, state, ms, answer) => {
    const [next, effects] = get(state, ms)
    expect(next).toBe(state)
    expect(effects).toEqual([answer])
  })
})

describe('a get that starts a refresh', () => {
  const cases: readonly (readonly [string, LeaseState<number>, number, 'serve' | 'wait', string])[] = [
    ['with nothing held', empty(), 0, 'wait', 'initial'],
    ['with nothing held since a rejection', empty({ discarded: { value: 1 } }), 0, 'wait', 'rejected'],
    ['in the advisory window', holding(), 50_000, 'serve', 'advisory'],
    ["in the advisory window with 'wait'", holding({}, { onAdvisory: 'wait' }), 50_000, 'wait', 'advisory'],
    ['in the mandatory window', holding(), 90_000, 'wait', 'mandatory'],
    ['a millisecond before it', holding(), 89_999, 'serve', 'advisory'],
    ['of a value that was rejected and kept', holding({ rejected: true }), 0, 'wait', 'rejected'],
    ['at the end of the value', holding({ discarded: { value: 0 } }), 100_000, 'wait', 'expired'],
    ['a millisecond before it', holding(), 99_999, 'wait', 'mandatory'],
    ['at the end of a back-off', holding(held('backoff', 95_000, 5_000)), 100_000, 'wait', 'expired'],
    ['at the end of a terminal hold', empty(held('terminal', 0, 60_000)), 60_000, 'wait', 'initial'],
  ]
  test.each(cases)('%s', (_, state, ms, answer, cause) => {
    const [next, effects] = get(state, ms)
    expect(next).toEqual({ ...state, hold: undefined, flight: { cause, waiting: answer === 'wait' } })
    expect(effects).toEqual([answer === 'wait' ? wait : serve(1), { type: 'refresh', cause }])
  })

  test('not if one is under way: the caller waits for that one', () => {
    const state = holding(flight(false))
    expect(get(state, 100_000)).toEqual([{ ...state, flight: { cause: 'expired', waiting: true } }, [wait]])
  })
})

describe('an invalidation', () => {
  const invalidate = (state: LeaseState<number>, ms: number, current = true) =>
    reduce(state, { type: 'invalidate', at: at(ms), current })
  test.each([
    ['of another value', holding(), false],
    ['with nothing held', empty(), true],
    ['of a value that was rejected before', holding({ rejected: true }), true],
    ['29.999 s after the last', holding({ rejectedAt: at(-29_999) }), true],
  ] as const)('%s changes nothing', (_, state, current) => {
    const [next, effects] = invalidate(state, 0, current)
    expect(next).toBe(state)
    expect(effects).toEqual([])
  })

  test('drops the value, for good, 30 s after the last', () => {
    const state = holding({ rejectedAt: at(-30_000) })
    expect(invalidate(state, 0)).toEqual([
      { ...state, held: undefined, discarded: { value: 1 }, rejectedAt: at(0) },
      [wake(0)],
    ])
  })

  test("with 'keep' marks it", () => {
    const state = holding({}, { onReject: 'keep' })
    expect(invalidate(state, 0)).toEqual([{ ...state, rejected: true, rejectedAt: at(0) }, [wake(0)]])
  })
})

describe('a failure', () => {
  test('without a flight changes nothing', () => {
    const state = holding()
    const [next, effects] = reduce(state, failed(0, 'transient'))
    expect(next).toBe(state)
    expect(effects).toEqual([])
  })

  const backoff = (since: number, ms: number) => ({ kind: 'backoff', since: at(since), ms })
  const terminal = (since: number, ms = 60_000) => ({ kind: 'terminal', since: at(since), ms })
  const cases: readonly (readonly [
    string,
    LeaseState<number>,
    LeaseEvent<number>,
    object,
    readonly LeaseEffect<number>[],
  ])[] = [
    [
      'with a live value',
      holding(flight(true)),
      failed(95_000, 'transient'),
      { hold: backoff(95_000, 5_000) },
      [serve(1), settle('value'), wake(5_000)],
    ],
    [
      'that nobody waits for',
      holding(flight(false)),
      failed(60_000, 'transient'),
      { hold: backoff(60_000, 5_000) },
      [settle('value'), wake(5_000)],
    ],
    [
      'at the end of the value',
      holding(flight(true)),
      failed(100_000, 'transient'),
      { hold: backoff(100_000, 500) },
      [fail('source', 100_500, false), settle('failure'), wake(500)],
    ],
    [
      'with a stale value',
      holding(flight(true), { staleMs: 10_000 }),
      failed(109_999, 'transient'),
      { hold: backoff(109_999, 5_000) },
      [serve(1), settle('value'), wake(5_000)],
    ],
    [
      'with nothing held',
      empty(flight(false)),
      failed(0, 'transient', 2_000),
      { hold: backoff(0, 2_000) },
      [settle('failure'), wake(2_000)],
    ],
    [
      "with nothing held and back-off 'none'",
      empty(flight(true), { backoff: { empty: 'none' } }),
      failed(0, 'transient'),
      { hold: undefined },
      [fail('source', undefined, false), settle('failure'), wake(0)],
    ],
    [
      "transient, with onTerminal 'discard'",
      holding(flight(true), { onTerminal: 'discard' }),
      failed(95_000, 'transient'),
      { hold: backoff(95_000, 5_000) },
      [serve(1), settle('value'), wake(5_000)],
    ],
    [
      'terminal, with a live value',
      holding(flight(true)),
      failed(95_000, 'terminal'),
      { hold: terminal(95_000) },
      [serve(1), settle('value'), wake(60_000)],
    ],
    [
      'terminal, at the end of the value',
      holding(flight(true), { staleMs: 10_000 }),
      failed(100_000, 'terminal'),
      { hold: terminal(100_000) },
      [fail('source', 160_000, false), settle('failure'), wake(60_000)],
    ],
    [
      "terminal, with 'throw' and no hold",
      holding(flight(true), { onTerminal: 'throw', terminalHoldMs: 0 }),
      failed(95_000, 'terminal'),
      { hold: undefined },
      [fail('source', undefined, false), settle('failure'), wake(0)],
    ],
    [
      "terminal, with 'discard'",
      holding({ ...flight(true), rejected: true }, { onTerminal: 'discard' }),
      failed(60_000, 'terminal'),
      { hold: terminal(60_000), held: undefined, rejected: false, discarded: { value: 1 } },
      [fail('source', 120_000, false), settle('failure'), wake(60_000)],
    ],
    [
      "terminal, with 'discard' and nothing held",
      empty({ ...flight(true), discarded: { value: 0 } }, { onTerminal: 'discard' }),
      failed(60_000, 'terminal'),
      { hold: terminal(60_000) },
      [fail('source', 120_000, false), settle('failure'), wake(60_000)],
    ],
    [
      'terminal, held without end',
      empty(flight(true), { terminalHoldMs: Number.POSITIVE_INFINITY }),
      failed(0, 'terminal'),
      { hold: terminal(0, Number.POSITIVE_INFINITY) },
      [fail('source', undefined, false), settle('failure')],
    ],
  ]
  test.each(cases)('%s', (_, state, event, changes, effects) => {
    expect(reduce(state, event)).toEqual([{ ...state, flight: undefined, failures: 1, ...changes }, effects])
  })
})

describe('a reset', () => {
  test('forgets failures and hold, and nothing else', () => {
    const state = holding({ ...held('terminal', 0, 60_000), ...flight(true), rejected: true, rejectedAt: at(0) })
    expect(reduce(state, { type: 'reset', at: at(0) })).toEqual([{ ...state, failures: 0, hold: undefined }, []])
  })
})

describe('a close', () => {
  test.each([
    [empty(), []],
    [holding(flight(false)), []],
    [holding(flight(true)), [settle('failure')]],
  ])('answers its caller and those who wait', (state, effects) => {
    const closed = { ...state, flight: undefined, closed: true }
    expect(reduce(state, { type: 'close', at: at(0) })).toEqual([
      closed,
      [fail('closed', undefined, false), ...effects],
    ])
  })

  const events: readonly LeaseEvent<number>[] = [
    ...(['get', 'tick', 'reset', 'close'] as const).map((type) => ({ type, at: at(0) })),
    { type: 'invalidate', at: at(0), current: true },
    obtained(0, 1_000),
    obtained(0, 1_000, { type: 'adopted' }),
    failed(0, 'transient'),
  ]
  test.each(events)('is the answer to $type from then on', (event) => {
    const state = holding({ closed: true })
    const [next, effects] = reduce(state, event)
    expect(next).toBe(state)
    expect(effects).toEqual([fail('closed', undefined, false)])
  })
})

describe('a tick', () => {
  const tick = (state: LeaseState<number>, ms: number) => reduce(state, { type: 'tick', at: at(ms) })
  test.each([
    ['fresh', holding(), 20_000, [wake(30_000)]],
    ['fresh in a longer back-off', holding(held('backoff', 20_000, 40_000)), 20_000, [wake(40_000)]],
    ['in back-off', holding(held('backoff', 60_000, 5_000)), 61_000, [wake(4_000)]],
    ['in back-off with nothing held', empty(held('backoff', 0, 500)), 100, [wake(400)]],
    ['after a terminal failure', holding(held('terminal', 60_000, 60_000)), 61_000, [wake(59_000)]],
    ['in a hold without an end', empty(held('terminal', 0, Number.POSITIVE_INFINITY)), 0, []],
    ['with a flight', holding(flight(false)), 60_000, []],
  ] as const)('%s starts nothing', (_, state, ms, effects) => {
    const [next, told] = tick(state, ms)
    expect(next).toBe(state)
    expect(told).toEqual(effects)
  })

  test.each([
    ['with nothing held', empty(), 0],
    ['in the advisory window', holding(), 50_000],
    ['past the end', holding(), 100_000],
  ])('%s starts a refresh that nobody waits for', (_, state, ms) => {
    expect(tick(state, ms)).toEqual([
      { ...state, flight: { cause: 'keep-warm', waiting: false } },
      [refresh('keep-warm')],
    ])
  })
})
