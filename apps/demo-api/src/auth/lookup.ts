import { eq, inArray } from 'drizzle-orm'
import { apiTokens, users } from '../db/schema.js'
import type { Database } from '../db/transaction.js'
import type { PlatformTables } from '../encryption/tables.js'

/** Who has an e-mail address, and the hash to compare their password with. */
export interface Account {
  readonly id: string
  readonly tenantId: string
  readonly status: 'active' | 'disabled'
  readonly passwordHash: string
}

/** An API token by its ID, with what decides whether it may be exchanged. */
export interface TokenAccount {
  readonly id: string
  readonly tenantId: string
  readonly tokenHash: string
  readonly scopes: readonly string[]
  readonly expiresAt: number
  readonly revokedAt: number | null
}

/** The only look-ups across tenants: what has to be found before a tenant is known. As `coffer_auth`, named columns only. */
export interface Lookup {
  accountByEmail(email: string): Promise<Account | null>
  accountById(userId: string): Promise<Account | null>
  tokenById(tokenId: string): Promise<TokenAccount | null>
}

const accountColumns = {
  id: users.id,
  tenantId: users.tenantId,
  status: users.status,
  passwordHash: users.passwordHash,
}

export function createLookup({ database, platform }: { database: Database; platform: PlatformTables }): Lookup {
  return {
    async accountByEmail(email) {
      await platform.ready()
      const tokens = [...platform.users.query('emailEq', { email })].map(String)
      // The stored address stays closed: two addresses share a keyed token of 64 bits once in 2^64 pairs, the password
      // decides then, and an opening that is recorded for known addresses alone would tell by its time which are known.
      const [account] = await database.auth((tx) =>
        tx.drizzle.select(accountColumns).from(users).where(inArray(users.emailEq, tokens)),
      )
      return account ?? null
    },
    async accountById(userId) {
      const [account] = await database.auth((tx) =>
        tx.drizzle.select(accountColumns).from(users).where(eq(users.id, userId)),
      )
      return account ?? null
    },
    async tokenById(tokenId) {
      const [row] = await database.auth((tx) =>
        tx.drizzle
          .select({
            id: apiTokens.id,
            tenantId: apiTokens.tenantId,
            tokenHash: apiTokens.tokenHash,
            scopes: apiTokens.scopes,
            expiresAt: apiTokens.expiresAt,
            revokedAt: apiTokens.revokedAt,
          })
          .from(apiTokens)
          .where(eq(apiTokens.id, tokenId)),
      )
      if (row === undefined) return null
      const { id, tenantId, tokenHash, scopes, expiresAt, revokedAt } = row
      return {
        id,
        tenantId,
        tokenHash,
        scopes,
        expiresAt: expiresAt.getTime(),
        revokedAt: revokedAt?.getTime() ?? null,
      }
    },
  }
}
