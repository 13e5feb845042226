/**
 * A store in a PostgreSQL table, for processes of many hosts.
 *
 * @module
 */
import { nonEmpty, refuseUnknown } from './check-options.js'
import { TokenCacheError } from './errors.js'
import type { ReleaseOutcome, Snapshot, TokenStore } from './store.js'

/** What is used of `pg`'s pool or client, and of PGlite. Each call is one autocommitted statement. */
export interface PostgresClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

export interface PostgresStoreOptions {
  readonly client: PostgresClient
  /** Default `coffer_token`; a schema may precede it. */
  readonly table?: string
}

const defaultTable = 'coffer_token'

/** The statement that makes the table. Its times are the server's, so that hosts whose clocks differ agree. */
export function postgresTokenTableSql(table: string = defaultTable): string {
  return `CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  key text PRIMARY KEY,
  fence bigint NOT NULL,
  lease_ends_at timestamptz,
  generation bigint NOT NULL DEFAULT 0,
  body bytea,
  committed_at timestamptz,
  hold_ends_at timestamptz,
  intent_digest text,
  intent_attempt smallint,
  intent_dead boolean,
  intent_at timestamptz
)`
}

/** Keeps records in a table made by {@link postgresTokenTableSql}. Every method is one statement. */
export function postgresStore(options: PostgresStoreOptions): TokenStore {
  refuseUnknown('options', options, ['client', 'table'])
  if (typeof options.client?.query !== 'function') throw new TypeError('client must have query')
  return new PostgresStore(options.client, quoted(options.table ?? defaultTable))
}

// clock_timestamp(): now() stands still within a transaction that the caller may have opened.
const elapsed = (column: string): string =>
  `(extract(epoch FROM clock_timestamp() - ${column}) * 1000)::double precision`
const until = (column: string): string => `(extract(epoch FROM ${column} - clock_timestamp()) * 1000)::double precision`
const after = (parameter: string): string =>
  `clock_timestamp() + ${parameter}::double precision * interval '1 millisecond'`

const columns = `fence::text, generation::text, encode(body, 'hex') AS body, ${elapsed('committed_at')} AS age_ms,
  ${until('hold_ends_at')} AS hold_ms, intent_digest, intent_attempt, intent_dead, ${elapsed('intent_at')} AS intent_age_ms`

class PostgresStore implements TokenStore {
  readonly persistence = 'shared'
  readonly #client: PostgresClient
  readonly #table: string

  constructor(client: PostgresClient, table: string) {
    this.#client = client
    this.#table = table
  }

  async read(key: string): Promise<Snapshot | undefined> {
    const { rows } = await this.#client.query(`SELECT ${columns} FROM ${this.#table} WHERE key = $1`, [key])
    return rows[0] && snapshotOf(rows[0])
  }

  async acquire(key: string, _owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    const { rows } = await this.#client.query(
      `INSERT INTO ${this.#table} AS record (key, fence, lease_ends_at) VALUES ($1, 1, ${after('$2')})
       ON CONFLICT (key) DO UPDATE SET fence = record.fence + 1, lease_ends_at = excluded.lease_ends_at
       WHERE record.lease_ends_at IS NULL OR record.lease_ends_at <= clock_timestamp()
       RETURNING ${columns}`,
      [key, ttlMs],
    )
    return rows[0] && snapshotOf(rows[0])
  }

  renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    return this.#update(`lease_ends_at = ${after('$3')}`, '', [key, fence, ttlMs])
  }

  intend(key: string, fence: number, intent: { readonly digest: string; readonly attempt: 1 | 2 }): Promise<boolean> {
    const set = 'intent_digest = $3, intent_attempt = $4, intent_dead = false, intent_at = clock_timestamp()'
    return this.#update(set, '', [key, fence, intent.digest, intent.attempt])
  }

  commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    const set = `generation = $3, body = decode($4, 'hex'), committed_at = clock_timestamp(), hold_ends_at = NULL,
      intent_digest = NULL, intent_attempt = NULL, intent_dead = NULL, intent_at = NULL`
    return this.#update(set, 'AND generation < $3', [key, fence, generation, toHex(body)])
  }

  async release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    const hold = `hold_ends_at = CASE WHEN $3::double precision > 0 THEN ${after('$3')} END`
    const intent = {
      keep: '',
      clear: ', intent_digest = NULL, intent_attempt = NULL, intent_dead = NULL, intent_at = NULL',
      dead: ', intent_dead = CASE WHEN intent_digest IS NOT NULL THEN true END',
    }[outcome.intent]
    await this.#update(`lease_ends_at = NULL, ${hold}${intent}`, '', [key, fence, outcome.holdMs])
  }

  async #update(set: string, where: string, values: unknown[]): Promise<boolean> {
    const text = `UPDATE ${this.#table} SET ${set} WHERE key = $1 AND fence = $2 ${where} RETURNING key`
    const { rows } = await this.#client.query(text, values)
    return rows.length === 1
  }
}

function snapshotOf(row: Record<string, unknown>): Snapshot {
  const { body, age_ms, hold_ms, intent_digest, intent_attempt, intent_dead, intent_age_ms } = row
  return {
    fence: numberOf(row['fence']),
    generation: numberOf(row['generation']),
    body: typeof body === 'string' ? fromHex(body) : undefined,
    ageMs: Math.max(0, numberOf(age_ms ?? 0)),
    holdMs: Math.max(0, numberOf(hold_ms ?? 0)),
    intent:
      typeof intent_digest === 'string'
        ? {
            digest: intent_digest,
            attempt: numberOf(intent_attempt) === 1 ? 1 : 2,
            dead: intent_dead === true,
            ageMs: Math.max(0, numberOf(intent_age_ms ?? 0)),
          }
        : undefined,
  }
}

function numberOf(value: unknown): number {
  const number = Number(value)
  if (!Number.isFinite(number)) throw new TokenCacheError('COFFER_TOKEN_CACHE_STORE_CORRUPT')
  return number
}

function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
  )
}

// An identifier cannot be a parameter: nothing but plain names is let through.
function quoted(table: string): string {
  if (!/^[A-Za-z_]\w{0,62}(\.[A-Za-z_]\w{0,62})?$/.test(nonEmpty('table', table))) {
    throw new TypeError('table must be a plain name, with a schema at most')
  }
  return table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')
}
