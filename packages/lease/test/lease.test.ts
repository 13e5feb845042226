import { createLease, isLeaseError, LeaseError, type LeaseOptions, type Sourced } from '@coffer/lease'
import { virtualClock } from '@coffer/lease/testing'
import { describe, expect, test, vi } from 'vitest'

const hour = 3_600_000

/** A lease over a source that answers when told. */
function arrange(options: Partial<LeaseOptions<string>> = {}) {
  const clock = virtualClock()
  const calls: {
    resolve: (sourced: Sourced<string>) => void
    reject: (error: unknown) => void
    signal: AbortSignal
  }[] = []
  const lease = createLease<string>({
    source: ({ signal }) =>
      new Promise((resolve, reject) => {
        calls.push({ resolve, reject, signal })
      }),
    clock,
    timers: clock.timers,
    random: () => 0,
    ...options,
  })
  const answer = async (value: string, ttlMs: number = hour): Promise<void> => {
    calls.at(-1)?.resolve({ value, ttlMs })
    await clock.advance(0)
  }
  const refuse = async (error: unknown): Promise<void> => {
    calls.at(-1)?.reject(error)
    await clock.advance(0)
  }
  return { clock, calls, lease, answer, refuse }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'resolved'
  } catch (error) {
    return isLeaseError(error) ? error.code : String(error)
  }
}

describe('one flight', () => {
  test('a thousand cold callers make one call of the source and get its value', async () => {
    const { lease, calls, answer } = arrange()
    const all = Promise.all(Array.from({ length: 1_000 }, () => lease.get()))
    await answer('a')
    expect(new Set(await all)).toEqual(new Set(['a']))
    expect(calls).toHaveLength(1)
  })

  test('aborting one caller rejects that caller with its reason and no other', async () => {
    const { lease, calls, answer } = arrange()
    const controller = new AbortController()
    const aborted = lease.get({ signal: controller.signal })
    const other = lease.get({ signal: new AbortController().signal })
    controller.abort('enough')
    expect(await codeOf(aborted)).toBe('enough')
    await answer('a')
    expect(await other).toBe('a')
    expect(calls[0]?.signal.aborted).toBe(false)
  })

  test('a signal that is already aborted rejects even while a value is fresh', async () => {
    const { lease, answer } = arrange()
    const first = lease.get()
    await answer('a')
    await first
    expect(await codeOf(lease.get({ signal: AbortSignal.abort('no') }))).toBe('no')
  })

  test('a background refresh that fails leaves no unhandled rejection and the live value', async () => {
    const { lease, clock, answer, refuse, calls } = arrange()
    const first = lease.get()
    await answer('a')
    await first
    clock.tick(hour - 15 * 60_000)
    expect(await lease.get()).toBe('a')
    await refuse(new Error('down'))
    expect(calls).toHaveLength(2)
    expect(await lease.get()).toBe('a')
    expect(lease.phase).toBe('backoff')
  })

  test('a source that throws at once is a failure like any other', async () => {
    const clock = virtualClock()
    const source = (): never => {
      throw new Error('at once')
    }
    const lease = createLease<string>({ source, clock, timers: clock.timers })
    expect(await codeOf(lease.get())).toBe('Error: at once')
    expect(await codeOf(lease.get())).toBe('COFFER_LEASE_BACKING_OFF')
  })
})

describe('time', () => {
  test('a value is fresh until exactly its refresh time', async () => {
    const { lease, clock, answer } = arrange()
    const first = lease.get()
    await answer('a')
    await first
    clock.tick(45 * 60_000 - 1)
    expect(lease.peek()).toBe('a')
    clock.tick(1)
    expect(lease.peek()).toBeUndefined()
  })

  test.each([
    ['stepped forward', (clock: ReturnType<typeof virtualClock>) => clock.stepWall(hour)],
    ['resumed after suspend', (clock: ReturnType<typeof virtualClock>) => clock.suspend(48 * hour)],
  ])('a value is over once the wall clock was %s past its end', async (_, step) => {
    const { lease, clock, answer } = arrange()
    const first = lease.get()
    await answer('a')
    await first
    step(clock)
    expect(lease.phase).toBe('expired')
  })

  test('a wall clock set back does not lengthen a life', async () => {
    const { lease, clock, answer } = arrange()
    const first = lease.get()
    await answer('a')
    await first
    clock.stepWall(-48 * hour)
    clock.tick(hour)
    expect(lease.phase).toBe('expired')
  })

  test('the life counts from the call of the source, not from its answer', async () => {
    const { lease, clock, answer } = arrange()
    const first = lease.get()
    clock.tick(20_000)
    await answer('a', 20_001)
    expect(await first).toBe('a')
    clock.tick(1)
    expect(lease.phase).toBe('expired')
  })

  test('after sourceTimeoutMs callers get TIMEOUT and the signal aborts; a late value is adopted', async () => {
    const { lease, clock, calls, answer } = arrange({ sourceTimeoutMs: 1_000 })
    const first = codeOf(lease.get())
    await clock.advance(1_000)
    expect(await first).toBe('COFFER_LEASE_TIMEOUT')
    expect(calls[0]?.signal.aborted).toBe(true)
    await answer('late')
    expect(lease.peek()).toBe('late')
  })

  test('a late rejection is swallowed', async () => {
    const { lease, clock, refuse } = arrange({ sourceTimeoutMs: 1_000 })
    const first = codeOf(lease.get())
    await clock.advance(1_000)
    await first
    await refuse(new Error('late'))
    expect(lease.phase).toBe('backoff')
  })

  test('no timer is left outside a flight', async () => {
    const { lease, clock, answer } = arrange()
    const first = lease.get()
    expect(clock.pending).toBe(1)
    await answer('a')
    await first
    expect(clock.pending).toBe(0)
  })

  test('keepWarm refreshes without a caller, and its timer never exceeds 2^31-1 ms', async () => {
    const longest: number[] = []
    const clock = virtualClock()
    const timers = {
      set: (run: () => void, ms: number) => {
        longest.push(ms)
        return clock.timers.set(run, ms)
      },
      clear: clock.timers.clear,
    }
    let calls = 0
    const lease = createLease({
      source: async () => ({ value: `v${++calls}`, ttlMs: 400 * 24 * hour }),
      policy: { maxTtlMs: 400 * 24 * hour },
      keepWarm: true,
      clock,
      timers,
      random: () => 0,
    })
    expect(await lease.get()).toBe('v1')
    await clock.advance(400 * 24 * hour)
    expect(lease.peek()).toBe('v2')
    expect(Math.max(...longest)).toBeLessThanOrEqual(2 ** 31 - 1)
    await lease.close()
    expect(clock.pending).toBe(0)
  })
})

describe('rejection', () => {
  test('a rejected value is never served again, and the same value again is a failure', async () => {
    const { lease, answer } = arrange()
    const first = lease.get()
    await answer('a')
    await first
    expect(lease.invalidate('b')).toBe(false)
    expect(lease.invalidate('a')).toBe(true)
    expect(lease.peek()).toBeUndefined()
    const second = codeOf(lease.get())
    await answer('a')
    expect(await second).toBe('COFFER_LEASE_STALE_RESULT')
  })

  test('a rejected value that comes back later is refused, and the newer one served', async () => {
    const { lease, clock, answer } = arrange()
    void lease.get()
    await answer('a')
    lease.invalidate('a')
    void lease.get()
    await answer('b')
    clock.tick(hour - 30_000)
    const third = lease.get()
    await answer('a')
    expect(await third).toBe('b')
  })

  test.each([
    [29_999, false],
    [30_000, true],
  ])('a second rejection %i ms after the first is honoured: %s', async (ms, honoured) => {
    const { lease, clock, answer } = arrange()
    void lease.get()
    await answer('a')
    lease.invalidate('a')
    void lease.get()
    await answer('b')
    clock.tick(ms)
    expect(lease.invalidate('b')).toBe(honoured)
  })

  test.each([
    [29_999, false],
    [30_000, true],
  ])('a value that was %i ms old when the source gave it can be rejected at once: %s', async (ageMs, honoured) => {
    const values = [
      { value: 'a', ttlMs: hour },
      { value: 'b', ttlMs: hour, ageMs },
      { value: 'c', ttlMs: hour },
    ]
    const clock = virtualClock()
    const source = async () => values.shift() ?? { value: '', ttlMs: 0 }
    const lease = createLease({ clock, timers: clock.timers, source })
    lease.invalidate(await lease.get())
    expect(lease.invalidate(await lease.get())).toBe(honoured)
    expect(await lease.get()).toBe(honoured ? 'c' : 'b')
    expect(lease.invalidate(await lease.get())).toBe(false)
  })
})

describe('gain', () => {
  test('the same value with a later end extends the life', async () => {
    const { lease, clock, answer } = arrange()
    void lease.get()
    await answer('a')
    clock.tick(hour - 60_000)
    const again = lease.get()
    await answer('a')
    expect(await again).toBe('a')
    clock.tick(60_000)
    expect(lease.peek()).toBe('a')
  })

  test('another value that ends no later is taken, and spaced like a failure', async () => {
    const { lease, clock, answer, calls } = arrange()
    void lease.get()
    await answer('a')
    clock.tick(45 * 60_000)
    await lease.get()
    await answer('b', 14 * 60_000)
    expect(lease.peek()).toBe('b')
    clock.tick(9 * 60_000)
    expect(await lease.get()).toBe('b')
    expect(calls).toHaveLength(3)
  })

  test.each([
    ['an older value that ends sooner', 'b', 1_000, false],
    ['a value that ends later', 'b', 2 * hour, true],
    ['the same value with no later end', 'a', hour, false],
    ['a value that is over', 'b', 0, false],
    ['a life that is no number', 'b', Number.NaN, false],
  ])('adopting %s changes the value: %#', async (_, value, ttlMs, gained) => {
    const { lease, answer } = arrange()
    void lease.get()
    await answer('a')
    expect(lease.adopt({ value, ttlMs })).toBe(gained)
    expect(lease.peek()).toBe(gained ? value : 'a')
  })

  test('an adopted value answers callers who wait, and the flight still ends', async () => {
    const { lease, answer } = arrange()
    const waiting = lease.get()
    expect(lease.adopt({ value: 'b', ttlMs: hour })).toBe(true)
    expect(await waiting).toBe('b')
    await answer('c', 2 * hour)
    expect(lease.peek()).toBe('c')
  })

  test.each([
    [0, 'COFFER_LEASE_STALE_RESULT'],
    [-1, 'COFFER_LEASE_STALE_RESULT'],
    [Number.NaN, 'COFFER_LEASE_STALE_RESULT'],
    [1, 'resolved'],
  ])('a first value with a ttl of %d: %s', async (ttlMs, outcome) => {
    const { lease, answer } = arrange()
    const first = codeOf(lease.get())
    await answer('a', ttlMs)
    expect(await first).toBe(outcome)
  })

  test('an endless ttl is cut to maxTtlMs', async () => {
    const { lease, clock, answer } = arrange()
    void lease.get()
    await answer('a', Number.POSITIVE_INFINITY)
    clock.tick(24 * hour)
    expect(lease.phase).toBe('expired')
  })
})

describe('failures', () => {
  test('a terminal failure is passed on, then held with TERMINAL until the hold ends', async () => {
    const { lease, clock, refuse, answer, calls } = arrange()
    const error = Object.assign(new Error('refused'), { terminal: true })
    const first = codeOf(lease.get())
    await refuse(error)
    expect(await first).toBe('Error: refused')
    clock.tick(59_999)
    expect(await codeOf(lease.get())).toBe('COFFER_LEASE_TERMINAL')
    expect(calls).toHaveLength(1)
    clock.tick(1)
    const second = lease.get()
    await answer('a')
    expect(await second).toBe('a')
  })

  test('reset forgets the hold', async () => {
    const { lease, refuse, answer } = arrange()
    const first = codeOf(lease.get())
    await refuse(Object.assign(new Error('refused'), { terminal: true }))
    await first
    lease.reset()
    const second = lease.get()
    await answer('a')
    expect(await second).toBe('a')
  })

  test("onTerminal 'discard' drops a live value at once", async () => {
    const { lease, clock, answer, refuse } = arrange({ policy: { onTerminal: 'discard' } })
    void lease.get()
    await answer('a')
    clock.tick(50 * 60_000)
    await lease.get()
    await refuse(Object.assign(new Error('refused'), { terminal: true }))
    expect(lease.held).toBeUndefined()
    expect(await codeOf(lease.get())).toBe('COFFER_LEASE_TERMINAL')
  })

  test('Retry-After is a floor, cut at maxRetryAfterMs, and retryAt says when', async () => {
    const { lease, clock, refuse } = arrange()
    const first = codeOf(lease.get())
    await refuse(Object.assign(new Error('busy'), { retryAfterMs: 120_000 }))
    await first
    const at = clock.now() + 120_000
    expect(lease.retryAt).toBe(at)
    const error = await lease.get().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LeaseError)
    expect(error).toMatchObject({ code: 'COFFER_LEASE_BACKING_OFF', retryAt: at })
  })

  test('a hook and a classifier that throw change nothing', async () => {
    const { lease, refuse } = arrange({
      onTransition: () => {
        throw new Error('hook')
      },
      classifyError: () => {
        throw new Error('classifier')
      },
    })
    const first = codeOf(lease.get())
    await refuse(new Error('down'))
    expect(await first).toBe('Error: down')
    expect(lease.phase).toBe('backoff')
  })

  test('transitions are announced in order, without a value', async () => {
    const seen = vi.fn()
    const { lease, clock, answer, refuse } = arrange({ onTransition: seen })
    void lease.get()
    await answer('a')
    clock.tick(hour)
    const last = codeOf(lease.get())
    await refuse(new Error('down'))
    await last
    expect(seen.mock.calls).toEqual([
      ['initial', 'fresh'],
      ['fresh', 'expired'],
      ['expired', 'backoff'],
    ])
  })
})

describe('close', () => {
  test('close waits for the flight, gives its callers the value, and refuses everyone after', async () => {
    const { lease, answer } = arrange()
    const first = lease.get()
    let closed = false
    const closing = lease.close().then(() => {
      closed = true
    })
    expect(await codeOf(lease.get())).toBe('COFFER_LEASE_CLOSED')
    expect(closed).toBe(false)
    await answer('a')
    expect(await first).toBe('a')
    await closing
    expect(lease.peek()).toBeUndefined()
    expect(lease.adopt({ value: 'b', ttlMs: hour })).toBe(false)
    await lease[Symbol.asyncDispose]()
  })
})

describe('misuse', () => {
  const source = async (): Promise<Sourced<string>> => ({ value: 'a', ttlMs: 1 })
  test.each<[string, object, new () => Error]>([
    ['an unknown option', { source, sauce: 1 }, TypeError],
    ['no source', {}, TypeError],
    ['a timeout of NaN', { source, sourceTimeoutMs: Number.NaN }, TypeError],
    ['a timeout of 0', { source, sourceTimeoutMs: 0 }, RangeError],
    ['an unknown policy', { source, policy: { advisory: 1 } }, TypeError],
    ['an unknown back-off', { source, policy: { backoff: { jitters: 1 } } }, TypeError],
    ['a jitter above 1', { source, policy: { refreshJitter: 1.01 } }, RangeError],
    ['a jitter that is text', { source, policy: { refreshJitter: '1' } }, TypeError],
    ['a word that is none', { source, policy: { onReject: 'maybe' } }, TypeError],
    ['a back-off that shrinks', { source, policy: { backoff: { held: { baseMs: 2, maxMs: 1 } } } }, RangeError],
    ['a back-off that is a number', { source, policy: { backoff: { held: 2 } } }, TypeError],
    ['keepWarm that is text', { source, keepWarm: 'yes' }, TypeError],
  ])('%s is refused at construction', (_, options, type) => {
    expect(() => createLease(options as LeaseOptions<string>)).toThrow(type)
  })
})

describe('a flight whose result cannot be taken', () => {
  const boom = new Error('boom')
  const throwing = (): never => {
    throw boom
  }
  const sourced: Sourced<string> = { value: 'a', ttlMs: hour }
  test.each<[string, Partial<LeaseOptions<string>>, string]>([
    ['the source resolves undefined', { source: async () => undefined as never }, 'COFFER_LEASE_STALE_RESULT'],
    ['the source resolves null', { source: async () => null as never }, 'COFFER_LEASE_STALE_RESULT'],
    ['the source resolves a text', { source: async () => 'token' as never }, 'COFFER_LEASE_STALE_RESULT'],
    ['the window throws', { source: async () => sourced, policy: { advisoryMs: throwing } }, 'Error: boom'],
    ['the jitter throws', { source: async () => sourced, random: throwing }, 'Error: boom'],
    ['the source rejects and the jitter throws', { source: async () => throwing(), random: throwing }, 'Error: boom'],
  ])('%s: the caller is refused, the next attempt is spaced, and close ends', async (_, options, expected) => {
    const { lease, clock } = arrange(options)
    expect(await codeOf(lease.get())).toBe(expected)
    expect(lease.phase).toBe('backoff')
    expect(await codeOf(lease.get())).toBe('COFFER_LEASE_BACKING_OFF')
    clock.tick(hour)
    expect(await codeOf(lease.get())).toBe(expected)
    await lease.close()
  })

  test('a comparison that throws keeps the value held, and no caller waits for ever', async () => {
    let value = 0
    const { lease, clock } = arrange({
      source: async () => ({ value: `v${++value}`, ttlMs: hour }),
      same: (a, b) => (value > 1 ? throwing() : a === b),
    })
    expect(await lease.get()).toBe('v1')
    await clock.advance(hour - 30_000)
    expect(await lease.get()).toBe('v1')
    await lease.close()
  })

  test('a late result that cannot be compared rejects nobody', async () => {
    let broken = false
    const { lease, clock, calls } = arrange({ same: (a, b) => (broken ? throwing() : a === b) })
    expect(lease.adopt({ value: 'held', ttlMs: 1_000 })).toBe(true)
    await clock.advance(2_000)
    const waiting = codeOf(lease.get())
    await clock.advance(30_000)
    expect(await waiting).toBe('COFFER_LEASE_TIMEOUT')
    broken = true
    calls[0]?.resolve(sourced)
    await clock.advance(0)
    expect(lease.held?.value).toBe('held')
  })
})

test('a classifier that answers NaN for the delay leaves the back-off as it is', async () => {
  const { lease, refuse } = arrange({ classifyError: () => ({ kind: 'transient', retryAfterMs: Number.NaN }) })
  const refused = codeOf(lease.get())
  await refuse(new Error('down'))
  expect(await refused).toBe('Error: down')
  expect(await codeOf(lease.get())).toBe('COFFER_LEASE_BACKING_OFF')
})

test('retryAt is a whole millisecond, and the attempt is due at it', async () => {
  const { lease, refuse, clock, calls } = arrange({ random: () => 1 / 3 })
  const refused = codeOf(lease.get())
  await refuse(new Error('down'))
  await refused
  const at = lease.retryAt ?? Number.NaN
  expect(Number.isInteger(at)).toBe(true)
  await expect(lease.get()).rejects.toMatchObject({ retryAt: at })
  clock.tick(at - clock.now())
  lease.get().catch(() => {})
  expect(calls).toHaveLength(2)
})
