import { eq } from 'drizzle-orm'
import { tenants } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { Problem } from '../http/problem.js'

export type TenantRow = typeof tenants.$inferSelect

/** The tenant of this transaction. */
export async function findTenant(tx: Transaction, tenantId: string): Promise<TenantRow> {
  const [row] = await tx.drizzle.select().from(tenants).where(eq(tenants.id, tenantId))
  if (row === undefined) throw new Problem('not-found')
  return row
}

/**
 * Options for a transaction that changes who may do what in a tenant: a lock, held to its end, so that two of them see each
 * other. Rows that refer to the tenant can be added meanwhile.
 */
export function underTenantLock(tenantId: string): { readonly lock: (tx: Transaction) => Promise<void> } {
  return {
    lock: async (tx) => {
      await tx.drizzle.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenantId)).for('no key update')
    },
  }
}
