import pg from 'pg'
import { type TestAppOptions, testApp } from './api.js'

/** Databases of their own on the server that DATABASE_URL names. */
export function databasesOn(server: string) {
  const made: string[] = []

  async function onServer(text: string): Promise<void> {
    const client = new pg.Client({ connectionString: server })
    await client.connect()
    await client.query(text)
    await client.end()
  }

  /** The URL of a new database. */
  async function create(): Promise<string> {
    const name = `coffer_test_${crypto.randomUUID().replaceAll('-', '')}`
    await onServer(`create database ${name}`)
    made.push(name)
    return Object.assign(new URL(server), { pathname: `/${name}` }).href
  }

  return {
    create,
    /** The API over a new database. */
    app: async (options: TestAppOptions) => testApp({ ...options, database: { kind: 'server', url: await create() } }),
    drop: async () => {
      for (const name of made) await onServer(`drop database if exists ${name} with (force)`)
    },
  }
}
