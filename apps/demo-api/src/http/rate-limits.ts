/** The classes of limits; each route names one, and every route passes `edge` besides. */
export type LimitClass = 'bulk' | 'edge' | 'login' | 'money' | 'read' | 'sensitive' | 'token' | 'write'

export type Plan = 'growth' | 'scale' | 'starter'

/** `max` requests in `windowMs`. */
export interface Limit {
  readonly max: number
  readonly windowMs: number
}

/** Limits by class, and by plan where the plan decides. */
export interface LimitTable {
  readonly edge: Limit
  readonly login: { readonly account: Limit; readonly network: Limit }
  readonly token: { readonly credential: Limit; readonly network: Limit }
  readonly plans: Readonly<Record<Plan, Readonly<Record<'bulk' | 'money' | 'read' | 'sensitive' | 'write', Limit>>>>
}

const minute = 60_000

/** What FinCode's plans include. Tests and benchmarks pass their own table; no setting does. */
export const planLimits: LimitTable = {
  edge: { max: 300, windowMs: minute },
  login: { account: { max: 10, windowMs: 15 * minute }, network: { max: 30, windowMs: minute } },
  token: { credential: { max: 60, windowMs: minute }, network: { max: 120, windowMs: minute } },
  plans: {
    starter: {
      read: { max: 120, windowMs: minute },
      write: { max: 60, windowMs: minute },
      money: { max: 60, windowMs: minute },
      sensitive: { max: 10, windowMs: minute },
      bulk: { max: 2, windowMs: 10 * minute },
    },
    growth: {
      read: { max: 600, windowMs: minute },
      write: { max: 300, windowMs: minute },
      money: { max: 300, windowMs: minute },
      sensitive: { max: 20, windowMs: minute },
      bulk: { max: 5, windowMs: 10 * minute },
    },
    scale: {
      read: { max: 3000, windowMs: minute },
      write: { max: 1500, windowMs: minute },
      money: { max: 1500, windowMs: minute },
      sensitive: { max: 60, windowMs: minute },
      bulk: { max: 10, windowMs: 10 * minute },
    },
  },
}
