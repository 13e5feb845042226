import { and, desc, eq, lt, type SQL } from 'drizzle-orm'
import { type PaymentState, payments } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'

/** A payment as stored: amount, description and metadata are ciphertext. */
export type PaymentRow = typeof payments.$inferSelect

/** Where a new payment starts: below the tenant's threshold it needs nobody else. */
export function initialState(amount: number, approvalThreshold: number): PaymentState {
  return amount < approvalThreshold ? 'succeeded' : 'requires_approval'
}

export interface PaymentFilter {
  readonly limit: number
  readonly after: string | null
  /** What the policy lets the caller see. */
  readonly visible: SQL
  readonly status: PaymentState | undefined
  readonly customerId: string | null
}

export function listPayments(tx: Transaction, tenantId: string, filter: PaymentFilter): Promise<PaymentRow[]> {
  const { limit, after, visible, status, customerId } = filter
  return tx.drizzle
    .select()
    .from(payments)
    .where(
      and(
        eq(payments.tenantId, tenantId),
        visible,
        after === null ? undefined : lt(payments.id, after),
        status === undefined ? undefined : eq(payments.status, status),
        customerId === null ? undefined : eq(payments.customerId, customerId),
      ),
    )
    .orderBy(desc(payments.id))
    .limit(limit + 1)
}

export async function findPayment(tx: Transaction, tenantId: string, id: string): Promise<PaymentRow | null> {
  const [row] = await tx.drizzle
    .select()
    .from(payments)
    .where(and(eq(payments.tenantId, tenantId), eq(payments.id, id)))
  return row ?? null
}

/** The same row, locked to the end of the transaction: what is decided on is what is changed. */
export async function lockPayment(tx: Transaction, tenantId: string, id: string): Promise<PaymentRow | null> {
  const [row] = await tx.drizzle
    .select()
    .from(payments)
    .where(and(eq(payments.tenantId, tenantId), eq(payments.id, id)))
    .for('update')
  return row ?? null
}

export async function insertPayment(tx: Transaction, row: PaymentRow): Promise<void> {
  await tx.drizzle.insert(payments).values(row)
}

export interface Verdict {
  readonly to: 'succeeded' | 'rejected'
  readonly decidedBy: string
  readonly decidedAt: Date
  readonly decisionId: string
  readonly policyHash: string
}

/** Ends the wait. `null` when the payment is not waiting any more. */
export async function decidePayment(
  tx: Transaction,
  tenantId: string,
  id: string,
  { to, ...verdict }: Verdict,
): Promise<PaymentRow | null> {
  const [row] = await tx.drizzle
    .update(payments)
    .set({ status: to, ...verdict })
    .where(and(eq(payments.tenantId, tenantId), eq(payments.id, id), eq(payments.status, 'requires_approval')))
    .returning()
  return row ?? null
}
