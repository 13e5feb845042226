/**
 * A clock and timers that move only when told.
 *
 * @module
 */
import type { Clock } from './clock.js'
import type { Timers } from './timers.js'

/** Both clocks and their timers, in the hands of a test. */
export interface VirtualClock extends Required<Clock> {
  readonly timers: Timers
  /** Timers that are set now. */
  readonly pending: number
  /** Moves both clocks, running each timer at its time. Promises are not waited for. */
  tick(ms: number): void
  /** As {@link tick}, and lets promises run after each timer and at the end. */
  advance(ms: number): Promise<void>
  /** Steps the wall clock alone, as a clock that is set does. No timer runs. */
  stepWall(ms: number): void
  /** Moves the wall clock alone, as a suspended machine sees it on waking. No timer runs. */
  suspend(ms: number): void
}

/** A clock at `startMs` (epoch milliseconds; default 2026-01-01T00:00:00Z). */
export function virtualClock(startMs: number = Date.UTC(2026, 0, 1)): VirtualClock {
  let wallMs = startMs
  let monoMs = 0
  const pending = new Map<number, { readonly dueMs: number; readonly run: () => void }>()
  let lastHandle = 0

  const next = (limitMs: number): (() => void) | undefined => {
    let soonest: readonly [number, { readonly dueMs: number; readonly run: () => void }] | undefined
    for (const entry of pending) {
      if (entry[1].dueMs <= limitMs && (soonest === undefined || entry[1].dueMs < soonest[1].dueMs)) soonest = entry
    }
    if (soonest === undefined) return undefined
    const [handle, { dueMs, run }] = soonest
    pending.delete(handle)
    wallMs += Math.max(0, dueMs - monoMs)
    monoMs = Math.max(monoMs, dueMs)
    return run
  }
  const finish = (limitMs: number): void => {
    wallMs += limitMs - monoMs
    monoMs = limitMs
  }

  return {
    now: () => wallMs,
    monotonic: () => monoMs,
    timers: {
      set(run, ms) {
        lastHandle += 1
        pending.set(lastHandle, { dueMs: monoMs + Math.max(0, ms), run })
        return lastHandle
      },
      clear(handle) {
        if (typeof handle === 'number') pending.delete(handle)
      },
    },
    get pending() {
      return pending.size
    },
    tick(ms) {
      const limitMs = monoMs + ms
      for (let run = next(limitMs); run !== undefined; run = next(limitMs)) run()
      finish(limitMs)
    },
    async advance(ms) {
      const limitMs = monoMs + ms
      await settle()
      for (let run = next(limitMs); run !== undefined; run = next(limitMs)) {
        run()
        await settle()
      }
      finish(limitMs)
      await settle()
    },
    stepWall(ms) {
      wallMs += ms
    },
    suspend(ms) {
      wallMs += ms
    },
  }
}

/** Lets every promise that is ready run, and those that become ready by it: streams and digests take a few turns. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 0)
  })
  // Only Node has turns that cost nothing; elsewhere the one above is all there is.
  for (let turn = 0; turn < 3 && typeof setImmediate === 'function'; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  }
}
