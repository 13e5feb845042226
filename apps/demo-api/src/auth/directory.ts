import { and, asc, eq } from 'drizzle-orm'
import { apiTokens, networkRules, type Plan, roleAssignments, tenants, users } from '../db/schema.js'
import type { Database } from '../db/transaction.js'
import type { Clock } from '../http/request-context.js'
import { createNetworkAllowlist, type NetworkAllowlist } from '../network/allowlist.js'
import { createStateCache } from './state-cache.js'

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

/** Tenants and subjects, held in memory and re-read at least once a second. */
export interface Directory {
  tenant(tenantId: string): Promise<TenantState | null>
  user(tenantId: string, userId: string): Promise<SubjectState | null>
  apiToken(tenantId: string, tokenId: string): Promise<SubjectState | null>
  /** After a committed change of the tenant, its networks, or one of its users and tokens. */
  tenantChanged(tenantId: string): void
  subjectChanged(tenantId: string, subjectId: string): void
}

const maxTenants = 10_000
const maxSubjects = 100_000
const maxAgeMs = 1_000

export function createDirectory({ database, clock }: { database: Database; clock: Clock }): Directory {
  const tenantStates = createStateCache({
    load: (id) => loadTenant(database, id),
    clock,
    max: maxTenants,
    maxAgeMs,
  })
  const userStates = createStateCache({
    load: (key) => loadUser(database, ...split(key)),
    clock,
    max: maxSubjects,
    maxAgeMs,
  })
  const tokenStates = createStateCache({
    load: (key) => loadApiToken(database, ...split(key)),
    clock,
    max: maxSubjects,
    maxAgeMs,
  })
  return {
    tenant: (tenantId) => tenantStates.get(tenantId),
    user: (tenantId, userId) => userStates.get(`${tenantId}/${userId}`),
    apiToken: (tenantId, tokenId) => tokenStates.get(`${tenantId}/${tokenId}`),
    tenantChanged: (tenantId) => tenantStates.invalidate(tenantId),
    subjectChanged(tenantId, subjectId) {
      userStates.invalidate(`${tenantId}/${subjectId}`)
      tokenStates.invalidate(`${tenantId}/${subjectId}`)
    },
  }
}

function split(key: string): [tenantId: string, subjectId: string] {
  return [key.slice(0, 36), key.slice(37)]
}

function loadTenant(database: Database, tenantId: string): Promise<TenantState | null> {
  return database.tenant(tenantId, async (tx) => {
    const [tenant] = await tx.drizzle.select().from(tenants).where(eq(tenants.id, tenantId))
    if (tenant === undefined) return null
    const rules = await tx.drizzle
      .select({ cidr: networkRules.cidr })
      .from(networkRules)
      .where(eq(networkRules.tenantId, tenantId))
      .orderBy(asc(networkRules.position))
    const { id, slug, name, plan, status } = tenant
    return { id, slug, name, plan, status, networks: allowlistOf(rules.map(({ cidr }) => cidr)) }
  })
}

function loadUser(database: Database, tenantId: string, userId: string): Promise<SubjectState | null> {
  return database.tenant(tenantId, async (tx) => {
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
  })
}

function loadApiToken(database: Database, tenantId: string, tokenId: string): Promise<SubjectState | null> {
  return database.tenant(tenantId, async (tx) => {
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
  })
}

function allowlistOf(rules: readonly string[]): NetworkAllowlist | null {
  return rules.length === 0 ? null : createNetworkAllowlist(rules)
}
