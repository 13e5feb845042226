import { systemTimers, type Timers } from './clock.js'

/** A call outside this package that did not answer in time. */
export class DeadlinePassed extends Error {}

/** Gives up waiting after a while: whoever waits for a store that never answers would wait for ever. */
export async function withDeadline<T>(
  call: () => T | Promise<T>,
  timeoutMs: number,
  timers: Timers | null,
): Promise<T> {
  const source = timers ?? systemTimers
  let timer: unknown
  const passed = new Promise<never>((_, reject) => {
    timer = source.set(() => reject(new DeadlinePassed('a call did not answer in time')), timeoutMs)
  })
  try {
    return await Promise.race([call(), passed])
  } finally {
    source.clear(timer)
  }
}
