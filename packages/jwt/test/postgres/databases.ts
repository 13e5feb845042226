import { randomBytes } from 'node:crypto'
import { type PostgresClient, postgresTablesSql } from '@coffer/jwt/postgres'

/** A database of the tests: a client, a way to listen, and an end. */
export interface TestDatabase {
  readonly client: PostgresClient
  /** Runs statements without parameters. */
  exec(sql: string): Promise<unknown>
  listen(channel: string, onMessage: (payload: string) => void, onLost: () => void, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface PGliteLike extends PostgresClient {
  exec(sql: string): Promise<unknown>
  listen(channel: string, onMessage: (payload: string) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** PostgreSQL in this process. Its types do not compile under this house's settings, so it is taken by shape. */
export async function pglite(): Promise<TestDatabase> {
  const { PGlite }: { PGlite: new () => PGliteLike } = await import('@electric-sql/pglite' as string)
  const db = new PGlite()
  return {
    client: db,
    exec: (sql) => db.exec(sql),
    async listen(channel, onMessage) {
      await db.listen(channel, onMessage)
    },
    close: () => db.close(),
  }
}

interface PgClientLike extends PostgresClient {
  connect(): Promise<unknown>
  on(event: string, listener: (message: { readonly payload?: string }) => void): unknown
  end(): Promise<void>
}

/** A PostgreSQL server. */
export async function postgres(connectionString: string): Promise<TestDatabase> {
  const { default: pg }: { default: Record<'Pool' | 'Client', new (options: object) => PgClientLike> } = await import(
    'pg' as string
  )
  const pool = new pg.Pool({ connectionString, max: 16 })
  const listeners: PgClientLike[] = []
  return {
    client: pool,
    exec: (sql) => pool.query(sql, []),
    async listen(channel, onMessage, onLost) {
      const client = new pg.Client({ connectionString })
      listeners.push(client)
      await client.connect()
      client.on('notification', ({ payload }) => onMessage(payload ?? ''))
      client.on('end', () => onLost())
      await client.query(`LISTEN ${channel}`, [])
    },
    async close() {
      for (const client of listeners) await client.end()
      await pool.end()
    },
  }
}

/** Fresh tables under a prefix of their own. */
export async function freshTables(database: TestDatabase): Promise<string> {
  const prefix = `t_${randomBytes(6).toString('hex')}`
  for (const statement of postgresTablesSql(prefix).split(';'))
    if (statement.trim() !== '') await database.exec(statement)
  return prefix
}

export async function dropTables(database: TestDatabase, prefix: string): Promise<void> {
  for (const table of ['families', 'key_rings', 'revocations']) await database.exec(`DROP TABLE ${prefix}_${table}`)
}
