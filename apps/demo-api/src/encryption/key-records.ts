import type { DataKeyRecord } from '@coffer/field-encryption'
import type { Database, Transaction } from '../db/transaction.js'
import { beforeDeadline } from './deadline.js'

/** Whose keyring: a tenant's UUID, or the platform's own. */
export type KeyringOwner = string | null

/** The wrapped data keys of one keyring, oldest first. The KEK that opens them is never in the database. */
export function loadKeyRecords(database: Database, owner: KeyringOwner): Promise<readonly DataKeyRecord[]> {
  return inScope(database, owner, (tx) => read(tx, owner))
}

/**
 * Adds what `next` makes of the stored records, under a lock that every process takes: of two that add at once, the
 * second sees what the first has added.
 *
 * @param next - The records with new ones at the end, or those it was given when there is nothing to add.
 * @param added - Told of each new record, in the transaction that stores it.
 * @returns What is stored now.
 */
export function changeKeyRecords(
  database: Database,
  owner: KeyringOwner,
  next: (stored: readonly DataKeyRecord[]) => Promise<readonly DataKeyRecord[]>,
  added?: (tx: Transaction, record: DataKeyRecord) => Promise<unknown>,
): Promise<readonly DataKeyRecord[]> {
  return inScope(database, owner, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 3))', [`coffer/data-keys/${owner ?? ''}`])
    const stored = await read(tx, owner)
    const changed = await next(stored)
    for (const record of changed.slice(stored.length)) {
      await tx.query('INSERT INTO app.data_keys (tenant_id, version, record) VALUES ($1, $2, $3::text::jsonb)', [
        owner,
        record.version,
        JSON.stringify(record),
      ])
      await added?.(tx, record)
    }
    return changed
  })
}

/** Whether rows are stored that the platform's keyring must open: keys that are gone cannot be made again. */
export function holdsPlatformRows(database: Database): Promise<boolean> {
  return inScope(database, null, async (tx) => {
    const { rows } = await tx.query('SELECT id FROM app.users LIMIT 1')
    return rows.length > 0
  })
}

async function read(tx: Transaction, owner: KeyringOwner): Promise<readonly DataKeyRecord[]> {
  const { rows } = await tx.query<{ record: DataKeyRecord }>(
    'SELECT record FROM app.data_keys WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY version',
    [owner],
  )
  return rows.map(({ record }) => record)
}

function inScope<T>(database: Database, owner: KeyringOwner, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return beforeDeadline(owner === null ? database.auth(work) : database.tenant(owner, work))
}
