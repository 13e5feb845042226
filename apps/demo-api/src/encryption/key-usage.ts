import type { OpeningTransaction } from './openings.js'

/** Encrypted columns under a tenant's own keyring, by table. The addresses of users are under the platform's. */
export const tenantCiphertext: Readonly<Record<string, readonly string[]>> = {
  'app.users': ['name'],
  'app.customers': ['name', 'email', 'phone', 'address', 'date_of_birth', 'national_id'],
  'app.cards': ['cardholder_name'],
  'vault.pans': ['pan'],
  'app.payments': ['amount', 'description', 'metadata'],
  'app.idempotency_keys': ['answer'],
}

/** How many values of a column are under a key. */
export interface KeyUse {
  readonly keyId: string
  readonly table: string
  readonly column: string
  readonly rows: number
}

/** Counts the tenant's values by the key ID that each carries in clear: `fle1.`, two digits of suite, eight of key ID. */
export async function countByKey(tx: OpeningTransaction, tenantId: string): Promise<readonly KeyUse[]> {
  const counts: KeyUse[] = []
  for (const [table, columns] of Object.entries(tenantCiphertext)) {
    const values = columns.map((column) => `('${column}', t.${column}::text)`).join(', ')
    const text = `SELECT v.name AS "column", substr(v.value, 8, 8) AS "keyId", count(*)::int AS rows
       FROM ${table} t CROSS JOIN LATERAL (VALUES ${values}) AS v(name, value)
      WHERE t.tenant_id = $1 AND v.value IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`
    const query = (client: Pick<OpeningTransaction, 'query'>) =>
      client.query<Omit<KeyUse, 'table'>>(text, [tenantId]).then(({ rows }) => rows)
    const found = table.startsWith('vault.') ? await tx.vault(query) : await query(tx)
    counts.push(...found.map((row) => ({ ...row, table: table.slice(table.indexOf('.') + 1) })))
  }
  return counts
}
