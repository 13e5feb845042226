import type { SqlClient } from '../db/connect.js'
import type { Transaction } from '../db/transaction.js'
import type { TenantTables } from '../encryption/tables.js'
import { newUuid } from '../http/identifier.js'

export interface StorePan {
  readonly tenantId: string
  readonly pan: string
  readonly now: number
}

/**
 * Keeps a primary account number, once per tenant, and answers with its reference. Runs as `coffer_vault` inside the
 * caller's transaction: the role that serves requests cannot read the vault, and this one reads nothing else.
 */
export async function storePan(
  tx: Transaction,
  tables: TenantTables,
  { tenantId, pan, now }: StorePan,
): Promise<string> {
  const tokens = [...tables.pans.query('panEq', { tenantId, pan })].map(String).sort()
  const row = tables.pans.encrypt({ id: newUuid(now), tenantId, pan })
  return tx.vault(async (vault) => {
    // The locks make the look-up and the insert one step; UNIQUE alone stops holding after a rotation. On the token of
    // every live key: a process that has not loaded the newest one yet locks the others.
    // In one order everywhere, so that no two wait for each other.
    await vault.query(
      "SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || token, 2)) FROM unnest($2::text[]) AS token",
      [tenantId, tokens],
    )
    const [found] = await idsOf(vault, tenantId, tokens)
    if (found !== undefined) return found
    await vault.query('INSERT INTO vault.pans (id, tenant_id, pan, pan_eq, created_at) VALUES ($1, $2, $3, $4, $5)', [
      row.id,
      tenantId,
      row.pan,
      row.panEq,
      new Date(now),
    ])
    return row.id
  })
}

/** The vault entries of a card number: one, or none. Runs as `coffer_vault` inside the caller's transaction. */
export async function findPans(
  tx: Transaction,
  tables: TenantTables,
  { tenantId, pan }: Omit<StorePan, 'now'>,
): Promise<readonly string[]> {
  const tokens = [...tables.pans.query('panEq', { tenantId, pan })].map(String)
  return tx.vault((vault) => idsOf(vault, tenantId, tokens))
}

async function idsOf(vault: SqlClient, tenantId: string, tokens: readonly string[]): Promise<readonly string[]> {
  const { rows } = await vault.query<{ id: string }>(
    'SELECT id FROM vault.pans WHERE tenant_id = $1 AND pan_eq = ANY($2::text[])',
    [tenantId, tokens],
  )
  return rows.map(({ id }) => id)
}

/** A card number by its reference, encrypted as it is stored. */
export async function findPan(tx: Transaction, tenantId: string, id: string): Promise<string | null> {
  const { rows } = await tx.vault((vault) =>
    vault.query<{ pan: string }>('SELECT pan FROM vault.pans WHERE tenant_id = $1 AND id = $2', [tenantId, id]),
  )
  return rows[0]?.pan ?? null
}
