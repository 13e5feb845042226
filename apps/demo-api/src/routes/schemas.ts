import { type TProperties, Type } from 'typebox'
import { currencies, plans } from '../db/schema.js'

/** An object with these members and no others. */
export function Closed<const P extends TProperties>(properties: P, options: { minProperties?: number } = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

/** A wire ID in a body or query. */
export function Id(prefix: 'card' | 'cus' | 'usr', description?: string) {
  const pattern = `^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`
  return Type.String(description === undefined ? { pattern } : { pattern, description })
}

/** An ID in the path: one that does not parse gets the answer of one that was never issued. */
export const IdParams = Closed({
  id: Type.String({ maxLength: 64, description: 'The ID of the object, as an answer has named it.' }),
})

/** An ID in an answer. */
export const AnyId = Type.String()

/** RFC 3339 in UTC. */
export const Timestamp = Type.String({ format: 'date-time' })

export const Currency = Type.Enum([...currencies])
export const PlanName = Type.Enum([...plans])

/** Integer minor units. */
export const Amount = Type.Integer({ minimum: 1, maximum: 999_999_999_999 })

/** Free text on one line, without control characters. */
export function Line(maxLength: number) {
  return Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })
}

export const Email = Type.String({
  maxLength: 254,
  pattern: '^[^\\s@\\u0000-\\u001f]{1,64}@[^\\s@\\u0000-\\u001f]{1,189}$',
})
/** E.164. */
export const Phone = Type.String({ pattern: '^\\+[1-9][0-9]{6,14}$' })
export const CalendarDate = Type.String({ pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' })

export const PostalAddress = Closed({
  line1: Line(100),
  line2: Type.Optional(Line(100)),
  city: Line(100),
  postal_code: Type.Optional(Line(16)),
  country: Type.String({ pattern: '^[A-Z]{2}$' }),
})

/** Query members are text: nothing is coerced. */
export const pageQuery = {
  limit: Type.Optional(
    Type.String({
      pattern: '^(?:[1-9][0-9]?|100)$',
      description: 'How many objects at most: 1 to 100, 20 by default.',
    }),
  ),
  starting_after: Type.Optional(
    Type.String({ maxLength: 64, description: 'The last ID of the page before: the list goes on after it.' }),
  ),
}

/** Header names are open by nature; this one is read. */
export const IdempotencyHeaders = Type.Object({ 'idempotency-key': Type.Optional(Type.String()) })
