/** How time-outs are set, so that tests need none. */
export interface Timers {
  set(run: () => void, ms: number): unknown
  clear(handle: unknown): void
}

/** The runtime's own. */
export const systemTimers: Timers = Object.freeze<Timers>({
  set: (run, ms) => setTimeout(run, ms),
  clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
})
