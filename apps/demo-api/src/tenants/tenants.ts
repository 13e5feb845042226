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

/** Held to the end of the transaction by every change of who may do what in a tenant, so that two of them see each other. */
export async function lockTenant(tx: Transaction, tenantId: string): Promise<void> {
  await tx.drizzle.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenantId)).for('update')
}
