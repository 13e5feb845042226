import type { TokenStore } from '@coffer/token-cache'
import { fileStore } from '@coffer/token-cache/file'
import { postgresStore } from '@coffer/token-cache/postgres'
import { redisStore } from '@coffer/token-cache/redis'
import { Redis } from 'ioredis'
import pg from 'pg'

/** Where a store is, in words that cross to another process. */
export type StoreAddress =
  | { readonly type: 'file'; readonly directory: string }
  | { readonly type: 'redis'; readonly url: string; readonly prefix: string }
  | { readonly type: 'postgres'; readonly url: string; readonly table: string }

/** A connection of this process's own. */
export async function openStore(
  address: StoreAddress,
): Promise<{ readonly store: TokenStore; readonly close: () => Promise<void> }> {
  switch (address.type) {
    case 'file':
      return { store: fileStore({ directory: address.directory }), close: async () => {} }
    case 'redis': {
      const client = new Redis(address.url)
      return { store: redisStore({ client, prefix: address.prefix }), close: async () => client.disconnect() }
    }
    case 'postgres': {
      const client = new pg.Pool({ connectionString: address.url, max: 2 })
      return { store: postgresStore({ client, table: address.table }), close: () => client.end() }
    }
  }
}
