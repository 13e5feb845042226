import { Type } from 'typebox'
import { Card, findCard, insertCard, listCards, viewCard } from '../cards/cards.js'
import { refuseCardNumbers } from '../cards/free-text-scan.js'
import { brandOf } from '../cards/pan.js'
import { storePan } from '../cards/vault.js'
import { findCustomer } from '../customers/customers.js'
import { newUuid } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { cardResource, resourceFor } from '../policy/resources.js'
import { visibleRows } from '../policy/visible-rows.js'
import type { RouteDependencies } from './dependencies.js'
import { pageOf, pathId, readPage } from './paging.js'
import { Closed, IdempotencyHeaders, IdParams, Line, pageQuery } from './schemas.js'

/** There is no member for a verification code, so one that is sent is refused: it must not be kept even for a moment. */
const NewCard = Closed({
  number: Type.String({ pattern: '^[0-9]{12,19}$' }),
  exp_month: Type.Integer({ minimum: 1, maximum: 12 }),
  exp_year: Type.Integer({ minimum: 2000, maximum: 2099 }),
  cardholder_name: Line(100),
})

/** Cards: the number goes to the vault, first six and last four stay. */
export function cardRoutes({ idempotency, acceptedPans }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/customers/:id/cards',
      summary: "Lists a customer's cards, newest first.",
      permission: 'card:read',
      limit: 'read',
      schema: {
        params: IdParams,
        querystring: Closed(pageQuery),
        response: { 200: Closed({ data: Type.Array(Card), has_more: Type.Boolean() }) },
      },
      handler: async ({ params, query }, context) => {
        const customerId = pathId('cus', params.id)
        const page = readPage(query, 'card')
        const { tenantId } = context.principal
        const rows = await context.tenant(async (tx) => {
          if ((await findCustomer(tx, tenantId, customerId)) === null) throw new Problem('not-found')
          return listCards(tx, tenantId, customerId, { ...page, visible: visibleRows(context.session, 'card:read') })
        })
        return answer(200, pageOf(rows, page, viewCard))
      },
    }),
    route({
      method: 'GET',
      url: '/v1/cards/:id',
      summary: 'Reads one card.',
      permission: 'card:read',
      limit: 'read',
      schema: { params: IdParams, response: { 200: Card } },
      handler: async ({ params }, context) => {
        const id = pathId('card', params.id)
        const { tenantId } = context.principal
        const row = await context.tenant((tx) => findCard(tx, tenantId, id))
        if (row === null) throw new Problem('not-found')
        context.require('card:read', cardResource(row))
        return answer(200, viewCard(row))
      },
    }),
    route({
      method: 'POST',
      url: '/v1/customers/:id/cards',
      summary: 'Adds a card.',
      permission: 'card:create',
      limit: 'money',
      problems: ['card-not-accepted', 'cardholder-data-in-text'],
      schema: { params: IdParams, headers: IdempotencyHeaders, body: NewCard, response: { 201: Card } },
      handler: async ({ params, body, headers }, context) => {
        refuseCardNumbers(body.cardholder_name)
        const customerId = pathId('cus', params.id)
        const { tenantId, id: createdBy } = context.principal
        const brand = brandOf(body.number)
        if (brand === null || (acceptedPans !== null && !acceptedPans.has(body.number))) {
          throw new Problem('card-not-accepted')
        }
        if (hasExpired(body, context.clock.now())) throw new Problem('card-not-accepted')
        const tables = await context.tables()
        const call = {
          route: 'POST /v1/customers/:id/cards',
          key: headers['idempotency-key'],
          // The fingerprint is stored: a keyed token of the number stands in for the number, which could be guessed from a
          // hash. The oldest key's, which a rotation leaves as it is: a repeat after one is still a repeat.
          input: { customerId, ...body, number: tables.pans.query('panEq', { tenantId, pan: body.number })[0] },
        }
        return idempotency.once(context, call, async (tx) => {
          const customer = await findCustomer(tx, tenantId, customerId)
          if (customer === null) throw new Problem('not-found')
          context.require('card:create', resourceFor(customer))
          const now = context.clock.now()
          const vaultRef = await storePan(tx, tables, { tenantId, pan: body.number, now })
          const row = tables.cards.encrypt({
            id: newUuid(now),
            tenantId,
            customerId,
            vaultRef,
            brand,
            bin: body.number.slice(0, 6),
            last4: body.number.slice(-4),
            expMonth: body.exp_month,
            expYear: body.exp_year,
            status: 'active' as const,
            cardholderName: body.cardholder_name,
            createdBy,
            createdAt: new Date(now),
          })
          await insertCard(tx, row)
          return { status: 201, body: viewCard(row) }
        })
      },
    }),
  ]
}

/** A card is good to the end of its month. */
function hasExpired(card: { readonly exp_month: number; readonly exp_year: number }, now: number): boolean {
  return now >= Date.UTC(card.exp_year, card.exp_month, 1)
}
