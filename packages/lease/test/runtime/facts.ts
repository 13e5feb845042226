import { classify, createLease, defineLeasePolicy, initialState, isLeaseError, reduce } from '@coffer/lease'
import { virtualClock } from '@coffer/lease/testing'

function same(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${left} is not ${right}`)
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'resolved'
  } catch (error) {
    return isLeaseError(error) ? error.code : String(error)
  }
}

/** A lease whose source counts its calls and fails when it is told to. */
function arrange() {
  const clock = virtualClock()
  let calls = 0
  let down = false
  const lease = createLease({
    source: async () => {
      if (down) throw new Error('down')
      calls += 1
      return { value: calls, ttlMs: 3_600_000 }
    },
    clock,
    timers: clock.timers,
    random: () => 0,
  })
  const fail = (yes: boolean): void => {
    down = yes
  }
  return { clock, lease, calls: () => calls, fail }
}

export const facts: Record<string, () => void | Promise<void>> = {
  'a thousand concurrent calls start the source once': async () => {
    const { lease, calls } = arrange()
    const all = await Promise.all(Array.from({ length: 1_000 }, () => lease.get()))
    same([new Set(all).size, calls()], [1, 1])
  },
  'a value is fresh until its refresh time, and served while its refresh fails': async () => {
    const { clock, lease, fail } = arrange()
    same(await lease.get(), 1)
    clock.tick(2_699_999)
    same(lease.peek(), 1)
    clock.tick(1)
    same(lease.peek() ?? 'none', 'none')
    fail(true)
    same(await lease.get(), 1)
  },
  'a suspended host finds its value over': async () => {
    const { clock, lease } = arrange()
    await lease.get()
    clock.suspend(3_600_000)
    same(lease.peek() ?? 'none', 'none')
    same(await lease.get(), 2)
  },
  'an abort ends its caller alone': async () => {
    const { lease, calls } = arrange()
    const controller = new AbortController()
    const [aborted, other] = [codeOf(lease.get({ signal: controller.signal })), lease.get()]
    controller.abort('gone')
    same([await aborted, await other, calls()], ['gone', 1, 1])
  },
  'after close every call is refused by code': async () => {
    const { lease } = arrange()
    await lease.close()
    same(await codeOf(lease.get()), 'COFFER_LEASE_CLOSED')
  },
  'the system clocks and timers serve': async () => {
    const lease = createLease({ source: async () => ({ value: 'v', ttlMs: 60_000 }) })
    same(await lease.get(), 'v')
    same(lease.peek() ?? 'none', 'v')
    await lease.close()
  },
  'the pure part gives back the state that an event leaves as it was': () => {
    const at = { wallMs: 0, monoMs: 0 }
    const held = { value: 1, since: at, ttlMs: 100, refreshAfterMs: 50 }
    const state = initialState(defineLeasePolicy(), held)
    const [next, effects] = reduce(state, { type: 'get', at })
    same([next === state, effects, classify(state, at)], [true, [{ type: 'serve', value: 1, limited: false }], 'fresh'])
  },
}
