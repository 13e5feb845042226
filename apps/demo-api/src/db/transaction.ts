import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy'
import { Problem } from '../http/problem.js'
import type { Connection, ConnectionSource, SqlClient } from './connect.js'

/** A transaction: raw SQL through `query`, and drizzle's view of the same connection. */
export interface Transaction extends SqlClient {
  readonly drizzle: PgRemoteDatabase
  /** Runs `work` in this same transaction as `coffer_vault`, then goes back to the role before. */
  vault<T>(work: (tx: SqlClient) => Promise<T>): Promise<T>
  /** Runs `work` in this same transaction as `coffer_auth`, then goes back to the role before. */
  auth<T>(work: (tx: SqlClient) => Promise<T>): Promise<T>
}

/** The database roles of the migrations. The login becomes one of them for a transaction and never for longer. */
export type DatabaseRole = 'coffer_app' | 'coffer_auth' | 'coffer_owner' | 'coffer_vault'

/** The only door to the database: no query runs outside a transaction, and each has a role. */
export interface Database {
  /** As `coffer_app`, row security set to one tenant. */
  tenant<T>(tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T>
  /** As `coffer_auth`: the columns that are read before a tenant is known. No tenant is set, so no tenant's row is seen but by its policy. */
  auth<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  /** As `coffer_owner`, which row security binds too: the seed names the tenant whose rows it makes. */
  owner<T>(work: (tx: Transaction) => Promise<T>, tenantId?: string): Promise<T>
  /** `SELECT 1`; rejects when the database is gone. */
  ping(): Promise<void>
  close(): Promise<void>
}

const statementTimeoutMs = 5_000
const lockTimeoutMs = 2_000
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Opens the door over a connection source. */
export function createDatabase(source: ConnectionSource): Database {
  async function run<T>(role: DatabaseRole, tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return source.transaction(async (connection) => {
      // The third argument makes each setting local: it ends with the transaction, so a pooled connection carries no tenant on.
      await connection.query(
        "SELECT set_config('role', $1, true), set_config('app.tenant_id', $2, true), set_config('statement_timeout', $3, true), set_config('lock_timeout', $4, true), set_config('search_path', 'app, pg_temp', true)",
        [role, tenantId, String(statementTimeoutMs), String(lockTimeoutMs)],
      )
      return work(transactionOver(connection, role))
    })
  }

  const requireUuid = (tenantId: string) => {
    if (!uuidForm.test(tenantId)) throw new TypeError('a tenant transaction needs the tenant UUID')
  }

  return {
    tenant: async (tenantId, work) => {
      requireUuid(tenantId)
      return guarded(() => run('coffer_app', tenantId, work))
    },
    auth: (work) => guarded(() => run('coffer_auth', '', work)),
    owner: async (work, tenantId) => {
      if (tenantId !== undefined) requireUuid(tenantId)
      return guarded(() => run('coffer_owner', tenantId ?? '', work))
    },
    ping: async () => {
      await guarded(() => source.transaction((connection) => connection.query('SELECT 1')))
    },
    close: () => source.close(),
  }
}

function transactionOver(connection: Connection, role: DatabaseRole): Transaction {
  let view: PgRemoteDatabase | undefined
  const become = (name: DatabaseRole) => connection.query("SELECT set_config('role', $1, true)", [name])
  // After a failure there is nothing to go back to: the transaction is rolled back.
  async function stepInto<T>(name: DatabaseRole, work: (tx: SqlClient) => Promise<T>): Promise<T> {
    await become(name)
    const result = await work({ query: (text, values) => connection.query(text, values) })
    await become(role)
    return result
  }
  return {
    query: (text, values) => connection.query(text, values),
    get drizzle() {
      view ??= drizzle((text, values, method) =>
        method === 'execute' ? connection.query(text, values) : connection.queryArrays(text, values),
      )
      return view
    },
    vault: (work) => stepInto('coffer_vault', work),
    auth: (work) => stepInto('coffer_auth', work),
  }
}

/** One retry after a serialization failure (40001) or a deadlock (40P01); what the database cannot do is 503, not 500. */
async function guarded<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    if (!isRetryable(error)) throw translate(error)
  }
  try {
    return await attempt()
  } catch (error) {
    throw isRetryable(error) ? new Problem('database-unavailable') : translate(error)
  }
}

function isRetryable(error: unknown): boolean {
  const code = sqlState(error)
  return code === '40001' || code === '40P01'
}

/** Classes 08 (connection), 53 (resources), 57 (operator intervention, which a statement timeout is) and 55P03 (lock timeout). */
function translate(error: unknown): unknown {
  const code = sqlState(error)
  const unavailable =
    code !== undefined &&
    (/^(08|53|57)/.test(code) ||
      code === '55P03' ||
      ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE'].includes(code))
  return unavailable || isConnectionLoss(error) ? new Problem('database-unavailable') : error
}

/** `pg` and PGlite report a lost connection, an exhausted pool and a closed database without a code. */
function isConnectionLoss(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(Connection terminated|PGlite is clos|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      error.message,
    )
  )
}

/** drizzle wraps the driver's error; the state is on the error or on its cause. */
function sqlState(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 3; current = current.cause, depth++) {
    if ('code' in current && typeof current.code === 'string') return current.code
  }
  return undefined
}
