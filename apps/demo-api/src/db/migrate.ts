import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Connection, ConnectionSource } from './connect.js'

/** One migration file: its name orders it, its checksum holds it still once it has been applied. */
export interface Migration {
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

/** Why a database cannot be brought to this build's schema. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
  readonly migration: string
  readonly reason: 'changed' | 'unknown'
  constructor(migration: string, reason: 'changed' | 'unknown') {
    super(
      reason === 'changed'
        ? `migration ${migration} was applied with other contents`
        : `migration ${migration} was applied by a newer build`,
    )
    this.migration = migration
    this.reason = reason
  }
}

const folder = new URL('./migrations/', import.meta.url)

/** The migrations of this build, in order. */
export async function loadMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** Names the set of migrations: a snapshot made under another fingerprint is not used. */
export function fingerprint(migrations: readonly Migration[]): string {
  const hash = createHash('sha256')
  for (const { name, checksum } of migrations) hash.update(`${name}\0${checksum}\n`)
  return hash.digest('hex')
}

/**
 * Applies what is missing, all in one transaction under an advisory lock: two processes that start together apply it
 * once, and a failure leaves the database as it was. Forward only.
 *
 * @returns The names of the migrations that were applied now.
 * @throws {MigrationError} when an applied migration has changed, or this build does not know it.
 */
export async function migrate(source: ConnectionSource, migrations: readonly Migration[]): Promise<readonly string[]> {
  return source.transaction(async (connection) => {
    await connection.query("SELECT pg_advisory_xact_lock(hashtextextended('coffer/migrations', 0))")
    const applied = await appliedMigrations(connection)
    for (const [name, checksum] of applied) {
      const known = migrations.find((migration) => migration.name === name)
      if (known === undefined) throw new MigrationError(name, 'unknown')
      if (known.checksum !== checksum) throw new MigrationError(name, 'changed')
    }
    const pending = migrations.filter(({ name }) => !applied.has(name))
    for (const { name, sql, checksum } of pending) {
      await connection.script(sql)
      await connection.query('INSERT INTO public.coffer_migrations (name, checksum) VALUES ($1, $2)', [name, checksum])
    }
    return pending.map(({ name }) => name)
  })
}

async function appliedMigrations(connection: Connection): Promise<ReadonlyMap<string, string>> {
  await connection.script(
    'CREATE TABLE IF NOT EXISTS public.coffer_migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
  )
  const { rows } = await connection.query<{ name: string; checksum: string }>(
    'SELECT name, checksum FROM public.coffer_migrations ORDER BY name',
  )
  return new Map(rows.map(({ name, checksum }) => [name, checksum]))
}
