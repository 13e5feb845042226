/** The tour's clock: it runs as the system's does, and can be moved forward together with its server's. */
export interface MovableClock {
  now(): number
  monotonic(): number
  forward(ms: number): void
}

/** A clock at the system's time. Both readings move, because an expiry is judged by the one that says more. */
export function movableClock(): MovableClock {
  let aheadMs = 0
  return {
    now: () => Date.now() + aheadMs,
    monotonic: () => performance.now() + aheadMs,
    forward(ms) {
      if (!(ms >= 0)) throw new RangeError('a clock is moved forward only')
      aheadMs += ms
    },
  }
}
