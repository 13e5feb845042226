import { join } from 'node:path'
import { postgresTokenTableSql } from '@coffer/token-cache/postgres'
import pg from 'pg'
import type { RunningRedis } from '../redis-server.js'
import type { StoreAddress } from './open-store.js'

const { DATABASE_URL } = process.env
let last = 0

/** Every store that outlives a process: an address of the caller's own each time, or what it needs to be there. */
export function sharedStores(
  directory: string,
  redis: RunningRedis | undefined,
): readonly (readonly [string, (() => StoreAddress) | string])[] {
  const next = (): string => {
    last += 1
    return `${process.pid}_${last}`
  }
  return [
    ['file', () => ({ type: 'file', directory: join(directory, `store-${next()}`) })],
    [
      'Redis',
      redis === undefined
        ? 'needs a server: set REDIS_URL or install redis-server'
        : () => ({ type: 'redis', url: redis.url, prefix: `kill-${next()}:` }),
    ],
    [
      'PostgreSQL',
      DATABASE_URL === undefined
        ? 'needs a server: set DATABASE_URL'
        : () => ({ type: 'postgres', url: DATABASE_URL, table: `coffer_kill_${next()}` }),
    ],
  ]
}

/** Runs with a table of its own where the store is one. */
export async function withTable(address: StoreAddress, run: () => Promise<void>): Promise<void> {
  if (address.type !== 'postgres') return await run()
  await inDatabase(address.url, postgresTokenTableSql(address.table))
  try {
    await run()
  } finally {
    await inDatabase(address.url, `DROP TABLE "${address.table}"`)
  }
}

async function inDatabase(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}
