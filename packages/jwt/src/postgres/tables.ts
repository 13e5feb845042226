import { assertMethods, assertOptions, checkText } from '../check-options.js'

/** A PostgreSQL client by the one method that is needed: pg's Pool and Client, PGlite, a transaction of either. */
export interface PostgresClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

/** Where a store lives. */
export interface PostgresStoreOptions {
  readonly client: PostgresClient
  /** Rows of other issuers are neither seen nor touched. */
  readonly issuer: string
  /** The prefix that {@link postgresTablesSql} was given. Default: `coffer_jwt`. */
  readonly prefix?: string
}

/** Names of the tables, and of the channel on which revocations are told. */
export interface TableNames {
  readonly families: string
  readonly keyRings: string
  readonly revocations: string
  readonly channel: string
}

export function tableNames(prefix: string): TableNames {
  if (typeof prefix !== 'string' || !/^[a-z_][a-z0-9_]{0,39}$/.test(prefix)) {
    throw new TypeError('prefix must be a lower-case SQL identifier of at most 40 characters')
  }
  return {
    families: `${prefix}_families`,
    keyRings: `${prefix}_key_rings`,
    revocations: `${prefix}_revocations`,
    channel: `${prefix}_revocations`,
  }
}

/** Checks what every store takes. */
export function readStoreOptions(
  options: PostgresStoreOptions,
  name: string,
  further: readonly string[] = [],
): { readonly client: PostgresClient; readonly issuer: string; readonly names: TableNames } {
  assertOptions(options, name, ['client', 'issuer', 'prefix', ...further])
  const { client, prefix = 'coffer_jwt' } = options
  assertMethods(client, 'client', ['query'])
  return { client, issuer: checkText(options.issuer, 'issuer', 512), names: tableNames(prefix) }
}

/**
 * The tables of all three stores, as one script that may run again. It holds no secret in the open: of refresh tokens
 * there are keyed hashes, and private keys are sealed.
 */
export function postgresTablesSql(prefix = 'coffer_jwt'): string {
  const { families, keyRings, revocations } = tableNames(prefix)
  return `CREATE TABLE IF NOT EXISTS ${families} (
  issuer text NOT NULL,
  id text NOT NULL,
  subject text NOT NULL,
  client_id text NOT NULL,
  family_grant text NOT NULL,
  generation bigint NOT NULL,
  current_hash bytea NOT NULL,
  previous_hash bytea,
  salt bytea,
  rotated_at timestamptz NOT NULL,
  idle_until timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  revoked boolean NOT NULL DEFAULT false,
  PRIMARY KEY (issuer, id)
);
CREATE INDEX IF NOT EXISTS ${families}_subject ON ${families} (issuer, subject) WHERE NOT revoked;
CREATE INDEX IF NOT EXISTS ${families}_client ON ${families} (issuer, client_id) WHERE NOT revoked;
CREATE INDEX IF NOT EXISTS ${families}_idle ON ${families} (issuer, idle_until);
CREATE TABLE IF NOT EXISTS ${keyRings} (
  issuer text PRIMARY KEY,
  version bigint NOT NULL,
  body text NOT NULL
);
CREATE TABLE IF NOT EXISTS ${revocations} (
  issuer text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('issuer', 'subject', 'client', 'session', 'token')),
  value text NOT NULL,
  at_ms double precision NOT NULL,
  PRIMARY KEY (issuer, kind, value)
);
CREATE INDEX IF NOT EXISTS ${revocations}_at ON ${revocations} (issuer, at_ms);
`
}

/** Bytes go in and come out as hex: drivers disagree on bytea. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}

/** Bytes of a hex column. */
export function fromHex(value: unknown): Uint8Array {
  if (typeof value !== 'string' || value.length % 2 !== 0 || !/^[0-9a-f]*$/.test(value))
    throw new Error('a row has no such bytes')
  return Uint8Array.from({ length: value.length / 2 }, (_, i) => Number.parseInt(value.slice(2 * i, 2 * i + 2), 16))
}

/** A number that a driver gives as a number or as text. */
export function toNumber(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Error('a row has no such number')
  return number
}

/** A text column. */
export function toText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a row has no such text')
  return value
}
