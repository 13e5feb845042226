import { count, type Decoded, type Decoder, flag, integer, list, members, nullable, optional, text } from './decode.js'

/** A customer as the caller may see one. An absent member may not be seen at all; `masked` names those that are masked. */
export const customer = members({
  id: text,
  status: text,
  name: optional(nullable(text)),
  email: optional(nullable(text)),
  phone: optional(nullable(text)),
  date_of_birth: optional(nullable(text)),
  national_id: optional(nullable(text)),
  masked: list(text),
  created_at: text,
})
export type Customer = Decoded<typeof customer>

/** A person with a login. */
export const user = members({ id: text, name: text, email: text, status: text, roles: list(text) })
export type User = Decoded<typeof user>

/** The first six digits and the last four. */
export const card = members({ id: text, customer: text, brand: text, bin: text, last4: text, status: text })
export type Card = Decoded<typeof card>

/** `amount` in minor units of the currency. */
export const payment = members({
  id: text,
  customer: text,
  card: text,
  amount: integer,
  currency: text,
  status: text,
  description: nullable(text),
  requested_by: text,
  decided_by: nullable(text),
})
export type Payment = Decoded<typeof payment>

const keyFacts = { id: text, version: integer, encrypts: flag, active_until: text }
export const rotatedKey = members(keyFacts)
/** A data key, and how many values are under it. */
export const dataKey = members({ ...keyFacts, rows: integer })
export type DataKey = Decoded<typeof dataKey>
export const dataKeys = members({ data: list(dataKey) })

/** A page of a list, newest first. */
export interface Page<T> {
  readonly data: readonly T[]
  readonly has_more: boolean
}

export function page<T>(item: Decoder<T>): Decoder<Page<T>> {
  return members({ data: list(item), has_more: flag })
}

/** RFC 6749 §5.1, as far as a step that handles tokens by hand reads it. */
export const issuedTokens = members({ access_token: text, refresh_token: optional(text), expires_in: integer })
export type IssuedTokens = Decoded<typeof issuedTokens>

/** OpenAPI 3.1, counted rather than read. */
export const openApiDocument = members({ openapi: text, paths: count })

export const health = members({ status: text })

/** Who a token stands for. */
export const principal = members({ id: text, kind: text, roles: list(text), scope: list(text) })

export const explanation = members({ decision: text, reason: text, rule_id: nullable(text), roles: list(text) })

export const assignment = members({ id: text, user: text, role: text })

/** An empty list admits every address. */
export const networkList = members({ data: list(members({ cidr: text })), max: integer, dry_run: flag })

export const networkVerdict = members({ allowed: flag, rule: nullable(text) })
