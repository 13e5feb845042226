/** How many fetches unknown `kid`s may cause, and which of them are worth one. */
export interface UnknownKids {
  /** Whether a fetch may start for this `kid`; takes it from the bucket. */
  pay(kid: string, now: number): boolean
  /** A fetch brought no such key. */
  missed(kid: string, now: number): void
  /** A fetch brought it. */
  found(kid: string): void
}

const bucketSize = 2
const refillMs = 5_000
const maxRemembered = 256
const firstPauseMs = 5_000
const maxPauseMs = 60_000

/**
 * A bucket of two fetches, refilled by one every 5 s, and a memory of `kid`s that were not found. A flood of invented
 * ones costs the issuer one fetch per 5 s, and each of those brings a genuine new key to everyone.
 */
export function createUnknownKids(): UnknownKids {
  let level = bucketSize
  let refilledAt = Number.NEGATIVE_INFINITY
  const remembered = new Map<string, { readonly until: number; readonly pauseMs: number }>()
  return {
    pay(kid, now) {
      if (now < (remembered.get(kid)?.until ?? Number.NEGATIVE_INFINITY)) return false
      if (level < bucketSize) {
        const refills = Math.min(bucketSize - level, Math.max(0, Math.floor((now - refilledAt) / refillMs)))
        level += refills
        refilledAt += refills * refillMs
      }
      if (level === bucketSize) refilledAt = now
      if (level === 0) return false
      level--
      return true
    },
    missed(kid, now) {
      const before = remembered.get(kid)
      const pauseMs = before === undefined ? firstPauseMs : Math.min(maxPauseMs, before.pauseMs * 2)
      remembered.delete(kid)
      remembered.set(kid, { until: now + pauseMs, pauseMs })
      const [oldest] = remembered.keys()
      if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest)
    },
    found(kid) {
      remembered.delete(kid)
    },
  }
}
