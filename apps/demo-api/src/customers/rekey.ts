import { parseCiphertext } from '@coffer/field-encryption'
import type { OpeningTransaction } from '../encryption/openings.js'
import type { TenantTables } from '../encryption/tables.js'
import type { CustomerChange, CustomerRow } from './customers.js'

const columns = ['name', 'email', 'phone', 'address', 'dateOfBirth', 'nationalId'] as const

/**
 * Moves a row that is written to the newest data key: whatever of it is under an older one and not in the change is
 * opened, encrypted again with its index tokens, and shown to nobody. The row is locked by the caller: what is read here
 * is what is replaced.
 *
 * @returns The change with the moved columns.
 */
export function withRekeyed(
  tx: OpeningTransaction,
  { customers }: TenantTables,
  row: CustomerRow,
  change: CustomerChange,
): CustomerChange {
  const written = columns.map((column) => change[column]).find((value) => typeof value === 'string')
  if (written === undefined) return change
  const newest = keyOf(written)
  const older = columns.filter((column) => {
    const stored = row[column]
    return change[column] === undefined && stored !== null && keyOf(stored) !== newest
  })
  if (older.length === 0) return change
  const { id, tenantId } = row
  const opened = tx.open('rekey', (as) => customers.decrypt({ ...row }, { ...as, fields: older }))
  const values = Object.fromEntries(older.map((column) => [column, opened[column]]))
  const { id: _id, tenantId: _tenantId, ...moved } = customers.encrypt({ ...values, id, tenantId })
  return { ...moved, ...change }
}

function keyOf(stored: string): string {
  return parseCiphertext(stored).keyId
}
