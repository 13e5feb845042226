/**
 * Why a field is opened. Closed: no other reason exists, and one that is not here does not compile. A budget is of
 * fields, for each actor.
 */
export const purposes = {
  /** The row that a decision ends the wait of. */
  approve: {},
  /** What the policy shows to the caller. */
  display: {},
  /** A row that is written, to be encrypted again under the newest key; nothing of it is released. */
  rekey: {},
  /** An answer that was given before. */
  replay: {},
  /** A whole card number. */
  reveal: { budget: { fields: 100, windowMs: 3_600_000 } },
} as const
export type Purpose = keyof typeof purposes

/** The permissions of a route that may open for the purpose; `any`: every route, for the rows its policy shows. */
const permissions: Readonly<Record<Purpose, readonly string[] | 'any'>> = {
  approve: ['payment:approve', 'payment:reject'],
  display: 'any',
  rekey: ['customer:update'],
  replay: 'any',
  reveal: ['card:reveal'],
}

/** Whether a request that was let through under this permission may open for this purpose. */
export function mayOpenFor(purpose: Purpose, permission: string): boolean {
  const allowed = permissions[purpose]
  return allowed === 'any' || allowed.includes(permission)
}

/** Seconds until a spent budget has room for one field more. */
export function refillSeconds(purpose: Purpose): number {
  const { budget } = purposes[purpose] as { readonly budget?: { readonly fields: number; readonly windowMs: number } }
  return budget === undefined ? 1 : Math.ceil(budget.windowMs / budget.fields / 1000)
}
