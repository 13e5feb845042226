import { and, desc, eq, lt, type SQL } from 'drizzle-orm'
import { type Static, Type } from 'typebox'
import { roleAssignments, userRoles } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { formatId } from '../http/identifier.js'
import { AnyId, Closed, Timestamp } from '../routes/schemas.js'

export type AssignmentRow = typeof roleAssignments.$inferSelect

/** A role that a user holds, and who gave it. */
export const Assignment = Closed({
  id: AnyId,
  user: AnyId,
  role: Type.Enum([...userRoles]),
  granted_by: Type.Union([AnyId, Type.Null()]),
  expires_at: Type.Union([Timestamp, Type.Null()]),
  created_at: Timestamp,
})
export type AssignmentView = Static<typeof Assignment>

export function viewAssignment(row: AssignmentRow): AssignmentView {
  return {
    id: formatId('asg', row.id),
    user: formatId('usr', row.userId),
    role: row.role,
    granted_by: row.grantedBy === null ? null : formatId('usr', row.grantedBy),
    expires_at: row.expiresAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  }
}

export interface AssignmentPage {
  readonly limit: number
  readonly after: string | null
  /** What the policy lets the caller see. */
  readonly visible: SQL
}

export function listAssignments(
  tx: Transaction,
  tenantId: string,
  { limit, after, visible }: AssignmentPage,
): Promise<AssignmentRow[]> {
  return tx.drizzle
    .select()
    .from(roleAssignments)
    .where(
      and(eq(roleAssignments.tenantId, tenantId), visible, after === null ? undefined : lt(roleAssignments.id, after)),
    )
    .orderBy(desc(roleAssignments.id))
    .limit(limit + 1)
}

/** Every assignment of a user, ended ones too. */
export function assignmentsOf(tx: Transaction, tenantId: string, userId: string): Promise<AssignmentRow[]> {
  return tx.drizzle
    .select()
    .from(roleAssignments)
    .where(and(eq(roleAssignments.tenantId, tenantId), eq(roleAssignments.userId, userId)))
}

export async function findAssignment(tx: Transaction, tenantId: string, id: string): Promise<AssignmentRow | null> {
  const [row] = await tx.drizzle
    .select()
    .from(roleAssignments)
    .where(and(eq(roleAssignments.tenantId, tenantId), eq(roleAssignments.id, id)))
  return row ?? null
}

export async function insertAssignment(tx: Transaction, row: AssignmentRow): Promise<void> {
  await tx.drizzle.insert(roleAssignments).values(row)
}

export async function deleteAssignment(tx: Transaction, tenantId: string, id: string): Promise<void> {
  await tx.drizzle
    .delete(roleAssignments)
    .where(and(eq(roleAssignments.tenantId, tenantId), eq(roleAssignments.id, id)))
}
