import type { Clock, Timers } from '../clock.js'

/** A clock that moves when it is told to, with timers that follow it. */
export interface FakeClock extends Clock {
  /** Timers on this clock, for any option `timers`. */
  readonly timers: Timers
  /** Moves time on, runs what falls due on the way, in order, and lets promises settle in between. */
  advance(ms: number): Promise<void>
}

interface Due {
  readonly at: number
  readonly run: () => void
}

/** @param start - Epoch ms. Default: 2026-01-01T00:00:00Z. */
export function fakeClock(start = 1_767_225_600_000): FakeClock {
  let now = start
  const due = new Set<Due>()
  const timers: Timers = Object.freeze({
    set(run: () => void, delayMs: number): unknown {
      const entry: Due = { at: now + delayMs, run }
      due.add(entry)
      return entry
    },
    clear(handle: unknown): void {
      due.delete(handle as Due)
    },
  })
  return Object.freeze({
    now: () => now,
    timers,
    async advance(ms: number): Promise<void> {
      const end = now + ms
      await settle()
      for (;;) {
        const [next] = [...due].filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)
        if (next === undefined) break
        due.delete(next)
        now = Math.max(now, next.at)
        next.run()
        await settle()
      }
      now = end
      await settle()
    },
  })
}

/** A macrotask or two: enough for what the promises of one step started. */
async function settle(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0))
}
