import { type Static, Type } from 'typebox'
import { paymentStates } from '../db/schema.js'
import type { OpeningTransaction } from '../encryption/openings.js'
import type { TenantTables } from '../encryption/tables.js'
import { formatId } from '../http/identifier.js'
import { AnyId, Closed, Currency, Line, Timestamp } from '../routes/schemas.js'
import type { PaymentRow } from './states.js'

const Nullable = Type.Union([Type.String(), Type.Null()])

/** Up to 20 entries of the caller's own; nothing in them means anything here. */
export const Metadata = Type.Record(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,40}$' }), Line(200), {
  additionalProperties: false,
  maxProperties: 20,
})

/** Amounts are integer minor units. */
export const Payment = Closed({
  id: AnyId,
  customer: AnyId,
  card: AnyId,
  amount: Type.Integer(),
  currency: Currency,
  status: Type.Enum([...paymentStates]),
  description: Nullable,
  metadata: Metadata,
  requested_by: AnyId,
  decided_by: Nullable,
  decided_at: Nullable,
  /** The policy decision that ended the wait. */
  decision_id: Nullable,
  created_at: Timestamp,
})
export type PaymentView = Static<typeof Payment>

/** Opens a payment. What was edited in the database does not open, and nothing of the row is shown. */
export function viewPayment(
  tx: OpeningTransaction,
  tables: TenantTables,
  row: PaymentRow,
  purpose: 'approve' | 'display' = 'display',
): PaymentView {
  const { amount, description, metadata } = tx.open(purpose, (as) => tables.payments.decrypt(row, as))
  return {
    id: formatId('pay', row.id),
    customer: formatId('cus', row.customerId),
    card: formatId('card', row.cardId),
    amount,
    currency: row.currency,
    status: row.status,
    description,
    metadata: { ...metadata },
    requested_by: row.requestedBy,
    decided_by: row.decidedBy,
    decided_at: row.decidedAt?.toISOString() ?? null,
    decision_id: row.decisionId,
    created_at: row.createdAt.toISOString(),
  }
}
