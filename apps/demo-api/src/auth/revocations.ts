import { createRevocationIndex, type RevocationIndex } from '@coffer/jwt'
import { postgresRefreshStore, postgresRevocations } from '@coffer/jwt/postgres'
import type { Database, Transaction } from '../db/transaction.js'
import type { Clock } from '../http/request-context.js'
import { storeClient, storeClientIn } from './store-client.js'

/** Revoked tokens, sessions and subjects: in force here at once, and stored for restarts and other processes. */
export interface Revocations {
  /** For the verifier and the issuer. What it revokes is stored; what others stored it reads again every ten seconds. */
  readonly index: RevocationIndex
  /**
   * Ends a subject's sessions and access tokens in the transaction that makes the change: a crash keeps both or neither.
   *
   * @returns The sessions that were live: {@link applySessions} once it has committed.
   */
  endSubject(tx: Transaction, subject: string): Promise<readonly string[]>
  /** Whether a session stands as of a transaction: one that another has ended since the token was checked does not. */
  isSessionLive(tx: Transaction, sessionId: string): Promise<boolean>
  /** Puts ended sessions in force in this process, without waiting for the next load. */
  applySessions(sessions: readonly string[]): Promise<void>
}

export interface RevocationsOptions {
  readonly database: Database
  readonly issuer: string
  readonly clock: Clock
}

/** Covers the longest life of an access token and its tolerance. */
const retentionMs = 86_640_000

/**
 * Loads what is stored before it answers: no token is accepted without it.
 *
 * @throws {JwtError} `COFFER_JWT_REVOCATION_UNAVAILABLE`
 */
export async function createRevocations({ database, issuer, clock }: RevocationsOptions): Promise<Revocations> {
  const feed = postgresRevocations({ client: storeClient(database), issuer, retentionMs, clock })
  const index = createRevocationIndex({ onUnavailable: 'refuse', feed, retentionMs, clock })
  await index.ready()
  return {
    index,
    async endSubject(tx, subject) {
      const client = storeClientIn(tx)
      const { publish } = postgresRevocations({ client, issuer, retentionMs, clock })
      await publish?.({ kind: 'subject', issuer, value: subject, at: clock.now() })
      return postgresRefreshStore({ client, issuer }).revoke({ subject })
    },
    async isSessionLive(tx, sessionId) {
      const family = await postgresRefreshStore({ client: storeClientIn(tx), issuer }).read(sessionId)
      return family !== undefined && family.phase !== 'revoked'
    },
    async applySessions(sessions) {
      const at = clock.now()
      await Promise.all(sessions.map((value) => index.revoke({ kind: 'session', issuer, value, at })))
    },
  }
}
