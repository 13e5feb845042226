import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { OpeningTransaction } from '../encryption/openings.js'
import type { TenantTables } from '../encryption/tables.js'
import { formatId } from '../http/identifier.js'
import type { PolicySession } from '../http/request-context.js'
import { customerResource } from '../policy/resources.js'
import { AnyId, Closed, PostalAddress, Timestamp } from '../routes/schemas.js'
import type { CustomerRow } from './customers.js'

const personal = ['name', 'email', 'phone', 'address', 'dateOfBirth', 'nationalId'] as const
type Personal = (typeof personal)[number]

const Maybe = Type.Optional(Type.Union([Type.String(), Type.Null()]))

/** A customer as the caller may see one. A member that is absent may not be seen at all. */
export const Customer = Closed({
  id: AnyId,
  status: Type.Enum(['active', 'restricted']),
  name: Maybe,
  email: Maybe,
  phone: Maybe,
  address: Type.Optional(Type.Union([PostalAddress, Type.Null()])),
  date_of_birth: Maybe,
  national_id: Maybe,
  /** Members that are shown masked: what is `null` there may have a value. */
  masked: Type.Array(Type.String()),
  created_at: Timestamp,
})
export type CustomerView = Static<typeof Customer>

export interface CustomerViewer {
  readonly session: PolicySession
}

/**
 * Opens what the policy lets this viewer see of a row. Masked fields are opened to be masked; hidden ones are not opened.
 *
 * @returns `null` when the row may not be read.
 */
export function viewCustomer(
  tx: OpeningTransaction,
  { session }: CustomerViewer,
  tables: TenantTables,
  row: CustomerRow,
): CustomerView | null {
  const resource = customerResource(row)
  if (session.decide('customer:read', resource).decision !== 'permit') return null
  const { clear, masked } = session.fields('customer:read', resource)
  const shown = personal.filter((column) => clear.includes(column) || masked.includes(column))
  const opened = tx.open('display', (as) => tables.customers.decrypt(row, { ...as, fields: shown }))
  const seen = session.mask('customer:read', { ...resource, ...opened })
  if (seen === undefined) return null
  return {
    id: formatId('cus', row.id),
    status: row.status,
    // Members that may not be seen are left out; what may be seen and was never given is null.
    ...Object.fromEntries(shown.map((column) => [wireNames[column], seen[column] ?? null])),
    masked: shown.filter((column) => masked.includes(column)).map((column) => wireNames[column]),
    created_at: row.createdAt.toISOString(),
  }
}

const wireNames: Readonly<Record<Personal, string>> = {
  name: 'name',
  email: 'email',
  phone: 'phone',
  address: 'address',
  dateOfBirth: 'date_of_birth',
  nationalId: 'national_id',
}
