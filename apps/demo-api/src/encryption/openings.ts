import { isFieldEncryptionError } from '@coffer/field-encryption'
import type { Database, Transaction } from '../db/transaction.js'
import { Problem } from '../http/problem.js'
import type { Clock } from '../http/request-context.js'
import type { OpeningGate } from './opening-gate.js'
import { type Opened, type OpeningRequest, recordOpenings } from './opening-records.js'
import { mayOpenFor, type Purpose } from './purposes.js'
import { type RemainingBudget, remainingBudget } from './spent-budget.js'
import type { TenantTables } from './tables.js'

/** What a cipher is told: the reason to open, and for whom. */
export interface OpenAs<P extends Purpose> {
  readonly purpose: P
  readonly actor: string
}

/** A tenant transaction in which fields may be opened. */
export interface OpeningTransaction extends Transaction {
  /**
   * Runs `work`, which decrypts with the options it is given. What it opens is recorded before the transaction commits;
   * elsewhere nothing opens. A purpose with a budget refuses with `rate-limited` when it is spent.
   *
   * @param reason - Why, in the words of a closed list, where the purpose asks for it.
   * @throws {Problem} `permission-denied` for a purpose that the request's permission does not have.
   */
  open<P extends Purpose, T>(purpose: P, work: (as: OpenAs<P>) => T, reason?: string): T
  /** Records what opens nothing, such as a search in the vault. */
  note(notice: Opened): void
}

export interface OpeningsOptions<Tables> {
  readonly database: Database
  readonly gate: OpeningGate
  readonly clock: Clock
  /** The tenant's tables and the keyring under them, its keys loaded and fresh. */
  readonly open: (tenantId: string) => Promise<OpenedTables<Tables>>
}

export interface OpenedTables<Tables> {
  readonly ring: LoadedKeys
  readonly tables: Tables
}

/** A tenant's data keys as this process has them. */
export interface LoadedKeys {
  version(): number
  readonly keyring: { refresh(): Promise<void> }
}

/** What a request opens and writes, recorded under it. */
export interface Openings<Tables = TenantTables> {
  for(request: OpeningRequest): RequestOpenings<Tables>
}

/** One request's tables, and the transactions that open and write with them. */
export interface RequestOpenings<Tables = TenantTables> {
  /**
   * The tenant's tables, the same for the whole request: its transactions are held against the keys of exactly these.
   * Awaited before a transaction is opened, never inside one: loading keys takes a transaction of its own, and the
   * embedded database has one connection.
   */
  tables(): Promise<Tables>
  /**
   * One transaction as `coffer_app`, row security set to the tenant. What is opened in it is written with it, so it is
   * answered only if it is recorded; when it fails, what had been opened is recorded in a transaction of its own.
   *
   * Run again, at most twice, when another process has added a data key that {@link tables} has not loaded: it may have
   * stored values that do not open here yet, or index tokens that were not looked for.
   *
   * @throws {Problem} `audit-unavailable` when the record cannot be written.
   */
  tenant<T>(work: (tx: OpeningTransaction) => Promise<T>): Promise<T>
}

/** The keys that this transaction used are not the newest. */
class StaleKeys extends Error {}

const attempts = 3
const refusal = { outcome: 'failure', code: 'COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED' } as const

export function createOpenings<Tables>(options: OpeningsOptions<Tables>): Openings<Tables> {
  const { database, gate, clock, open } = options

  async function attempt<T>(
    request: OpeningRequest,
    version: number | null,
    opened: Opened[],
    work: (tx: OpeningTransaction) => Promise<T>,
  ): Promise<T> {
    return database.tenant(request.tenantId, async (tx) => {
      opened.length = 0
      const budget = await remainingBudget(tx, request, clock.now())
      const result = await work(transactionOver(tx, request, opened, budget))
      if (version === null && opened.length === 0) return result
      const newest = await recordOpenings(tx, request, opened)
      if (version !== null && newest > version) throw new StaleKeys()
      return result
    })
  }

  function transactionOver(
    tx: Transaction,
    request: OpeningRequest,
    opened: Opened[],
    budget: RemainingBudget | null,
  ): OpeningTransaction {
    return {
      query: (text, values) => tx.query(text, values),
      get drizzle() {
        return tx.drizzle
      },
      vault: (work) => tx.vault(work),
      auth: (work) => tx.auth(work),
      note: (one) => {
        opened.push(one)
      },
      open(purpose, work, reason) {
        if (!mayOpenFor(purpose, request.permission)) throw new Problem('permission-denied')
        const limited = budget?.purpose === purpose ? budget : null
        let overspent = false
        const listen = (event: Opened['event']) => {
          const fields = event.outcome === 'failure' ? 0 : event.fields.length * event.rows.length
          overspent = limited !== null && fields > limited.fields
          opened.push({ event: overspent ? { ...event, ...refusal } : event, reason: reason ?? null })
          // The cipher releases nothing of an opening that its listener refuses.
          if (overspent) throw new Error('the budget is spent')
          if (limited !== null) limited.fields -= fields
        }
        try {
          return gate.within(listen, () => work({ purpose, actor: request.actor }))
        } catch (error) {
          if (!overspent && !isBudgetExceeded(error)) throw error
          throw new Problem('rate-limited', { retryAfterSeconds: limited?.retryAfterSeconds ?? 1 })
        }
      },
    }
  }

  async function recordAlone(request: OpeningRequest, opened: readonly Opened[]): Promise<void> {
    if (opened.length === 0) return
    await database
      .tenant(request.tenantId, (tx) => recordOpenings(tx, request, opened))
      .catch(() => {
        throw new Problem('audit-unavailable')
      })
  }

  async function run<T>(
    request: OpeningRequest,
    ring: LoadedKeys | null,
    work: (tx: OpeningTransaction) => Promise<T>,
  ): Promise<T> {
    const opened: Opened[] = []
    for (let count = 1; ; count += 1) {
      const version = ring?.version() ?? null
      try {
        return await attempt(request, version, opened, work)
      } catch (error) {
        if (ring !== null && count < attempts && mayBeStale(error) && (await refreshed(ring))) {
          if (error instanceof StaleKeys || ring.version() !== version) continue
        }
        await recordAlone(request, opened)
        throw error instanceof StaleKeys ? new Problem('state-stale') : error
      }
    }
  }

  return {
    for: (request) => {
      let used: Promise<OpenedTables<Tables>> | null = null
      return {
        async tables() {
          used ??= open(request.tenantId)
          return (await used).tables
        },
        tenant: async (work) => run(request, (await used)?.ring ?? null, work),
      }
    },
  }
}

/** Whether newer keys could be loaded. A failure here must not keep what was opened from being recorded. */
async function refreshed({ keyring }: LoadedKeys): Promise<boolean> {
  return keyring.refresh().then(
    () => true,
    () => false,
  )
}

function mayBeStale(error: unknown): boolean {
  return (
    error instanceof StaleKeys ||
    (isFieldEncryptionError(error) && error.code === 'COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN')
  )
}

function isBudgetExceeded(error: unknown): boolean {
  return isFieldEncryptionError(error) && error.code === 'COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED'
}
