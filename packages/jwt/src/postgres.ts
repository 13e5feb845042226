/**
 * Families, signing keys and revocations in PostgreSQL 15 or newer, over any client that has `query` (pg, PGlite).
 *
 * @module
 */
export { postgresKeyRingStore } from './postgres/key-ring-store.js'
export { postgresRefreshStore } from './postgres/refresh-store.js'
export { type PostgresRevocationsOptions, postgresRevocations } from './postgres/revocations.js'
export { type PostgresClient, type PostgresStoreOptions, postgresTablesSql } from './postgres/tables.js'
