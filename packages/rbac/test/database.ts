import pg from 'pg'

export interface Database {
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

/** What this needs of PGlite, whose own declarations name types that they do not bring. */
interface Embedded {
  readonly PGlite: {
    create(): Promise<{
      query(text: string, values: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
      close(): Promise<void>
    }>
  }
}

/** An embedded PostgreSQL. */
export async function embedded(): Promise<Database> {
  const specifier: string = '@electric-sql/pglite'
  const { PGlite }: Embedded = await import(/* @vite-ignore */ specifier)
  const database = await PGlite.create()
  return {
    query: async (text, values = []) => (await database.query(text, [...values])).rows,
    close: () => database.close(),
  }
}

/** The PostgreSQL at an address, in a schema of its own that goes when the test does. */
export async function remote(url: string): Promise<Database> {
  const client = new pg.Client({ connectionString: url })
  // A driver has to return 64-bit columns as number or bigint: text is ill-typed, and denies.
  client.setTypeParser(20, (text: string) => BigInt(text))
  await client.connect()
  const schema = `rbac_test_${process.pid}`
  await client.query(`drop schema if exists ${schema} cascade; create schema ${schema}; set search_path to ${schema}`)
  return {
    query: async (text, values = []) => (await client.query<Record<string, unknown>>(text, [...values])).rows,
    close: async () => {
      await client.query(`drop schema ${schema} cascade`)
      await client.end()
    },
  }
}
