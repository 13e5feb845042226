import type { KeyRingStore } from '../issue/key-ring-options.js'
import { type PostgresStoreOptions, readStoreOptions, toNumber, toText } from './tables.js'

/** The record of one issuer's key ring, in one row. Private keys in it are sealed by the ring. */
export function postgresKeyRingStore(options: PostgresStoreOptions): KeyRingStore {
  const { client, issuer, names } = readStoreOptions(options, 'postgresKeyRingStore')
  const table = names.keyRings
  return Object.freeze({
    async read(): Promise<{ readonly version: number; readonly body: string } | undefined> {
      const { rows } = await client.query(`SELECT version::float8 AS version, body FROM ${table} WHERE issuer = $1`, [
        issuer,
      ])
      const [row] = rows
      if (row === undefined) return undefined
      const { version, body } = row
      return { version: toNumber(version), body: toText(body) }
    },
    async write(body: string, expected: number | undefined): Promise<boolean> {
      const { rows } =
        expected === undefined
          ? await client.query(
              `INSERT INTO ${table} (issuer, version, body) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING RETURNING issuer`,
              [issuer, body],
            )
          : await client.query(
              `UPDATE ${table} SET version = version + 1, body = $2 WHERE issuer = $1 AND version = $3::bigint RETURNING issuer`,
              [issuer, body, String(expected)],
            )
      return rows.length === 1
    },
  })
}
