/** The time in milliseconds since the epoch. */
export interface Clock {
  now(): number
}

/** The clock of the machine, and the default wherever a clock may be given. */
export const systemClock: Clock = Object.freeze({ now: (): number => Date.now() })

/** Timers as `setTimeout` and `clearTimeout` give them; a handle is only ever handed back to `clear`. */
export interface Timers {
  set(callback: () => void, delayMs: number): unknown
  clear(handle: unknown): void
}

/** Timers of the runtime that do not keep a process alive. */
export const systemTimers: Timers = Object.freeze({
  set: (callback: () => void, delayMs: number): unknown => {
    const handle: unknown = setTimeout(callback, delayMs)
    if (typeof handle === 'object' && handle !== null && 'unref' in handle && typeof handle.unref === 'function') {
      handle.unref()
    }
    return handle
  },
  clear: (handle: unknown): void => clearTimeout(handle as ReturnType<typeof setTimeout>),
})
