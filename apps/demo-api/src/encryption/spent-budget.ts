import type { Transaction } from '../db/transaction.js'
import type { OpeningRequest } from './opening-records.js'
import { budgetUnder } from './purposes.js'

/** What is left in a transaction of a caller's budget for one purpose. */
export interface RemainingBudget {
  readonly purpose: string
  /** Fields that may still be opened. */
  fields: number
  /** Until the oldest opening of the hour counts no more. */
  readonly retryAfterSeconds: number
}

/**
 * The budget of the purpose that only this request's permission opens for; `null` where it has none. Counted from what is
 * recorded, so that it holds across processes, starts and keyrings that are loaded again, and under a lock of the
 * caller's own until the transaction ends: two requests at once never spend the same field.
 */
export async function remainingBudget(
  tx: Transaction,
  { tenantId, actor, permission }: OpeningRequest,
  now: number,
): Promise<RemainingBudget | null> {
  const budget = budgetUnder(permission)
  if (budget === null) return null
  const { purpose, fields, windowMs } = budget
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 4))', [`${tenantId}/${actor}`])
  const { rows } = await tx.query<{ fields: number; oldest: Date | null }>(
    `SELECT coalesce(sum(cardinality(fields) * cardinality(row_ids)), 0)::int AS fields, min(at) AS oldest
       FROM app.openings WHERE tenant_id = $1 AND actor = $2 AND purpose = $3 AND outcome <> 'failure' AND at > $4`,
    [tenantId, actor, purpose, new Date(now - windowMs)],
  )
  const [spent] = rows
  if (spent === undefined) throw new TypeError('a sum is one row')
  const oldest = spent.oldest?.getTime() ?? now
  return { purpose, fields: fields - spent.fields, retryAfterSeconds: Math.ceil((oldest + windowMs - now) / 1000) }
}
