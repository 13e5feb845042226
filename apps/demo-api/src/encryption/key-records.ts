import type { DataKeyRecord } from '@coffer/field-encryption'
import type { Database, Transaction } from '../db/transaction.js'

/** Whose keyring: a tenant's UUID, or the platform's own. */
export type KeyringOwner = string | null

/** The wrapped data keys of one keyring, oldest first. The KEK that opens them is never in the database. */
export function loadKeyRecords(database: Database, owner: KeyringOwner): Promise<readonly DataKeyRecord[]> {
  return inScope(database, owner, async (tx) => {
    const { rows } = await tx.query<{ record: DataKeyRecord }>(
      'SELECT record FROM app.data_keys WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY version',
      [owner],
    )
    return rows.map(({ record }) => record)
  })
}

/** Stores records that are not there yet. Of two processes that make the same version, the first one's stands. */
export function addKeyRecords(
  database: Database,
  owner: KeyringOwner,
  records: readonly DataKeyRecord[],
): Promise<void> {
  return inScope(database, owner, async (tx) => {
    for (const record of records) {
      await tx.query(
        'INSERT INTO app.data_keys (tenant_id, version, record) VALUES ($1, $2, $3::text::jsonb) ON CONFLICT DO NOTHING',
        [owner, record.version, JSON.stringify(record)],
      )
    }
  })
}

function inScope<T>(database: Database, owner: KeyringOwner, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return owner === null ? database.auth(work) : database.tenant(owner, work)
}
