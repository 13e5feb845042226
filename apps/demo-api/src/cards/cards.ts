import { and, desc, eq, inArray, lt, type SQL } from 'drizzle-orm'
import { type Static, Type } from 'typebox'
import { cardBrands, cards } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { formatId } from '../http/identifier.js'
import { AnyId, Closed, Timestamp } from '../routes/schemas.js'

export type CardRow = typeof cards.$inferSelect

/** A card as anyone may see one: first six and last four (PCI DSS 3.4.1), and never more. */
export const Card = Closed({
  id: AnyId,
  customer: AnyId,
  brand: Type.Enum([...cardBrands]),
  bin: Type.String(),
  last4: Type.String(),
  exp_month: Type.Integer(),
  exp_year: Type.Integer(),
  status: Type.Enum(['active']),
  created_at: Timestamp,
})
export type CardView = Static<typeof Card>

export function viewCard(row: CardRow): CardView {
  return {
    id: formatId('card', row.id),
    customer: formatId('cus', row.customerId),
    brand: row.brand,
    bin: row.bin,
    last4: row.last4,
    exp_month: row.expMonth,
    exp_year: row.expYear,
    status: row.status,
    created_at: row.createdAt.toISOString(),
  }
}

export interface CardPage {
  readonly limit: number
  readonly after: string | null
  /** What the policy lets the caller see. */
  readonly visible: SQL
}

export function listCards(
  tx: Transaction,
  tenantId: string,
  customerId: string,
  { limit, after, visible }: CardPage,
): Promise<CardRow[]> {
  return tx.drizzle
    .select()
    .from(cards)
    .where(
      and(
        eq(cards.tenantId, tenantId),
        eq(cards.customerId, customerId),
        visible,
        after === null ? undefined : lt(cards.id, after),
      ),
    )
    .orderBy(desc(cards.id))
    .limit(limit + 1)
}

/** The cards of vault entries, newest first. */
export async function cardsInVault(
  tx: Transaction,
  tenantId: string,
  vaultRefs: readonly string[],
  visible: SQL,
): Promise<CardRow[]> {
  if (vaultRefs.length === 0) return []
  return tx.drizzle
    .select()
    .from(cards)
    .where(and(eq(cards.tenantId, tenantId), inArray(cards.vaultRef, [...vaultRefs]), visible))
    .orderBy(desc(cards.id))
    .limit(100)
}

export async function findCard(tx: Transaction, tenantId: string, id: string): Promise<CardRow | null> {
  const [row] = await tx.drizzle
    .select()
    .from(cards)
    .where(and(eq(cards.tenantId, tenantId), eq(cards.id, id)))
  return row ?? null
}

export async function insertCard(tx: Transaction, row: CardRow): Promise<void> {
  await tx.drizzle.insert(cards).values(row)
}
