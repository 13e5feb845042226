import { and, desc, eq, lt } from 'drizzle-orm'
import { type Static, Type } from 'typebox'
import type { SqlClient } from '../db/connect.js'
import { openings } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { formatId, type IdPrefix, newUuid } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import { AnyId, Closed, Timestamp } from '../routes/schemas.js'
import type { OpeningEvent } from './opening-gate.js'

/** What was opened, for whom: one row of `app.openings`. Names columns and rows, and holds no value of any. */
export type OpeningRow = typeof openings.$inferSelect

/** Under which request something is opened. */
export interface OpeningRequest {
  readonly tenantId: string
  /** `usr_…` or `tok_…`; `system` for what nobody has asked for. */
  readonly actor: string
  readonly requestId: string
  /** The permission that let the request through; `self` for what is the caller's own. */
  readonly permission: string
  /** The last decision that was recorded in the request. */
  decisionId(): string | null
}

/** Something to record: what a cipher has told, and the reason if one was given. */
export interface Opened {
  readonly event: Pick<OpeningEvent, 'at' | 'fields' | 'keyIds' | 'outcome' | 'code' | 'table' | 'rows'> & {
    readonly purpose: string
  }
  readonly reason: string | null
}

/** What was done with keys or indexes and opened nothing: a look-up, a rotation. */
export function notice(
  at: number,
  purpose: 'lookup' | 'rotate',
  what: {
    readonly object: string
    readonly fields?: readonly string[]
    readonly rows?: readonly string[]
    readonly keyIds?: readonly string[]
  },
): Opened {
  const { object: table, fields = [], rows = [], keyIds = [] } = what
  const event = { at, purpose, table, fields, keyIds, outcome: 'success', code: null } as const
  return { event: { ...event, rows: rows.map((row) => ({ tenant: null, row })) }, reason: null }
}

/** Openings of one kind as one row: a list of a hundred customers is one opening of a hundred rows. */
function openingRows({ tenantId, actor, requestId, decisionId }: OpeningRequest, opened: readonly Opened[]) {
  const groups = new Map<string, OpeningRow>()
  for (const { event, reason } of opened) {
    const { at, purpose, table: object, keyIds, outcome, code } = event
    const fields = event.fields.map(columnName)
    const kind = JSON.stringify([purpose, object, fields, keyIds, outcome, code, reason])
    const rowIds = event.rows.flatMap(({ row }) => (row === null ? [] : [row]))
    const group = groups.get(kind)
    groups.set(kind, {
      id: group?.id ?? newUuid(at),
      tenantId,
      at: new Date(at),
      requestId,
      actor,
      purpose,
      object,
      rowIds: [...(group?.rowIds ?? []), ...rowIds],
      fields,
      keyIds: [...keyIds],
      outcome,
      code,
      decisionId: decisionId(),
      reason,
    })
  }
  return [...groups.values()]
}

const columns = 14

/**
 * Writes the rows and answers with the newest version of the tenant's data keys as of this instant, in one statement:
 * whoever used older keys finds out before anything is committed.
 */
async function writeOpenings(tx: SqlClient, tenantId: string, rows: readonly OpeningRow[]): Promise<number> {
  const values = rows.flatMap((row) => [
    row.id,
    row.tenantId,
    row.at,
    row.requestId,
    row.actor,
    row.purpose,
    row.object,
    [...row.rowIds],
    [...row.fields],
    [...row.keyIds],
    row.outcome,
    row.code,
    row.decisionId,
    row.reason,
  ])
  const tuples = rows.map(
    (_row, index) => `(${Array.from({ length: columns }, (_, at) => `$${1 + index * columns + at}`).join(', ')})`,
  )
  const recorded =
    rows.length === 0
      ? ''
      : `WITH recorded AS (INSERT INTO app.openings (id, tenant_id, at, request_id, actor, purpose, object, row_ids, fields,
         key_ids, outcome, code, decision_id, reason) VALUES ${tuples.join(', ')}) `
  const found = await tx.query<{ version: number }>(
    `${recorded}SELECT coalesce(max(version), 0)::int AS version FROM app.data_keys WHERE tenant_id = $${values.length + 1}`,
    [...values, tenantId],
  )
  return found.rows[0]?.version ?? 0
}

/**
 * {@link writeOpenings} for what was done under a request.
 *
 * @throws {Problem} `audit-unavailable`: nothing of the request commits and nothing is answered.
 */
export async function recordOpenings(
  tx: SqlClient,
  request: OpeningRequest,
  opened: readonly Opened[],
): Promise<number> {
  try {
    return await writeOpenings(tx, request.tenantId, openingRows(request, opened))
  } catch {
    // The driver's message may quote a row.
    throw new Problem('audit-unavailable')
  }
}

export interface OpeningPage {
  readonly limit: number
  readonly after: string | null
}

export function listOpenings(tx: Transaction, tenantId: string, { limit, after }: OpeningPage): Promise<OpeningRow[]> {
  return tx.drizzle
    .select()
    .from(openings)
    .where(and(eq(openings.tenantId, tenantId), after === null ? undefined : lt(openings.id, after)))
    .orderBy(desc(openings.id))
    .limit(limit + 1)
}

const Nullable = Type.Union([Type.String(), Type.Null()])

/** An opening as the auditor sees it. */
export const Opening = Closed({
  id: AnyId,
  at: Timestamp,
  request_id: Type.String(),
  actor: Type.String({ description: 'The ID of a user or an API token; `system` for what nobody has asked for.' }),
  purpose: Type.String(),
  object: Type.String(),
  rows: Type.Array(Type.String()),
  fields: Type.Array(Type.String()),
  key_ids: Type.Array(Type.String()),
  outcome: Type.Enum(['success', 'partial', 'failure']),
  code: Nullable,
  decision_id: Nullable,
  reason: Nullable,
})

export function viewOpening(row: OpeningRow): Static<typeof Opening> {
  return {
    id: formatId('opn', row.id),
    at: row.at.toISOString(),
    request_id: row.requestId,
    actor: row.actor,
    purpose: row.purpose,
    object: row.object,
    rows: row.rowIds.map((id) => wireId(row.object, id)),
    fields: [...row.fields],
    key_ids: [...row.keyIds],
    outcome: row.outcome,
    code: row.code,
    decision_id: row.decisionId,
    reason: row.reason,
  }
}

const prefixes: Readonly<Record<string, IdPrefix>> = { cards: 'card', customers: 'cus', payments: 'pay', users: 'usr' }

/** The ID of the row as answers name it; a row that no answer names keeps its UUID. */
function wireId(object: string, id: string): string {
  const prefix = prefixes[object]
  return prefix === undefined ? id : formatId(prefix, id)
}

/** `dateOfBirth` is the column `date_of_birth`. */
function columnName(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
