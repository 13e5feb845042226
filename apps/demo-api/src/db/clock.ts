import { refuse } from '../start-error.js'
import type { ConnectionSource } from './connect.js'

const toleranceMs = 30_000

/**
 * Tokens, limits and key periods are as good as the clock: one that disagrees with the database is not started with.
 *
 * @throws {StartError} naming the system clock.
 */
export async function checkClock(source: ConnectionSource, now: () => number): Promise<void> {
  const before = now()
  const { rows } = await source.transaction((connection) =>
    connection.query<{ now: Date; migrated: Date | null }>(
      'SELECT clock_timestamp() AS now, (SELECT max(applied_at) FROM public.coffer_migrations) AS migrated',
    ),
  )
  const after = now()
  const [row] = rows
  if (row === undefined) throw new Error('the database told no time')
  const theirs = row.now.getTime()
  if (theirs < before - toleranceMs || theirs > after + toleranceMs) {
    refuse('system clock', 'is more than 30 s away from the clock of DATABASE_URL')
  }
  if (row.migrated !== null && after < row.migrated.getTime() - toleranceMs) {
    refuse('system clock', 'is before the last change of the database')
  }
}
