import { and, eq, inArray, notInArray } from 'drizzle-orm'
import { hashApiToken } from '../auth/api-tokens.js'
import type { Passwords } from '../auth/passwords.js'
import { apiTokens, roleAssignments, tenants, users } from '../db/schema.js'
import type { Database, Transaction } from '../db/transaction.js'
import type { Encryption } from '../encryption/tenant-keyrings.js'
import type { Clock } from '../http/request-context.js'
import { makeHistory } from './history.js'
import {
  integrationScopes,
  type SampleCredential,
  type SampleTenant,
  type SeedSizes,
  sampleApiToken,
  sampleCredentials,
  samplePassword,
  sampleTenants,
  seedNumber,
} from './samples.js'

export interface SeedOptions {
  readonly database: Database
  readonly encryption: Encryption
  readonly passwords: Passwords
  readonly clock: Clock
  readonly sizes: SeedSizes
  /** 32 bytes of this install, from which sample passwords and API tokens are derived. */
  readonly secret: Uint8Array
}

export type { SampleCredential, SeedSizes }

const yearMs = 365 * 86_400_000
const createdAt = new Date(Date.UTC(2025, 3, 1))

/**
 * Fills an empty database with the demo's tenants, people, customers, cards and payments. A tenant that has people is
 * left as it is, and one that was interrupted is made again from the start: a tenant's data is one transaction.
 *
 * @returns The logins that work: none of a tenant that was made from another secret, none that was changed since.
 */
export async function seedDemo(options: SeedOptions): Promise<readonly SampleCredential[]> {
  for (const [index, tenant] of sampleTenants.entries()) {
    if (await asOwner(options.database, tenant, (tx) => hasPeople(tx, tenant))) continue
    await seedTenant(options, tenant, seedNumber + index)
  }
  const working = await Promise.all(
    sampleTenants.map((tenant) => asOwner(options.database, tenant, (tx) => workingIds(tx, tenant, options))),
  )
  const ids = new Set(working.flat())
  return sampleCredentials(options.secret)
    .filter(({ id }) => ids.has(id))
    .map(({ credential }) => credential)
}

/** Whether a demo has ever filled this database: its tenants have fixed IDs, and their passwords may be known. */
export async function holdsSamples(database: Database): Promise<boolean> {
  const ids = sampleTenants.map(({ id }) => id)
  const found = await database.auth((tx) =>
    tx.drizzle.select({ id: tenants.id }).from(tenants).where(inArray(tenants.id, ids)).limit(1),
  )
  return found.length > 0
}

/** Whether somebody works with this database: it holds a tenant that no demo has made. */
export async function holdsOthers(database: Database): Promise<boolean> {
  const ids = sampleTenants.map(({ id }) => id)
  const found = await database.auth((tx) =>
    tx.drizzle.select({ id: tenants.id }).from(tenants).where(notInArray(tenants.id, ids)).limit(1),
  )
  return found.length > 0
}

/** Users and API token whose credentials are still the ones that this secret gives. The token's hash tells which it was. */
async function workingIds(
  tx: Transaction,
  { id: tenantId, slug, apiTokenId }: SampleTenant,
  { secret, clock }: SeedOptions,
): Promise<readonly string[]> {
  const [token] = await tx.drizzle
    .select()
    .from(apiTokens)
    .where(and(eq(apiTokens.tenantId, tenantId), eq(apiTokens.id, apiTokenId)))
  if (token === undefined || token.tokenHash !== hashApiToken(sampleApiToken(secret, slug))) return []
  const people = await tx.drizzle
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.tenantId, tenantId), eq(users.status, 'active'), eq(users.passwordChangedAt, createdAt)))
  const tokenWorks = token.revokedAt === null && token.expiresAt.getTime() > clock.now()
  return [...people.map(({ id }) => id), ...(tokenWorks ? [apiTokenId] : [])]
}

/** As the owner of the tables, which sees a tenant's rows only while that tenant is set. */
function asOwner<T>(database: Database, { id }: SampleTenant, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return database.owner(async (tx) => {
    await tx.query("SELECT set_config('app.tenant_id', $1, true)", [id])
    return work(tx)
  })
}

async function hasPeople(tx: Transaction, { id }: SampleTenant): Promise<boolean> {
  const rows = await tx.drizzle.select({ id: users.id }).from(users).where(eq(users.tenantId, id)).limit(1)
  return rows.length > 0
}

async function seedTenant(options: SeedOptions, tenant: SampleTenant, seedOfTenant: number): Promise<void> {
  const { database, encryption, passwords, clock, sizes, secret } = options
  const { id, slug, name, plan } = tenant
  await asOwner(database, tenant, async (tx) => {
    await tx.drizzle
      .insert(tenants)
      .values({ id, slug, name, plan, status: 'active', approvalThreshold: 0, createdAt })
      .onConflictDoNothing()
  })
  await encryption.createTenantKey(id)
  await encryption.platform.ready()
  const tables = await encryption.tenant(id)
  const hashes = await Promise.all(tenant.users.map(({ email }) => passwords.hash(samplePassword(secret, email))))
  const history = makeHistory(tenant, tables, sizes, seedOfTenant)

  await asOwner(database, tenant, async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('coffer/seed', 0))")
    if (await hasPeople(tx, tenant)) return
    await tx.drizzle.insert(users).values(
      tenant.users.map((user, index) => {
        const { email, emailEq } = encryption.platform.users.encrypt({ id: user.id, email: user.email })
        const passwordHash = hashes[index]
        if (emailEq === null || passwordHash === undefined) throw new TypeError('a user has an e-mail and a password')
        return {
          ...tables.users.encrypt({ id: user.id, tenantId: id, name: user.name }),
          email,
          emailEq,
          status: 'active' as const,
          person: user.person,
          passwordHash,
          passwordChangedAt: createdAt,
          createdAt,
        }
      }),
    )
    await tx.drizzle.insert(roleAssignments).values(
      tenant.users.map((user) => ({
        id: history.random.uuid(createdAt.getTime()),
        tenantId: id,
        userId: user.id,
        role: user.role,
        grantedBy: null,
        expiresAt: null,
        createdAt,
      })),
    )
    await insertApiToken(tx, tenant, sampleApiToken(secret, slug), new Date(clock.now() + yearMs))
    await history.insert(tx)
  })
}

async function insertApiToken(tx: Transaction, tenant: SampleTenant, token: string, expiresAt: Date): Promise<void> {
  const owner = tenant.users.find(({ role }) => role === 'owner')
  if (owner === undefined) throw new TypeError('a tenant of the demo has an owner')
  await tx.drizzle.insert(apiTokens).values({
    id: tenant.apiTokenId,
    tenantId: tenant.id,
    name: 'Integration',
    ownerUserId: owner.id,
    prefix: token.slice(0, 12),
    tokenHash: hashApiToken(token),
    scopes: [...integrationScopes],
    networks: [],
    expiresAt,
    revokedAt: null,
    createdAt,
  })
}
