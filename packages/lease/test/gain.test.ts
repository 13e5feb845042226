import { type LeaseEvent, type LeaseState, reduce } from '@coffer/lease'
import { describe, expect, test } from 'vitest'
import { at, empty, fail, flight, held, holding, type Obtained, obtained, serve, settle, wake } from './states.js'

describe('a value', () => {
  const second = { value: 2, since: at(60_000), ttlMs: 100_000, refreshAfterMs: 50_000 }

  test('that nobody asked for is not taken', () => {
    for (const state of [holding(), empty()]) {
      const [next, effects] = reduce(state, obtained(60_000, 100_000))
      expect(next).toBe(state)
      expect(effects).toEqual([])
    }
  })

  test.each([
    [true, [serve(2), settle('value'), wake(50_000)]],
    [false, [settle('value'), wake(50_000)]],
  ])('with a later end is held, and ends failures and hold (waiting: %j)', (waiting, effects) => {
    const state = holding({ ...held('backoff', 0, 1), ...flight(waiting), rejected: true })
    const next = { ...state, held: second, rejected: false, failures: 0, hold: undefined, flight: undefined }
    expect(reduce(state, obtained(60_000, 100_000))).toEqual([next, effects])
  })

  test('with no later end is held, and counts as a failure', () => {
    const state = holding({ ...flight(true), failures: 1 })
    const next = {
      ...state,
      held: { ...second, ttlMs: 40_000, refreshAfterMs: 20_000 },
      failures: 2,
      hold: { kind: 'backoff', since: at(60_000), ms: 10_000 },
      flight: undefined,
    }
    expect(reduce(state, obtained(60_000, 40_000))).toEqual([next, [serve(2), settle('value'), wake(20_000)]])
    const quick = reduce(holding({ ...flight(true), failures: 9 }), obtained(60_000, 36_000))
    expect(quick[0].hold?.ms).toBe(9_000)
  })

  test('the same with a later end is an extension; with no later end a failure that keeps the old one', () => {
    const state = holding(flight(true))
    const [longer] = reduce(state, obtained(60_000, 40_001, { value: 1, same: true }))
    expect(longer).toMatchObject({ held: { value: 1, since: at(60_000), ttlMs: 40_001 }, failures: 0, hold: undefined })
    const [kept, effects] = reduce(state, obtained(60_000, 40_000, { value: 1, same: true }))
    expect(kept).toEqual({
      ...state,
      flight: undefined,
      failures: 1,
      hold: { kind: 'backoff', since: at(60_000), ms: 5_000 },
    })
    expect(effects).toEqual([serve(1), settle('value'), wake(5_000)])
  })

  test('the same after it was rejected is a failure', () => {
    for (const state of [
      holding({ ...flight(true), rejected: true }, { onReject: 'keep' }),
      empty({ ...flight(true), discarded: { value: 1 } }),
    ]) {
      const [next] = reduce(state, obtained(0, 1_000_000, { value: 1, same: true }))
      expect(next).toMatchObject({ failures: 1, held: state.held })
    }
  })

  test.each([
    ['a ttl of nothing', obtained(0, 0)],
    ['a ttl of nothing, though the clock was set back', obtained(0, 0, { since: at(10) })],
    ['a ttl below nothing, though the clock was set back', obtained(0, -1, { since: at(10) })],
    ['a ttl that is over on arrival', obtained(10, 10, { since: at(0) })],
    ['no number as its ttl', obtained(0, Number.NaN)],
  ])('with %s is a stale result', (_, event) => {
    const state = empty(flight(true))
    const hold = { kind: 'backoff', since: event.at, ms: 500 } as const
    expect(reduce(state, event)).toEqual([
      { ...state, flight: undefined, failures: 1, hold },
      [fail('stale-result', event.at.wallMs + 500, false), settle('failure'), wake(500)],
    ])
  })

  test('with a text as its ttl is a stale result', () => {
    const ttlMs: unknown = '60000'
    const event = { ...obtained(0, 0), ttlMs } as LeaseEvent<number>
    expect(reduce(empty(flight(true)), event)[1][0]).toEqual(fail('stale-result', 500, false))
  })

  test('with a millisecond left on arrival is held, and a ttl above maxTtlMs is cut', () => {
    const [next] = reduce(empty(flight(true)), obtained(10, 11, { since: at(0) }))
    expect(next.held).toMatchObject({ value: 2, since: at(0), ttlMs: 11 })
    const [cut] = reduce(empty(flight(true)), obtained(0, 1e15))
    expect(cut.held?.ttlMs).toBe(86_400_000)
  })
})

describe('the interval of rejections', () => {
  const rejectedAt = at(50_000)

  test.each([
    ['obtained by the refresh', undefined, rejectedAt],
    ['a millisecond younger than the interval', 29_999, rejectedAt],
    ['as old as the interval', 30_000, undefined],
  ])('counts from the last rejection, unless the value that followed is older: %s', (_, ageMs, expected) => {
    for (const type of ['resolved', 'adopted'] as const) {
      const event = obtained(60_000, 100_000, { type, ageMs })
      expect(reduce(empty({ ...flight(true), rejectedAt }), event)[0].rejectedAt).toEqual(expected)
      expect(reduce(holding({ ...flight(true), rejectedAt }), event)[0].rejectedAt).toEqual(expected)
    }
  })

  test('goes on counting when an old value is no gain', () => {
    const event = obtained(60_000, 0, { ageMs: 30_000 })
    expect(reduce(empty({ ...flight(true), rejectedAt }), event)[0].rejectedAt).toEqual(rejectedAt)
  })
})

describe('a value from elsewhere', () => {
  const adopted = (ttlMs: number, changes: Partial<Obtained> = {}) =>
    obtained(0, ttlMs, { type: 'adopted', ...changes })
  const next = (state: LeaseState<number>) => ({
    ...state,
    held: { value: 2, since: at(0), ttlMs: 200_000, refreshAfterMs: 100_000 },
    failures: 0,
    hold: undefined,
  })

  test('that is no gain, or ends no later, changes nothing', () => {
    const state = holding(flight(true))
    for (const event of [adopted(0), adopted(100_000), adopted(100_000, { same: true, value: 1 })]) {
      const [same, effects] = reduce(state, event)
      expect(same).toBe(state)
      expect(effects).toEqual([])
    }
  })

  test.each([
    ['without a flight', {}],
    ['with a flight that nobody waits for', flight(false)],
  ])('%s is held', (_, changes) => {
    const state = holding({ ...held('backoff', 0, 1), ...changes })
    expect(reduce(state, adopted(200_000))).toEqual([next(state), [wake(100_000)]])
  })

  test('answers those who wait, and the flight goes on', () => {
    const state = holding(flight(true))
    expect(reduce(state, adopted(200_000))).toEqual([
      { ...next(state), flight: { cause: 'expired', waiting: false } },
      [serve(2), settle('value'), wake(100_000)],
    ])
  })
})
