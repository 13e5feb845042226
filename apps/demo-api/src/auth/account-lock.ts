import { eq } from 'drizzle-orm'
import { users } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import type { Account } from './lookup.js'

/**
 * Whether an account is still what it was when its password was compared, which takes long enough for another request to
 * change it. Its row is locked to the end of the transaction, so a change that is under way is waited for and seen.
 *
 * @param tx - Of the account's tenant.
 * @param lock - `share`: others may look as well. `update`: this transaction goes on to change it.
 */
export async function isUnchanged(tx: Transaction, account: Account, lock: 'share' | 'update'): Promise<boolean> {
  await tx.drizzle.select({ id: users.id }).from(users).where(eq(users.id, account.id)).for(lock)
  // A second statement: the first one's snapshot may be older than the change it has waited for.
  const { rows } = await tx.auth((auth) =>
    auth.query<{ status: string; password_hash: string }>(
      'SELECT status, password_hash FROM app.users WHERE id = $1 AND tenant_id = $2',
      [account.id, account.tenantId],
    ),
  )
  const [now] = rows
  return now?.status === account.status && now.password_hash === account.passwordHash
}
