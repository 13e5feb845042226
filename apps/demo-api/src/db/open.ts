import type { Clock } from '../http/request-context.js'
import { systemClock } from '../http/request-context.js'
import { refuse } from '../start-error.js'
import { checkClock } from './clock.js'
import { type ConnectionSource, connect, type DatabaseLocation } from './connect.js'
import { loadMigrations, MigrationError, migrate } from './migrate.js'
import { readSnapshot } from './snapshot.js'

export interface OpenOptions {
  readonly location: DatabaseLocation
  readonly clock: Clock
  /** Refuses a login that row security does not bind. */
  readonly boundLogin: boolean
}

/**
 * Connects and brings the schema to this build's. What a setting can mend is refused by its name; the driver's own
 * message may quote the URL and is not passed on.
 *
 * @throws {StartError} naming DATABASE_URL, DATA_DIR or the system clock.
 */
export async function openDatabase({ location, clock, boundLogin }: OpenOptions): Promise<ConnectionSource> {
  const setting = location.kind === 'server' ? 'DATABASE_URL' : 'DATA_DIR'
  const migrations = await loadMigrations()
  const source = await connect(location, { snapshot: await readSnapshot(migrations) }).catch(() =>
    refuse(setting, 'holds a database that cannot be opened'),
  )
  try {
    if (boundLogin && (await bypassesRowSecurity(source)))
      refuse(setting, 'names a user whom row security does not bind')
    await migrate(source, migrations)
    // A clock that a test passes in need not agree with anything.
    if (clock === systemClock) await checkClock(source, clock.now)
    return source
  } catch (error) {
    await source.close().catch(() => undefined)
    if (error instanceof MigrationError) refuse(setting, error.message)
    const fault = location.kind === 'server' ? serverFault(error) : undefined
    if (fault !== undefined) refuse(setting, fault)
    throw error
  }
}

async function bypassesRowSecurity(source: ConnectionSource): Promise<boolean> {
  const { rows } = await source.transaction((connection) =>
    connection.query('SELECT FROM pg_roles WHERE rolname = session_user AND (rolsuper OR rolbypassrls)'),
  )
  return rows.length > 0
}

function serverFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^28/.test(code)) return 'names a user or password that the server does not accept'
  if (code === '3D000') return 'names a database that does not exist'
  if (code === '42501') return 'names a user who may not create the schema and its roles'
  if (/^(?:08|53|57)/.test(code)) return 'names a server that takes no connections now'
  if (
    /^E[A-Z]+$/.test(code) ||
    /^(?:Connection terminated|timeout|The server does not support SSL)/.test(error.message)
  ) {
    return 'names a server that cannot be reached'
  }
  return undefined
}
