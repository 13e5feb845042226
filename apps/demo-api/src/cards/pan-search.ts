import { notice } from '../encryption/opening-records.js'
import type { OpeningTransaction } from '../encryption/openings.js'
import { Problem } from '../http/problem.js'

/**
 * Look-ups of card numbers that one caller has in an hour. Whoever sees a card's first six and last four has a hundred
 * thousand numbers to try, and each answer tells whether one is stored: at this rate it takes more than a month.
 */
const perHour = 100
const hourMs = 3_600_000

export interface SearchBudget {
  readonly tenantId: string
  readonly actor: string
  readonly now: number
}

/**
 * Takes one look-up from the caller's hour. Counted from what is recorded, so that it holds across processes and starts.
 *
 * @throws {Problem} `rate-limited`
 */
export async function takeSearch(tx: OpeningTransaction, { tenantId, actor, now }: SearchBudget): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 4))', [`${tenantId}/${actor}`])
  const { rows } = await tx.query<{ at: Date }>(
    "SELECT at FROM app.openings WHERE tenant_id = $1 AND actor = $2 AND purpose = 'lookup' AND at > $3 ORDER BY at LIMIT $4",
    [tenantId, actor, new Date(now - hourMs), perHour],
  )
  const [oldest] = rows
  if (oldest === undefined || rows.length < perHour) return
  throw new Problem('rate-limited', { retryAfterSeconds: Math.ceil((oldest.at.getTime() + hourMs - now) / 1000) })
}

/** Records that a number was looked for, and which entries of the vault it found: on every look-up, found or not. */
export function noteSearch(tx: OpeningTransaction, now: number, found: readonly string[]): void {
  tx.note(notice(now, 'lookup', { object: 'pans', fields: ['pan'], rows: found }))
}
