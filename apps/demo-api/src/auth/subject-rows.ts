import { and, asc, eq } from 'drizzle-orm'
import { apiTokens, networkRules, type Plan, roleAssignments, tenants, users } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { createNetworkAllowlist, type NetworkAllowlist } from '../network/allowlist.js'

/** A tenant as requests need it. */
export interface TenantState {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly plan: Plan
  readonly status: 'active' | 'suspended'
  /** `null`: the tenant has no list, so it admits every address. */
  readonly networks: NetworkAllowlist | null
}

/** A role that a subject holds, until `expiresAt` (ms) where there is one. */
export interface HeldRole {
  readonly role: string
  readonly expiresAt?: number
}

/** A user or an API token that may still act. */
export interface SubjectState {
  readonly kind: 'user' | 'api-token'
  readonly id: string
  readonly person: string
  readonly roles: readonly HeldRole[]
  /** The token's own list; `null` for users and for tokens without one. */
  readonly networks: NetworkAllowlist | null
  /** Epoch ms; `null` for users. */
  readonly expiresAt: number | null
  /** What a token may ask for; `null` for users, whose roles are the only bound. */
  readonly scopes: readonly string[] | null
}

/** `null` when there is none. */
export async function readTenant(tx: Transaction, tenantId: string): Promise<TenantState | null> {
  const [tenant] = await tx.drizzle.select().from(tenants).where(eq(tenants.id, tenantId))
  if (tenant === undefined) return null
  const rules = await tx.drizzle
    .select({ cidr: networkRules.cidr })
    .from(networkRules)
    .where(eq(networkRules.tenantId, tenantId))
    .orderBy(asc(networkRules.position))
  const { id, slug, name, plan, status } = tenant
  return { id, slug, name, plan, status, networks: allowlistOf(rules.map(({ cidr }) => cidr)) }
}

/** `null` for one that is gone or disabled. */
export async function readUser(tx: Transaction, tenantId: string, userId: string): Promise<SubjectState | null> {
  const [user] = await tx.drizzle
    .select({ id: users.id, person: users.person })
    .from(users)
    .where(and(eq(users.tenantId, tenantId), eq(users.id, userId), eq(users.status, 'active')))
  if (user === undefined) return null
  const held = await tx.drizzle
    .select({ role: roleAssignments.role, expiresAt: roleAssignments.expiresAt })
    .from(roleAssignments)
    .where(and(eq(roleAssignments.tenantId, tenantId), eq(roleAssignments.userId, userId)))
    .orderBy(asc(roleAssignments.role))
  const roles = held.map(({ role, expiresAt }) =>
    expiresAt === null ? { role } : { role, expiresAt: expiresAt.getTime() },
  )
  return { kind: 'user', ...user, roles, networks: null, expiresAt: null, scopes: null }
}

/** `null` for one that is gone or revoked, or whose owner is disabled. */
export async function readApiToken(tx: Transaction, tenantId: string, tokenId: string): Promise<SubjectState | null> {
  const [token] = await tx.drizzle
    .select({
      id: apiTokens.id,
      person: users.person,
      scopes: apiTokens.scopes,
      networks: apiTokens.networks,
      expiresAt: apiTokens.expiresAt,
      revokedAt: apiTokens.revokedAt,
    })
    .from(apiTokens)
    .innerJoin(users, and(eq(users.tenantId, apiTokens.tenantId), eq(users.id, apiTokens.ownerUserId)))
    .where(and(eq(apiTokens.tenantId, tenantId), eq(apiTokens.id, tokenId), eq(users.status, 'active')))
  if (token === undefined || token.revokedAt !== null) return null
  const { id, person, scopes, networks, expiresAt } = token
  return {
    kind: 'api-token',
    id,
    person,
    roles: [{ role: 'integration' }],
    networks: allowlistOf(networks),
    expiresAt: expiresAt.getTime(),
    scopes,
  }
}

function allowlistOf(rules: readonly string[]): NetworkAllowlist | null {
  return rules.length === 0 ? null : createNetworkAllowlist(rules)
}

/**
 * Locks the rows that tell whether a subject may act, to the end of the transaction. Every change of what a user may do
 * updates or locks the user's row, so one that is under way is waited for, and none happens before this transaction ends.
 *
 * @param lock - `share`: others may act as well. `no key update`: this transaction goes on to change the user's row.
 */
export async function lockSubject(
  tx: Transaction,
  kind: SubjectState['kind'],
  id: string,
  lock: 'no key update' | 'share',
): Promise<void> {
  if (kind === 'user') {
    await tx.drizzle.select({ id: users.id }).from(users).where(eq(users.id, id)).for(lock)
    return
  }
  const [token] = await tx.drizzle
    .select({ owner: apiTokens.ownerUserId })
    .from(apiTokens)
    .where(eq(apiTokens.id, id))
    .for('share')
  if (token !== undefined) await lockSubject(tx, 'user', token.owner, 'share')
}
