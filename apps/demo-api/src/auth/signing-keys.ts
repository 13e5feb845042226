import type { KeyRingStore } from '@coffer/jwt/issue'
import type { Database } from '../db/transaction.js'

/** The key ring's record in the database: private keys sealed, replaced by compare-and-swap. */
export function signingKeyStore({ database, issuer }: { database: Database; issuer: string }): KeyRingStore {
  return {
    async read() {
      const { rows } = await database.auth((tx) =>
        tx.query<{ version: number | string; body: string }>(
          'SELECT version, body FROM app.signing_key_rings WHERE issuer = $1',
          [issuer],
        ),
      )
      const [row] = rows
      return row === undefined ? undefined : { version: Number(row.version), body: row.body }
    },
    async write(body, expected) {
      const { rows } = await database.auth((tx) =>
        expected === undefined
          ? tx.query(
              'INSERT INTO app.signing_key_rings (issuer, version, body) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING RETURNING version',
              [issuer, body],
            )
          : tx.query(
              'UPDATE app.signing_key_rings SET version = version + 1, body = $2 WHERE issuer = $1 AND version = $3 RETURNING version',
              [issuer, body, expected],
            ),
      )
      return rows.length === 1
    },
  }
}
