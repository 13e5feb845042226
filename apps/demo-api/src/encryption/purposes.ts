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

/** The budget of what a request that was let through under this permission may open for; `null` where there is none. */
export function budgetUnder(permission: string) {
  const { budget } = purposes.reveal
  return mayOpenFor('reveal', permission) ? { purpose: 'reveal', ...budget } : null
}
