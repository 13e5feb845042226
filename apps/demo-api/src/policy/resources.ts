import type { cards, customers, payments } from '../db/schema.js'

type CustomerRow = Pick<typeof customers.$inferSelect, 'id' | 'tenantId' | 'status' | 'createdBy'>
type CardRow = Pick<typeof cards.$inferSelect, 'tenantId' | 'createdBy'>
type PaymentRow = Pick<typeof payments.$inferSelect, 'tenantId' | 'status' | 'requestedByPerson'>

/** Rows as the policy sees them: the stored values, so that a list can be filtered by the same rules in the database. */
export function customerResource({ id, tenantId, status, createdBy }: CustomerRow) {
  // Encrypted columns are never part of a condition, so they are not among these.
  return { id, tenantId, status, createdBy }
}

export function cardResource({ tenantId, createdBy }: CardRow) {
  return { tenantId, createdBy }
}

export function paymentResource({ tenantId, status, requestedByPerson }: PaymentRow) {
  return { tenantId, status, requestedByPerson }
}

/** A card or payment that is about to be made for this customer. */
export function resourceFor(customer: Pick<CustomerRow, 'tenantId' | 'status'>) {
  return { tenantId: customer.tenantId, customerStatus: customer.status }
}

export function userResource(tenantId: string, id: string, isOwner: boolean) {
  return { tenantId, id, isOwner }
}

export function assignmentResource(tenantId: string, userId: string, role: string, holderIsOwner: boolean) {
  return { tenantId, userId, role, holderIsOwner }
}
