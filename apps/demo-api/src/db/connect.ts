import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite, type Transaction as PGliteTransaction } from '@electric-sql/pglite'
import pg from 'pg'
import { unpackTarGz } from './unpack.js'

/** Rows of one statement. */
export interface SqlResult<Row> {
  readonly rows: Row[]
}

/** The one thing the rest of the API knows about a database; `pg` and PGlite both have it. */
export interface SqlClient {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<SqlResult<Row>>
}

/** A connection inside a transaction: a client that can also answer rows as arrays, which drizzle reads. */
export interface Connection extends SqlClient {
  queryArrays(text: string, values: readonly unknown[]): Promise<SqlResult<unknown[]>>
  /** Several statements in one text, without values: migrations. */
  script(text: string): Promise<void>
}

/** Where the rows are: embedded in this process, in a directory or in memory, or in a PostgreSQL server. */
export type DatabaseLocation =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'memory' }
  | { readonly kind: 'server'; readonly url: string }

/** Takes a connection, opens a transaction, runs `work`, commits; rolls back when it throws. */
export interface ConnectionSource {
  readonly kind: DatabaseLocation['kind']
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface ConnectOptions {
  /** A data directory as PGlite dumps it: the embedded database starts from it instead of running initdb. */
  readonly snapshot?: Blob | undefined
  /** Connections to a server; the embedded database has one. Default 10. */
  readonly poolSize?: number
}

/** Opens the database. Nothing is created on a server; an embedded directory is made when it is missing. */
export async function connect(location: DatabaseLocation, options: ConnectOptions = {}): Promise<ConnectionSource> {
  return location.kind === 'server' ? connectServer(location.url, options) : connectEmbedded(location, options)
}

async function connectEmbedded(
  location: Extract<DatabaseLocation, { kind: 'directory' | 'memory' }>,
  { snapshot }: ConnectOptions,
): Promise<ConnectionSource> {
  if (location.kind === 'memory') {
    return fromEmbedded(await PGlite.create(snapshot === undefined ? {} : { loadDataDir: snapshot }), 'memory')
  }
  const { path } = location
  if (!existsSync(join(path, 'PG_VERSION'))) {
    // Made beside its place and moved there whole: a start that is killed leaves no half of a database.
    const draft = `${path}.new`
    await rm(draft, { recursive: true, force: true })
    if (snapshot === undefined) await (await PGlite.create({ dataDir: draft })).close()
    else await unpackTarGz(new Uint8Array(await snapshot.arrayBuffer()), draft)
    await rename(draft, path)
  }
  return fromEmbedded(await PGlite.create({ dataDir: path }), 'directory')
}

/** The embedded database as a connection source. It has one connection, so transactions run one after another. */
export function fromEmbedded(database: PGlite, kind: 'directory' | 'memory'): ConnectionSource {
  return {
    kind,
    transaction: <T>(work: (connection: Connection) => Promise<T>) =>
      database.transaction((tx) => work(embeddedConnection(tx))) as Promise<T>,
    close: () => database.close(),
  }
}

function embeddedConnection(tx: PGliteTransaction): Connection {
  return {
    query: (text, values = []) => tx.query(text, [...values]),
    queryArrays: (text, values) => tx.query<unknown[]>(text, [...values], { rowMode: 'array' }),
    script: async (text) => {
      await tx.exec(text)
    },
  }
}

/** Above the five seconds after which the server ends a statement: whoever hears nothing by then will not hear. */
const queryTimeoutMs = 15_000
/** A migration may rewrite a table. */
const scriptTimeoutMs = 600_000

async function connectServer(url: string, { poolSize = 10 }: ConnectOptions): Promise<ConnectionSource> {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'coffer-demo-api',
  })
  // A connection that the server ends, idle or in use, says so as an event too; unheard, it would end the process. The
  // query that was running rejects, and the pool replaces the connection.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return {
    kind: 'server',
    transaction: async (work) => {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('BEGIN')
        const result = await work(serverConnection(client))
        await client.query('COMMIT')
        return result
      } catch (error) {
        if (isUnanswered(error)) {
          // The connection still waits for the answer; ROLLBACK would wait behind it.
          broken = new Error('the server has not answered a query')
          throw Object.assign(broken, { code: 'ETIMEDOUT' })
        }
        await client.query('ROLLBACK').catch((failure: Error) => {
          broken = failure
        })
        throw error
      } finally {
        client.release(broken)
      }
    },
    close: () => pool.end(),
  }
}

function serverConnection(client: pg.PoolClient): Connection {
  return {
    query: <Row extends object>(text: string, values: readonly unknown[] = []) =>
      client.query<Row & pg.QueryResultRow>(text, [...values]),
    queryArrays: (text, values) => client.query<unknown[]>({ text, values: [...values], rowMode: 'array' }),
    script: async (text) => {
      const script = { text, query_timeout: scriptTimeoutMs }
      await client.query(script)
    },
  }
}

/** `pg` gives its time-out no code; drizzle wraps it. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && (error.message === 'Query read timeout' || isUnanswered(error.cause))
}
