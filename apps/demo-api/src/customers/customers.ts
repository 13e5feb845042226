import { and, desc, eq, inArray, lt, type SQL } from 'drizzle-orm'
import { customers } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'

/** A customer as stored: personal columns are ciphertext. */
export type CustomerRow = typeof customers.$inferSelect

export interface CustomerPage {
  readonly limit: number
  readonly after: string | null
  /** What the policy lets the caller see. */
  readonly visible: SQL
}

/** Newest first; one row more than the page shows. The predicate on the tenant stands beside row security. */
export function listCustomers(
  tx: Transaction,
  tenantId: string,
  { limit, after, visible }: CustomerPage,
): Promise<CustomerRow[]> {
  return tx.drizzle
    .select()
    .from(customers)
    .where(and(eq(customers.tenantId, tenantId), visible, after === null ? undefined : lt(customers.id, after)))
    .orderBy(desc(customers.id))
    .limit(limit + 1)
}

export async function findCustomer(tx: Transaction, tenantId: string, id: string): Promise<CustomerRow | null> {
  const [row] = await tx.drizzle
    .select()
    .from(customers)
    .where(and(eq(customers.tenantId, tenantId), eq(customers.id, id)))
  return row ?? null
}

/** The same row, locked to the end of the transaction: what is corrected is what was read. */
export async function lockCustomer(tx: Transaction, tenantId: string, id: string): Promise<CustomerRow | null> {
  const [row] = await tx.drizzle
    .select()
    .from(customers)
    .where(and(eq(customers.tenantId, tenantId), eq(customers.id, id)))
    .for('update')
  return row ?? null
}

/** By blind-index tokens of an e-mail address, one per live key. */
export function findCustomersByEmail(
  tx: Transaction,
  tenantId: string,
  tokens: readonly string[],
  { limit, visible }: Pick<CustomerPage, 'limit' | 'visible'>,
): Promise<CustomerRow[]> {
  return tx.drizzle
    .select()
    .from(customers)
    .where(and(eq(customers.tenantId, tenantId), inArray(customers.emailEq, [...tokens]), visible))
    .orderBy(desc(customers.id))
    .limit(limit + 1)
}

export async function insertCustomer(tx: Transaction, row: CustomerRow): Promise<void> {
  await tx.drizzle.insert(customers).values(row)
}

/** Columns that a correction may change. */
export type CustomerChange = Partial<Omit<CustomerRow, 'id' | 'tenantId' | 'status' | 'createdBy' | 'createdAt'>>

export async function updateCustomer(
  tx: Transaction,
  tenantId: string,
  id: string,
  change: CustomerChange,
): Promise<CustomerRow | null> {
  const [row] = await tx.drizzle
    .update(customers)
    .set(change)
    .where(and(eq(customers.tenantId, tenantId), eq(customers.id, id)))
    .returning()
  return row ?? null
}
