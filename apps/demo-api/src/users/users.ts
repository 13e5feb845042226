import { and, desc, eq, gt, inArray, isNull, lt, ne, or, type SQL } from 'drizzle-orm'
import { type Static, Type } from 'typebox'
import { roleAssignments, type UserRole, userRoles, users } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import type { OpeningTransaction } from '../encryption/openings.js'
import type { PlatformTables, TenantTables } from '../encryption/tables.js'
import { formatId } from '../http/identifier.js'
import { AnyId, Closed, Timestamp } from '../routes/schemas.js'

/** Columns of a user that requests may read; the password hash is not among them, and the database says so too. */
const columns = {
  id: users.id,
  tenantId: users.tenantId,
  status: users.status,
  email: users.email,
  name: users.name,
  createdAt: users.createdAt,
}

export type UserRow = Pick<typeof users.$inferSelect, keyof typeof columns>

export const User = Closed({
  id: AnyId,
  name: Type.String(),
  email: Type.String(),
  status: Type.Enum(['active', 'disabled']),
  roles: Type.Array(Type.Enum([...userRoles])),
  created_at: Timestamp,
})
export type UserView = Static<typeof User>

export interface UserTables {
  readonly tenant: TenantTables
  readonly platform: PlatformTables
}

export function viewUser(
  tx: OpeningTransaction,
  { tenant, platform }: UserTables,
  row: UserRow,
  roles: readonly UserRole[],
): UserView {
  const { tenantId, id } = row
  const { name, email } = tx.open('display', (as) => ({
    name: tenant.users.decryptField('name', row.name, { tenantId, id }, as),
    email: platform.users.decryptField('email', row.email, { id }, as),
  }))
  return {
    id: formatId('usr', id),
    name: name ?? '',
    email: email ?? '',
    status: row.status,
    roles: [...roles],
    created_at: row.createdAt.toISOString(),
  }
}

export interface UserPage {
  readonly limit: number
  readonly after: string | null
  /** What the policy lets the caller see. */
  readonly visible: SQL
}

export function listUsers(tx: Transaction, tenantId: string, { limit, after, visible }: UserPage): Promise<UserRow[]> {
  return tx.drizzle
    .select(columns)
    .from(users)
    .where(and(eq(users.tenantId, tenantId), visible, after === null ? undefined : lt(users.id, after)))
    .orderBy(desc(users.id))
    .limit(limit + 1)
}

export async function findUser(tx: Transaction, tenantId: string, id: string): Promise<UserRow | null> {
  const [row] = await tx.drizzle
    .select(columns)
    .from(users)
    .where(and(eq(users.tenantId, tenantId), eq(users.id, id)))
  return row ?? null
}

/** Roles in force at `now`, by user. */
export async function rolesOf(
  tx: Transaction,
  tenantId: string,
  userIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, readonly UserRole[]>> {
  if (userIds.length === 0) return new Map()
  const rows = await tx.drizzle
    .select({ userId: roleAssignments.userId, role: roleAssignments.role })
    .from(roleAssignments)
    .where(and(eq(roleAssignments.tenantId, tenantId), inArray(roleAssignments.userId, [...userIds]), inForceAt(now)))
    .orderBy(roleAssignments.role)
  const roles = new Map<string, UserRole[]>()
  for (const { userId, role } of rows) roles.set(userId, [...(roles.get(userId) ?? []), role])
  return roles
}

/** An assignment without an end, or whose end has not come. */
export function inForceAt(now: number) {
  return or(isNull(roleAssignments.expiresAt), gt(roleAssignments.expiresAt, new Date(now)))
}

/** Whether the tenant has an active owner besides this user: one whose role does not end by itself. */
export async function hasOtherOwner(tx: Transaction, tenantId: string, userId: string): Promise<boolean> {
  const rows = await tx.drizzle
    .select({ id: users.id })
    .from(roleAssignments)
    .innerJoin(users, and(eq(users.tenantId, roleAssignments.tenantId), eq(users.id, roleAssignments.userId)))
    .where(
      and(
        eq(roleAssignments.tenantId, tenantId),
        eq(roleAssignments.role, 'owner'),
        isNull(roleAssignments.expiresAt),
        eq(users.status, 'active'),
        ne(users.id, userId),
      ),
    )
    .limit(1)
  return rows.length > 0
}

/** `false` when the user is disabled already. */
export async function disableUser(tx: Transaction, tenantId: string, id: string): Promise<boolean> {
  const rows = await tx.drizzle
    .update(users)
    .set({ status: 'disabled' })
    .where(and(eq(users.tenantId, tenantId), eq(users.id, id), eq(users.status, 'active')))
    .returning({ id: users.id })
  return rows.length === 1
}
