import type { Database } from '../db/transaction.js'
import { firstUuidAt } from '../http/identifier.js'
import type { Clock } from '../http/request-context.js'
import { failureName } from '../http/request-log.js'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** How long it is known who opened what: a year (PCI DSS 10.5.1), and a month in which the year before can be looked at. */
const openingsMs = 400 * dayMs
const perStatement = 1_000

/** What is past its time, each statement at most a thousand rows of one tenant. */
const removals = [
  {
    // By ID, which begins with the time of the opening and is in the index that lists them.
    text: `DELETE FROM app.openings WHERE id IN
             (SELECT id FROM app.openings WHERE tenant_id = $1 AND id < $2::uuid ORDER BY id LIMIT ${perStatement}) RETURNING 1`,
    before: (now: number) => firstUuidAt(now - openingsMs),
  },
  {
    // Answers that no repeat gets any more.
    text: `DELETE FROM app.idempotency_keys WHERE id IN
             (SELECT id FROM app.idempotency_keys WHERE tenant_id = $1 AND expires_at <= $2::timestamptz LIMIT ${perStatement}) RETURNING 1`,
    before: (now: number) => new Date(now).toISOString(),
  },
]

/**
 * Removes records of openings after 400 days and stored answers after their day, in every tenant. As `coffer_owner`: the
 * role that serves requests may not remove a record.
 */
export async function removeExpired(database: Database, now: number, stop?: AbortSignal): Promise<void> {
  const { rows: tenants } = await database.auth((tx) => tx.query<{ id: string }>('SELECT id FROM app.tenants'))
  for (const { id } of tenants) {
    for (const { text, before } of removals) {
      const removeSome = async () => (await database.owner((tx) => tx.query(text, [id, before(now)]), id)).rows.length
      while (stop?.aborted !== true && (await removeSome()) === perStatement);
    }
  }
}

export interface RetentionOptions {
  readonly database: Database
  readonly clock: Clock
  /** One JSON line for each removal that failed. Default: nothing is written. */
  readonly log?: ((line: string) => void) | undefined
}

/** Removes at once and daily what is past its time; what failed is tried again within the hour. */
export function startRetention({ database, clock, log }: RetentionOptions): { stop(): Promise<void> } {
  const stopping = new AbortController()
  let removedAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> | null = null

  async function remove(): Promise<void> {
    const now = clock.now()
    // Also when the clock is set back by more than a day.
    if (Math.abs(now - removedAt) < dayMs) return
    try {
      await removeExpired(database, now, stopping.signal)
      removedAt = now
    } catch (error) {
      const time = new Date(now).toISOString()
      log?.(`${JSON.stringify({ level: 40, time, retention: 'failed', failure: failureName(error) })}\n`)
    }
  }
  const tick = () => {
    running ??= remove().finally(() => {
      running = null
    })
  }
  const timer = setInterval(tick, hourMs)
  timer.unref()
  tick()
  return {
    async stop() {
      clearInterval(timer)
      stopping.abort()
      await running
    },
  }
}
