import type { PostgresClient } from '@coffer/jwt/postgres'
import type { Database, Transaction } from '../db/transaction.js'

/**
 * What the stores of `@coffer/jwt` query through: each call a transaction of its own, as `coffer_auth`. Never awaited
 * inside another transaction: the embedded database has one connection, and the call would wait for its own caller.
 */
export function storeClient(database: Database): PostgresClient {
  return { query: (text, values) => database.auth((tx) => tx.query(text, values)) }
}

/** The same inside the transaction that makes a change: what is stored commits or falls with it. */
export function storeClientIn(tx: Transaction): PostgresClient {
  return { query: (text, values) => tx.auth((auth) => auth.query(text, values)) }
}
