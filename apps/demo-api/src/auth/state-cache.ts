import type { Clock } from '../http/request-context.js'

/** Rows that every request needs, held in memory: never longer than `maxAgeMs`, and not past a change made here. */
export interface StateCache<Value> {
  /** Loads on a miss. Concurrent callers share one load; a failed one is not remembered and nothing is defaulted. */
  get(key: string): Promise<Value>
  /** Forgets a key; a load that began before this call is handed to its callers and not kept. */
  invalidate(key: string): void
}

export interface StateCacheOptions<Value> {
  readonly load: (key: string) => Promise<Value>
  readonly clock: Clock
  /** Entries kept, least recently used out first. */
  readonly max: number
  /** How long a change made by another process may go unseen. */
  readonly maxAgeMs: number
}

interface Entry<Value> {
  readonly loadedAt: number
  readonly value: Promise<Value>
}

export function createStateCache<Value>({ load, clock, max, maxAgeMs }: StateCacheOptions<Value>): StateCache<Value> {
  const entries = new Map<string, Entry<Value>>()

  function isFresh(entry: Entry<Value>, now: number): boolean {
    return now >= entry.loadedAt && now < entry.loadedAt + maxAgeMs
  }

  return {
    get(key) {
      const now = clock.now()
      const found = entries.get(key)
      if (found !== undefined) entries.delete(key)
      if (found !== undefined && isFresh(found, now)) {
        entries.set(key, found)
        return found.value
      }
      const made: Entry<Value> = { loadedAt: now, value: load(key) }
      entries.set(key, made)
      made.value.catch(() => {
        if (entries.get(key) === made) entries.delete(key)
      })
      const oldest = entries.keys().next().value
      if (entries.size > max && oldest !== undefined) entries.delete(oldest)
      return made.value
    },
    invalidate(key) {
      entries.delete(key)
    },
  }
}
