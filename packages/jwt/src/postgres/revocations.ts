import { assertMethods, assertOptionalFunction, checkInteger } from '../check-options.js'
import { type Clock, systemClock } from '../clock.js'
import type { Revocation } from '../revocation-entries.js'
import type { RevocationFeed, RevocationListener } from '../revocation-feed.js'
import { member, parseStrictJson } from '../strict-json.js'
import { type PostgresStoreOptions, readStoreOptions, toNumber, toText } from './tables.js'

/** Where revocations of one issuer are stored, and how they are heard of. */
export interface PostgresRevocationsOptions extends PostgresStoreOptions {
  /**
   * Three lines over `LISTEN`: hands every payload of the channel to `onMessage`, calls `onLost` when the connection
   * ends, resolves once listening, stops at the signal. Default: none; then revocations spread by loads alone.
   */
  readonly listen?: (
    channel: string,
    onMessage: (payload: string) => void,
    onLost: () => void,
    signal: AbortSignal,
  ) => Promise<void>
  /** The index's, in ms: older rows are not loaded. Default: 86 640 000, for which every row is kept at least. */
  readonly retentionMs?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
}

/** Covers every lifetime that a verifier may permit: no process may drop a row that another still needs. */
const defaultRetentionMs = 86_640_000
/** A process whose clock is ahead must not drop what is in force: the database's clock counts where it is behind. */
const earlier = (now: string): string => `least(${now}::float8, extract(epoch FROM clock_timestamp()) * 1000)`
const kinds = ['issuer', 'subject', 'client', 'session', 'token']

/**
 * A revocation feed in PostgreSQL. Given a transaction's own client, `publish` commits or falls with it.
 *
 * @example
 * const feed = postgresRevocations({ client: pool, issuer, listen })
 */
export function postgresRevocations(options: PostgresRevocationsOptions): RevocationFeed {
  const { client, issuer, names } = readStoreOptions(options, 'postgresRevocations', ['listen', 'retentionMs', 'clock'])
  const { listen, retentionMs = defaultRetentionMs, clock = systemClock } = options
  assertOptionalFunction(listen, 'listen')
  assertMethods(clock, 'clock', ['now'])
  checkInteger(retentionMs, 'retentionMs', 1_000, 86_400_000 * 366)
  const table = names.revocations
  const feed: RevocationFeed = {
    async load(): Promise<Iterable<Revocation>> {
      const { rows } = await client.query(
        `SELECT kind, value, at_ms FROM ${table} WHERE issuer = $1 AND at_ms > ${earlier('$2')} - $3::float8`,
        [issuer, clock.now(), retentionMs],
      )
      return rows.map(({ kind, value, at_ms }) => toRevocation(issuer, kind, value, at_ms))
    },
    async publish(revocation: Revocation): Promise<void> {
      if (revocation.issuer !== issuer) throw new TypeError('this feed is of another issuer')
      const value = revocation.kind === 'issuer' ? '' : revocation.value
      // One statement: stored, told and the lapsed dropped, or none of it.
      await client.query(
        `WITH lapsed AS (DELETE FROM ${table} WHERE issuer = $1 AND at_ms <= ${earlier('$5')} - $8::float8),
         stored AS (
           INSERT INTO ${table} (issuer, kind, value, at_ms) VALUES ($1, $2, $3, $4)
           ON CONFLICT (issuer, kind, value) DO UPDATE SET at_ms = greatest(${table}.at_ms, excluded.at_ms)
           RETURNING at_ms
         )
         SELECT pg_notify($6, $7)::text FROM stored`,
        [
          issuer,
          revocation.kind,
          value,
          revocation.at,
          clock.now(),
          names.channel,
          formatMessage(revocation),
          Math.max(retentionMs, defaultRetentionMs),
        ],
      )
    },
  }
  if (listen === undefined) return Object.freeze(feed)
  return Object.freeze({
    ...feed,
    subscribe: (on: RevocationListener, signal: AbortSignal): Promise<void> =>
      listen(names.channel, (payload) => hear(payload, issuer, on), on.lost, signal),
  })
}

/** Longest message that is told whole; NOTIFY takes 8000 bytes. What is longer waits for the next load. */
const maxMessageBytes = 7_000

function formatMessage(revocation: Revocation): string {
  const text = JSON.stringify(revocation)
  return new TextEncoder().encode(text).length > maxMessageBytes ? JSON.stringify({ issuer: revocation.issuer }) : text
}

function hear(payload: string, issuer: string, on: RevocationListener): void {
  const message = parseStrictJson(new TextEncoder().encode(payload), 2)
  if (message === undefined || member(message, 'issuer') !== issuer) return
  try {
    on.revoked(toRevocation(issuer, member(message, 'kind'), member(message, 'value') ?? '', member(message, 'at')))
  } catch {
    // It tells that something was revoked, not what: only a load can say.
    on.changed()
  }
}

function toRevocation(issuer: string, kind: unknown, value: unknown, at: unknown): Revocation {
  if (typeof kind !== 'string' || !kinds.includes(kind)) throw new Error('a row has no such kind')
  if (kind === 'issuer') return { kind, issuer, at: toNumber(at) }
  return { kind: kind as Exclude<Revocation['kind'], 'issuer'>, issuer, value: toText(value), at: toNumber(at) }
}
