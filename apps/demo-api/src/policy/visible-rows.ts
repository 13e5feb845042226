import { toPostgres } from '@coffer/rbac/sql'
import { type SQL, sql } from 'drizzle-orm'
import type { PolicySession } from '../http/request-context.js'

/**
 * The rows that the permission may be used on, as a predicate for the table's own query: exactly those that a decision
 * permits, so that a page is full and `has_more` speaks of rows that may be seen.
 */
export function visibleRows(session: Pick<PolicySession, 'where'>, permission: string): SQL {
  const { text, values } = toPostgres(session.where(permission))
  // The parameters stand in the text once each, in their order; a column's name has no dollar sign.
  const [first = '', ...rest] = text.split(/\$\d+/)
  return sql.join([sql.raw(first), ...rest.flatMap((part, index) => [sql.param(values[index]), sql.raw(part)])])
}
