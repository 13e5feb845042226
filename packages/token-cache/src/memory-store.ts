import { type Clock, elapsedMs, type Instant, instantOf, systemClock } from '@coffer/lease'
import { integerIn, refuseUnknown } from './check-options.js'
import type { ReleaseOutcome, Snapshot, TokenStore } from './store.js'

interface MemoryRecord {
  fence: number
  lease: { readonly since: Instant; readonly ttlMs: number } | undefined
  generation: number
  body: Uint8Array | undefined
  committedAt: Instant | undefined
  hold: { readonly since: Instant; readonly ms: number } | undefined
  intent:
    | { readonly digest: string; readonly attempt: 1 | 2; readonly dead: boolean; readonly since: Instant }
    | undefined
}

/** A store in this process's memory, for several caches of one process. At `max` the least recently used record goes. */
export function memoryStore(options: { readonly max: number; readonly clock?: Clock }): TokenStore {
  refuseUnknown('options', options, ['max', 'clock'])
  return new MemoryStore(integerIn('max', options.max, 1, 10_000_000), options.clock ?? systemClock)
}

/** The records themselves. A cache without a store keeps its refresh tokens in one of these. */
export class MemoryStore implements TokenStore {
  readonly persistence = 'process'
  readonly #max: number
  readonly #clock: Clock
  readonly #records = new Map<string, MemoryRecord>()

  constructor(max: number, clock: Clock) {
    this.#max = max
    this.#clock = clock
  }

  /** Records held. */
  get size(): number {
    return this.#records.size
  }

  async read(key: string): Promise<Snapshot | undefined> {
    const record = this.#records.get(key)
    return record && this.#snapshot(record, instantOf(this.#clock))
  }

  async acquire(key: string, _owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    const at = instantOf(this.#clock)
    const record = this.#records.get(key) ?? this.#insert(key, at)
    if (isLeased(record, at)) return undefined
    this.#records.delete(key)
    this.#records.set(key, record)
    record.fence += 1
    record.lease = { since: at, ttlMs }
    return this.#snapshot(record, at)
  }

  async renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    const record = this.#current(key, fence)
    if (record === undefined) return false
    record.lease = { since: instantOf(this.#clock), ttlMs }
    return true
  }

  async intend(
    key: string,
    fence: number,
    intent: { readonly digest: string; readonly attempt: 1 | 2 },
  ): Promise<boolean> {
    const record = this.#current(key, fence)
    if (record === undefined) return false
    record.intent = { digest: intent.digest, attempt: intent.attempt, dead: false, since: instantOf(this.#clock) }
    return true
  }

  async commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    const record = this.#current(key, fence)
    if (record === undefined || generation <= record.generation) return false
    record.generation = generation
    record.body = body.slice()
    record.committedAt = instantOf(this.#clock)
    record.intent = undefined
    record.hold = undefined
    return true
  }

  async release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    const record = this.#current(key, fence)
    if (record === undefined) return
    record.lease = undefined
    if (outcome.intent === 'clear') record.intent = undefined
    else if (outcome.intent === 'dead' && record.intent !== undefined) record.intent = { ...record.intent, dead: true }
    record.hold = outcome.holdMs > 0 ? { since: instantOf(this.#clock), ms: outcome.holdMs } : undefined
  }

  /** Removes a record; whether there was one. */
  forget(key: string): boolean {
    return this.#records.delete(key)
  }

  /** Every body held. */
  *bodies(): Generator<Uint8Array> {
    for (const { body } of this.#records.values()) if (body !== undefined) yield body
  }

  #current(key: string, fence: number): MemoryRecord | undefined {
    const record = this.#records.get(key)
    return record?.fence === fence ? record : undefined
  }

  #insert(key: string, at: Instant): MemoryRecord {
    if (this.#records.size >= this.#max) this.#evict(at)
    const record: MemoryRecord = {
      fence: 0,
      lease: undefined,
      generation: 0,
      body: undefined,
      committedAt: undefined,
      hold: undefined,
      intent: undefined,
    }
    this.#records.set(key, record)
    return record
  }

  // A record under a lease stays: its holder is about to write to it.
  #evict(at: Instant): void {
    for (const [key, record] of this.#records) {
      if (isLeased(record, at)) continue
      this.#records.delete(key)
      return
    }
  }

  #snapshot(record: MemoryRecord, at: Instant): Snapshot {
    const { fence, generation, body, committedAt, hold, intent } = record
    return {
      fence,
      generation,
      body: body?.slice(),
      ageMs: committedAt === undefined ? 0 : elapsedMs(committedAt, at),
      holdMs: hold === undefined ? 0 : Math.max(0, hold.ms - elapsedMs(hold.since, at)),
      intent: intent && {
        digest: intent.digest,
        attempt: intent.attempt,
        dead: intent.dead,
        ageMs: elapsedMs(intent.since, at),
      },
    }
  }
}

function isLeased({ lease }: MemoryRecord, at: Instant): boolean {
  return lease !== undefined && elapsedMs(lease.since, at) < lease.ttlMs
}
