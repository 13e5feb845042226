import { createHash } from 'node:crypto'
import type { Transaction } from '../db/transaction.js'
import type { OpeningTransaction } from '../encryption/openings.js'
import { newUuid } from './identifier.js'
import { Problem } from './problem.js'
import type { RequestContext } from './request-context.js'

/** How long a key is remembered. */
const retentionMs = 24 * 3_600_000
/** Bare, or quoted as a structured field. */
export const idempotencyKeyPattern = '^(?:([A-Za-z0-9_-]{1,64})|"([A-Za-z0-9_-]{1,64})")$'
const keyForm = new RegExp(idempotencyKeyPattern)

/** The call that a key stands for. */
export interface IdempotentCall {
  /** Method and pattern, such as `POST /v1/payments/:id/approve`. */
  readonly route: string
  /** The `Idempotency-Key` header, bare or quoted. */
  readonly key: string | undefined
  /** Everything that decides what the call does: parameters and body. */
  readonly input: unknown
}

/** What an effect answers with. */
export interface EffectAnswer<Status extends number, Body> {
  readonly status: Status
  readonly body: Body
}

/** Does an effect at most once for each key of a principal. */
export interface Idempotency {
  /**
   * Runs `effect` in one tenant transaction together with its stored answer: a kill leaves both or neither. A repeat gets
   * the stored answer; only committed answers are stored, so a refusal is decided afresh.
   *
   * @throws {Problem} `idempotency-key-missing`, `validation-failed`, `idempotency-in-progress`, `idempotency-mismatch`
   */
  once<const Status extends number, Body>(
    context: RequestContext,
    call: IdempotentCall,
    effect: (tx: OpeningTransaction) => Promise<EffectAnswer<Status, Body>>,
  ): Promise<EffectAnswer<Status, Body> & { readonly headers: Readonly<Record<string, string>> }>
}

interface StoredAnswer {
  readonly id: string
  readonly fingerprint: string
  readonly status: number
  readonly answer: string
}

export function createIdempotency(): Idempotency {
  return {
    async once<Status extends number, Body>(
      context: RequestContext,
      call: IdempotentCall,
      effect: (tx: OpeningTransaction) => Promise<EffectAnswer<Status, Body>>,
    ) {
      const key = readKey(call.key)
      const { tenantId, id: principal } = context.principal
      const scope = [tenantId, principal, call.route, key]
      const fingerprint = createHash('sha256').update(canonical(call.input)).digest('hex')
      const { idempotencyKeys } = await context.tables()

      return context.tenant(async (tx) => {
        await lock(tx, scope)
        const stored = await find(tx, scope, context.clock.now())
        if (stored !== null) {
          if (stored.fingerprint !== fingerprint) throw new Problem('idempotency-mismatch')
          const bound = { tenantId, id: stored.id }
          const body = tx.open('replay', (as) => idempotencyKeys.decryptField('answer', stored.answer, bound, as))
          // Written by this function for this route, and authentic: it has the shape that the effect gave it.
          const answer = { status: stored.status, body: JSON.parse(body ?? 'null') } as EffectAnswer<Status, Body>
          return { ...answer, headers: { 'idempotent-replayed': 'true' } }
        }
        const { status, body } = await effect(tx)
        const now = context.clock.now()
        const row = idempotencyKeys.encrypt({ id: newUuid(now), tenantId, answer: JSON.stringify(body) })
        await tx.query(
          `INSERT INTO app.idempotency_keys (id, tenant_id, principal, route, key, fingerprint, status, answer, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          [row.id, ...scope, fingerprint, status, row.answer, new Date(now + retentionMs)],
        )
        return { status, body, headers: {} }
      })
    },
  }
}

function readKey(header: string | undefined): string {
  if (header === undefined) throw new Problem('idempotency-key-missing')
  const match = keyForm.exec(header)
  const key = match?.[1] ?? match?.[2]
  if (key === undefined) {
    throw new Problem('validation-failed', { errors: [{ pointer: '/headers/idempotency-key', rule: 'pattern' }] })
  }
  return key
}

/** Held to the end of the transaction. Busy means that the first request has not ended: it is not waited for. */
async function lock(tx: Transaction, scope: readonly string[]): Promise<void> {
  const { rows } = await tx.query<{ taken: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1)) AS taken',
    [JSON.stringify(scope)],
  )
  if (rows[0]?.taken !== true) throw new Problem('idempotency-in-progress', { retryAfterSeconds: 1 })
}

async function find(tx: Transaction, scope: readonly string[], now: number): Promise<StoredAnswer | null> {
  await tx.query(
    'DELETE FROM app.idempotency_keys WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND key = $4 AND expires_at <= $5',
    [...scope, new Date(now)],
  )
  const { rows } = await tx.query<StoredAnswer>(
    'SELECT id, fingerprint, status, answer FROM app.idempotency_keys WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND key = $4',
    scope,
  )
  return rows[0] ?? null
}

/** JSON with the members of each object in order: two spellings of one body are one fingerprint. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
