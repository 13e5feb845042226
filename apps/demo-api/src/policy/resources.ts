import type { cards, customers, payments } from '../db/schema.js'

type CustomerRow = Pick<typeof customers.$inferSelect, 'id' | 'tenantId' | 'status'>
type PaymentRow = Pick<typeof payments.$inferSelect, 'tenantId' | 'status' | 'requestedByPerson'>

/** Rows as the policy sees them. Encrypted columns are never part of a condition, so they are not among these. */
export function customerResource({ id, tenantId, status }: CustomerRow) {
  return { id, tenantId, status }
}

export function cardResource({ tenantId }: Pick<typeof cards.$inferSelect, 'tenantId'>) {
  return { tenantId }
}

export function paymentResource({ tenantId, status, requestedByPerson }: PaymentRow) {
  return { tenantId, status, requestedByPerson }
}

/** A card or payment that is about to be made for this customer. */
export function resourceFor(customer: Pick<CustomerRow, 'tenantId' | 'status'>) {
  return { tenantId: customer.tenantId, customerStatus: customer.status }
}

/** `id` is the user's wire ID, which is what `$subject.id` compares with. */
export function userResource(tenantId: string, id: string, isOwner: boolean) {
  return { tenantId, id, isOwner }
}

export function assignmentResource(tenantId: string, userId: string, role: string, holderIsOwner: boolean) {
  return { tenantId, userId, role, holderIsOwner }
}
