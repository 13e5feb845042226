import { Type } from 'typebox'
import { Card, cardsInVault, findCard, viewCard } from '../cards/cards.js'
import { brandOf } from '../cards/pan.js'
import { noteSearch, takeSearch } from '../cards/pan-search.js'
import { findPan, findPans } from '../cards/vault.js'
import { Problem } from '../http/problem.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { cardResource } from '../policy/resources.js'
import { visibleRows } from '../policy/visible-rows.js'
import { pathId } from './paging.js'
import { AnyId, Closed, IdParams } from './schemas.js'

/** Why a whole number is shown. A closed list: what is recorded in clear is nobody's free text. */
const revealReasons = ['chargeback', 'customer_request', 'fraud_review', 'migration'] as const

const RevealedCard = Closed({
  id: AnyId,
  number: Type.String(),
  cardholder_name: Type.String(),
  exp_month: Type.Integer(),
  exp_year: Type.Integer(),
})

/** What works on whole card numbers: finding the cards of one, and showing one. */
export function cardNumberRoutes(): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      url: '/v1/cards/search',
      summary: 'Finds cards by their whole number, through a keyed index. 100 look-ups an hour, each recorded.',
      permission: 'card:read',
      limit: 'sensitive',
      problems: ['card-not-accepted'],
      schema: {
        body: Closed({ number: Type.String({ pattern: '^[0-9]{12,19}$' }) }),
        response: { 200: Closed({ data: Type.Array(Card) }) },
      },
      handler: async ({ body }, context) => {
        const { tenantId, id: actor } = context.principal
        if (brandOf(body.number) === null) throw new Problem('card-not-accepted')
        const tables = await context.tables()
        const visible = visibleRows(context.session, 'card:read')
        const rows = await context.tenant(async (tx) => {
          const now = context.clock.now()
          await takeSearch(tx, { tenantId, actor, now })
          const found = await findPans(tx, tables, { tenantId, pan: body.number })
          noteSearch(tx, now, found)
          return cardsInVault(tx, tenantId, found, visible)
        })
        return answer(200, { data: rows.map(viewCard) })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/cards/:id/reveal',
      summary: 'Shows a whole card number, for a reason. Recorded before it is shown; 100 fields an hour.',
      permission: 'card:reveal',
      limit: 'sensitive',
      schema: {
        params: IdParams,
        body: Closed({ reason: Type.Enum([...revealReasons]) }),
        response: { 200: RevealedCard },
      },
      handler: async ({ params, body }, context) => {
        const id = pathId('card', params.id)
        const { tenantId } = context.principal
        const tables = await context.tables()
        const revealed = await context.tenant(async (tx) => {
          const row = await findCard(tx, tenantId, id)
          if (row === null) throw new Problem('not-found')
          context.require('card:reveal', cardResource(row))
          const stored = await findPan(tx, tenantId, row.vaultRef)
          const opened = tx.open(
            'reveal',
            (as) => ({
              name: tables.cards.decryptField('cardholderName', row.cardholderName, { tenantId, id }, as),
              pan: tables.pans.decryptField('pan', stored, { tenantId, id: row.vaultRef }, as),
            }),
            body.reason,
          )
          const number = opened.pan?.reveal() ?? ''
          // The entry is authentic; whether it is this card's is told by what the card shows of it.
          if (!number.startsWith(row.bin) || !number.endsWith(row.last4)) throw new Problem('internal')
          return { number, cardholder_name: opened.name ?? '', exp_month: row.expMonth, exp_year: row.expYear }
        })
        return answer(200, { id: params.id, ...revealed })
      },
    }),
  ]
}
