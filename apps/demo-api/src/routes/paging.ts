import { type IdPrefix, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'

/** What a list asks the database for: one row more than it shows tells whether there are more. */
export interface Page {
  readonly limit: number
  /** UUID to start after, newest first. */
  readonly after: string | null
}

/** Reads `limit` (default 20) and `starting_after`. */
export function readPage(
  query: { readonly limit?: string | undefined; readonly starting_after?: string | undefined },
  prefix: IdPrefix,
): Page {
  const after = query.starting_after === undefined ? null : parseId(prefix, query.starting_after)
  if (after === null && query.starting_after !== undefined) {
    throw new Problem('validation-failed', { errors: [{ pointer: '/query/starting_after', rule: 'pattern' }] })
  }
  return { limit: query.limit === undefined ? 20 : Number(query.limit), after }
}

/** Rows to a page: `rows` holds at most `limit + 1`. */
export function pageOf<Row, View>(
  rows: readonly Row[],
  { limit }: Pick<Page, 'limit'>,
  view: (row: Row) => View,
): { data: View[]; has_more: boolean } {
  return { data: rows.slice(0, limit).map(view), has_more: rows.length > limit }
}

/** The UUID of an ID in the path; one that does not parse was never issued. */
export function pathId(prefix: IdPrefix, id: string): string {
  const uuid = parseId(prefix, id)
  if (uuid === null) throw new Problem('not-found')
  return uuid
}
