import { createRevocationIndex, type Revocation, type RevocationIndex } from '@coffer/jwt'
import type { Database, Transaction } from '../db/transaction.js'
import type { Clock } from '../http/request-context.js'

/** Revoked tokens, sessions and subjects: in force here at once, and stored, so that a restart forgets none. */
export interface Revocations {
  /** For the verifier. */
  readonly index: RevocationIndex
  /** Revokes here, then stores. In force here even when storing fails. */
  revoke(revocation: Revocation): Promise<void>
  /** Stores in the transaction that makes the change; call {@link revoke} once it has committed. */
  record(tx: Transaction, revocation: Revocation): Promise<void>
}

/** Covers the longest life of an access token and its tolerance. */
const retentionMs = 86_640_000

/** Loads what is stored and may still matter, and drops what cannot. */
export async function createRevocations({
  database,
  issuer,
  clock,
}: {
  database: Database
  issuer: string
  clock: Clock
}): Promise<Revocations> {
  const index = createRevocationIndex({ onUnavailable: 'refuse', retentionMs, clock })
  for (const revocation of await load(database, issuer, clock.now())) await index.revoke(revocation)
  return {
    index,
    async revoke(revocation) {
      await index.revoke(revocation)
      await database.auth((tx) => insert(tx, revocation))
    },
    async record(tx, revocation) {
      await tx.query("SELECT set_config('role', 'coffer_auth', true)")
      await insert(tx, revocation)
      await tx.query("SELECT set_config('role', 'coffer_app', true)")
    },
  }
}

interface RevocationRow {
  readonly kind: Revocation['kind']
  readonly value: string | null
  readonly at: Date
}

async function load(database: Database, issuer: string, now: number): Promise<readonly Revocation[]> {
  const oldest = new Date(now - retentionMs)
  const rows = await database.auth(async (tx) => {
    await tx.query('DELETE FROM app.token_revocations WHERE issuer = $1 AND at <= $2', [issuer, oldest])
    const { rows } = await tx.query<RevocationRow>(
      'SELECT kind, value, at FROM app.token_revocations WHERE issuer = $1 ORDER BY id',
      [issuer],
    )
    return rows
  })
  return rows.map(({ kind, value, at }): Revocation => {
    // A clock that was set back must not make a stored revocation unreadable: what is ahead counts as now.
    const time = Math.min(at.getTime(), now)
    if (kind === 'issuer') return { kind, issuer, at: time }
    if (value === null) throw new Error('a stored revocation lacks its value')
    return { kind, issuer, value, at: time }
  })
}

async function insert(tx: Transaction, revocation: Revocation): Promise<void> {
  await tx.query('INSERT INTO app.token_revocations (issuer, kind, value, at) VALUES ($1, $2, $3, $4)', [
    revocation.issuer,
    revocation.kind,
    revocation.kind === 'issuer' ? null : revocation.value,
    new Date(revocation.at),
  ])
}
