import type { Filter } from '@coffer/rbac'
import type { OpeningTransaction, RequestOpenings } from '../encryption/openings.js'

/** Milliseconds since the epoch. One object for the whole process; tests and the tour pass their own. */
export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

/** Who sends the request, as of this request: found by the token, never taken from it alone. */
export interface Principal {
  readonly kind: 'user' | 'api-token'
  /** The ID on the wire: `usr_…` or `tok_…`. */
  readonly id: string
  /** The person behind it: a user's own, an API token's owner. Four eyes are two persons, not two credentials. */
  readonly person: string
  /** UUID of the tenant; what row security compares. */
  readonly tenantId: string
  readonly plan: 'starter' | 'growth' | 'scale'
  readonly roles: readonly string[]
  readonly scope: readonly string[]
  readonly clientId: string
  /** The `sid` of a login; absent for an API token, which has no session. */
  readonly sessionId: string | undefined
}

/** What a decision says; the part of `@coffer/rbac`'s `Decision` that the API uses. */
export interface PolicyDecision {
  readonly decision: 'permit' | 'deny'
  readonly reason: string
  readonly ruleId: string | null
  readonly policyHash: string
}

/** The part of `@coffer/rbac`'s session that guards and routes use. Built once a request by the principal look-up. */
export interface PolicySession {
  decide(permission: string, resource?: object): PolicyDecision
  fields(
    permission: string,
    resource?: object,
  ): { readonly clear: readonly string[]; readonly masked: readonly string[] }
  /** A new row of the fields that may be seen, masks applied; `undefined` where the row is denied. */
  mask(permission: string, resource: object): Readonly<Record<string, unknown>> | undefined
  /** Which rows the permission may be used on, as a condition on their columns: what a list asks the database for. */
  where(permission: string): Filter
}

/** A decision that was taken in this request, under the ID that a refusal hands to the caller. */
export interface RecordedDecision extends PolicyDecision {
  readonly id: string
  readonly permission: string
  readonly resource: object | undefined
}

/** What every handler gets, with or without a principal. */
export interface PublicContext {
  /** `req_…`, minted here; a client's own ID is never used. */
  readonly requestId: string
  /** The address of the client in canonical text; never what a header claims. */
  readonly clientAddress: string
  /** Its /24 or /48: what may be logged. */
  readonly clientNetwork: string
  readonly clock: Clock
}

/** What the handler of a guarded route gets: authenticated, within its networks and limits, scope and role permitted. */
export interface RequestContext extends PublicContext {
  readonly principal: Principal
  readonly session: PolicySession
  /** The tenant's encrypted tables, the same for the whole request. Awaited before {@link tenant}, never inside it. */
  readonly tables: RequestOpenings['tables']
  /**
   * Runs `work` in one transaction as `coffer_app`, with row security set to the principal's tenant. Commits when it
   * resolves, rolls back when it throws. Fields are opened in it and nowhere else, and each opening is recorded with it.
   * Run again after a serialization failure, a deadlock, or a data key that another process has added meanwhile.
   *
   * On a route that changes something, `principal` and `session` are read anew in it first, and stay true to its end: a
   * request that waits never acts with a right that was taken away meanwhile.
   *
   * @param options - `lock`: what is waited for before that. Whoever waits for it in `work` instead may deadlock with a
   * change of the caller's own rights, and be run again.
   * @throws {Problem} `session-revoked`, `permission-denied`, `scope-insufficient`
   */
  tenant<T>(
    work: (tx: OpeningTransaction) => Promise<T>,
    options?: { readonly lock?: (tx: OpeningTransaction) => Promise<void> },
  ): Promise<T>
  /**
   * Decides on this row, records the decision and returns it.
   *
   * @throws {Problem} `permission-denied` with the decision's ID.
   */
  require(permission: string, resource?: object): RecordedDecision
  /** Decides and records without refusing. */
  decide(permission: string, resource?: object): RecordedDecision
}
