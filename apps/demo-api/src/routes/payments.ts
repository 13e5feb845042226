import { Type } from 'typebox'
import { findCard } from '../cards/cards.js'
import { refuseCardNumbers } from '../cards/free-text-scan.js'
import { findCustomer } from '../customers/customers.js'
import { paymentStates } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { newUuid, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import {
  decidePayment,
  findPayment,
  initialState,
  insertPayment,
  listPayments,
  lockPayment,
} from '../payments/states.js'
import { Metadata, Payment, viewPayment } from '../payments/view.js'
import { paymentResource, resourceFor } from '../policy/resources.js'
import { visibleRows } from '../policy/visible-rows.js'
import { findTenant } from '../tenants/tenants.js'
import type { RouteDependencies } from './dependencies.js'
import { pageOf, pathId, readPage } from './paging.js'
import { Amount, Closed, Currency, Id, IdempotencyHeaders, IdParams, Line, pageQuery } from './schemas.js'

const NewPayment = Closed({
  customer: Id('cus'),
  card: Id('card'),
  amount: Amount,
  currency: Currency,
  description: Type.Optional(Line(500)),
  metadata: Type.Optional(Metadata),
})

/** Payments: made by one person, approved or rejected by another. Settlement is simulated in the same transaction. */
export function paymentRoutes({ idempotency }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/payments',
      summary: 'Lists payments, newest first.',
      permission: 'payment:read',
      limit: 'read',
      schema: {
        querystring: Closed({
          ...pageQuery,
          status: Type.Optional(Type.Enum([...paymentStates], { description: 'Only payments in this state.' })),
          customer: Type.Optional(Id('cus', 'Only payments of this customer.')),
        }),
        response: { 200: Closed({ data: Type.Array(Payment), has_more: Type.Boolean() }) },
      },
      handler: async ({ query }, context) => {
        const page = readPage(query, 'pay')
        const { tenantId } = context.principal
        const tables = await context.tables()
        const customerId = query.customer === undefined ? null : parseId('cus', query.customer)
        const visible = visibleRows(context.session, 'payment:read')
        const payments = await context.tenant(async (tx) => {
          const rows = await listPayments(tx, tenantId, { ...page, visible, status: query.status, customerId })
          return pageOf(rows, page, (row) => viewPayment(tx, tables, row))
        })
        return answer(200, payments)
      },
    }),
    route({
      method: 'GET',
      url: '/v1/payments/:id',
      summary: 'Reads one payment.',
      permission: 'payment:read',
      limit: 'read',
      schema: { params: IdParams, response: { 200: Payment } },
      handler: async ({ params }, context) => {
        const id = pathId('pay', params.id)
        const { tenantId } = context.principal
        const tables = await context.tables()
        const view = await context.tenant(async (tx) => {
          const row = await findPayment(tx, tenantId, id)
          if (row === null) throw new Problem('not-found')
          context.require('payment:read', paymentResource(row))
          return viewPayment(tx, tables, row)
        })
        return answer(200, view)
      },
    }),
    route({
      method: 'POST',
      url: '/v1/payments',
      summary: 'Makes a payment; at or above the approval threshold it waits for another person.',
      permission: 'payment:create',
      limit: 'money',
      problems: ['not-found', 'cardholder-data-in-text'],
      schema: { headers: IdempotencyHeaders, body: NewPayment, response: { 201: Payment } },
      handler: async ({ body, headers }, context) => {
        refuseCardNumbers(body.description, ...Object.values(body.metadata ?? {}))
        const { tenantId, id: actor, person } = context.principal
        const tables = await context.tables()
        const call = { route: 'POST /v1/payments', key: headers['idempotency-key'], input: body }
        return idempotency.once(context, call, async (tx) => {
          const customer = await findCustomer(tx, tenantId, pathId('cus', body.customer))
          const card = await findCard(tx, tenantId, pathId('card', body.card))
          const tenant = await findTenant(tx, tenantId)
          if (customer === null || card === null || card.customerId !== customer.id) throw new Problem('not-found')
          context.require('payment:create', resourceFor(customer))
          const now = context.clock.now()
          const row = tables.payments.encrypt({
            id: newUuid(now),
            tenantId,
            customerId: customer.id,
            cardId: card.id,
            currency: body.currency,
            status: initialState(body.amount, tenant.approvalThreshold),
            amount: body.amount,
            description: body.description ?? null,
            metadata: body.metadata ?? null,
            requestedBy: actor,
            requestedByPerson: person,
            decidedBy: null,
            decidedAt: null,
            decisionId: null,
            policyHash: null,
            createdAt: new Date(now),
          })
          await insertPayment(tx, row)
          return { status: 201, body: viewPayment(tx, tables, row) }
        })
      },
    }),
    verdictRoute('approve', 'Approves a payment that another person made.'),
    verdictRoute('reject', 'Rejects a payment that another person made.'),
  ]

  function verdictRoute(verb: 'approve' | 'reject', summary: string): AnyRoute {
    const url = `/v1/payments/:id/${verb}` as const
    return route({
      method: 'POST',
      url,
      summary,
      permission: `payment:${verb}`,
      limit: 'money',
      problems: ['state-conflict'],
      schema: { params: IdParams, headers: IdempotencyHeaders, response: { 200: Payment } },
      handler: async ({ params, headers }, context) => {
        const id = pathId('pay', params.id)
        const tables = await context.tables()
        const call = { route: `POST ${url}`, key: headers['idempotency-key'], input: { id } }
        return idempotency.once(context, call, async (tx) => {
          const row = await decide(tx, context, id, verb)
          return { status: 200, body: viewPayment(tx, tables, row, 'approve') }
        })
      },
    })
  }

  async function decide(tx: Transaction, context: RequestContext, id: string, verb: 'approve' | 'reject') {
    const { tenantId, id: actor } = context.principal
    const payment = await lockPayment(tx, tenantId, id)
    if (payment === null) throw new Problem('not-found')
    const decision = context.require(`payment:${verb}`, paymentResource(payment))
    const decided = await decidePayment(tx, tenantId, id, {
      to: verb === 'approve' ? 'succeeded' : 'rejected',
      decidedBy: actor,
      decidedAt: new Date(context.clock.now()),
      decisionId: decision.id,
      policyHash: decision.policyHash,
    })
    if (decided === null) throw new Problem('state-conflict')
    return decided
  }
}
