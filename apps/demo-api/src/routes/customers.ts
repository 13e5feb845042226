import { type Static, Type } from 'typebox'
import { refuseCardNumbers } from '../cards/free-text-scan.js'
import {
  type CustomerRow,
  findCustomer,
  findCustomersByEmail,
  insertCustomer,
  listCustomers,
  lockCustomer,
  updateCustomer,
} from '../customers/customers.js'
import { withRekeyed } from '../customers/rekey.js'
import { Customer, viewCustomer } from '../customers/view.js'
import type { OpeningTransaction } from '../encryption/openings.js'
import type { TenantTables } from '../encryption/tables.js'
import { newUuid } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { customerResource } from '../policy/resources.js'
import { visibleRows } from '../policy/visible-rows.js'
import type { RouteDependencies } from './dependencies.js'
import { pageOf, pathId, readPage } from './paging.js'
import {
  CalendarDate,
  Closed,
  Email,
  IdempotencyHeaders,
  IdParams,
  Line,
  Phone,
  PostalAddress,
  pageQuery,
} from './schemas.js'

const optional = {
  email: Type.Optional(Email),
  phone: Type.Optional(Phone),
  address: Type.Optional(PostalAddress),
  date_of_birth: Type.Optional(CalendarDate),
  national_id: Type.Optional(Line(40)),
}
const NewCustomer = Closed({ name: Line(100), ...optional })
const CustomerChange = Closed({ name: Type.Optional(Line(100)), ...optional }, { minProperties: 1 })
const Customers = Closed({ data: Type.Array(Customer), has_more: Type.Boolean() })

/** Customers: personal members are encrypted at rest and shown by role. */
export function customerRoutes({ idempotency }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/customers',
      summary: 'Lists customers, newest first.',
      permission: 'customer:read',
      limit: 'read',
      schema: { querystring: Closed(pageQuery), response: { 200: Customers } },
      handler: async ({ query }, context) => {
        const page = readPage(query, 'cus')
        const { tenantId } = context.principal
        const tables = await context.tables()
        const visible = visibleRows(context.session, 'customer:read')
        const { data, has_more } = await context.tenant(async (tx) => {
          const rows = await listCustomers(tx, tenantId, { ...page, visible })
          return pageOf(rows, page, (row) => viewCustomer(tx, context, tables, row))
        })
        return answer(200, { data: data.filter((view) => view !== null), has_more })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/customers/search',
      summary: 'Finds customers by e-mail address, through a blind index.',
      permission: 'customer:read',
      limit: 'read',
      schema: { body: Closed({ email: Email }), response: { 200: Customers } },
      handler: async ({ body }, context) => {
        const { tenantId } = context.principal
        const tables = await context.tables()
        const page = { limit: 100, visible: visibleRows(context.session, 'customer:read') }
        const { data, has_more } = await context.tenant(async (tx) => {
          // Inside: a transaction that is run again, because a data key has been added, looks for its tokens as well.
          const tokens = tables.customers.query('emailEq', { tenantId, email: body.email })
          const rows = await findCustomersByEmail(tx, tenantId, tokens, page)
          return pageOf(rows, page, (row) => viewCustomer(tx, context, tables, row))
        })
        return answer(200, { data: data.filter((view) => view !== null), has_more })
      },
    }),
    route({
      method: 'GET',
      url: '/v1/customers/:id',
      summary: 'Reads one customer.',
      permission: 'customer:read',
      limit: 'read',
      schema: { params: IdParams, response: { 200: Customer } },
      handler: async ({ params }, context) => {
        const id = pathId('cus', params.id)
        const { tenantId } = context.principal
        const tables = await context.tables()
        const view = await context.tenant(async (tx) => {
          const row = await findCustomer(tx, tenantId, id)
          if (row === null) throw new Problem('not-found')
          context.require('customer:read', customerResource(row))
          return shown(tx, context, tables, row)
        })
        return answer(200, view)
      },
    }),
    route({
      method: 'POST',
      url: '/v1/customers',
      summary: 'Adds a customer.',
      permission: 'customer:create',
      limit: 'write',
      problems: ['cardholder-data-in-text'],
      schema: { headers: IdempotencyHeaders, body: NewCustomer, response: { 201: Customer } },
      handler: async ({ body, headers }, context) => {
        refuseCardNumbers(...textsOf(body))
        const { tenantId, id: createdBy } = context.principal
        const tables = await context.tables()
        const call = { route: 'POST /v1/customers', key: headers['idempotency-key'], input: body }
        return idempotency.once(context, call, async (tx) => {
          const now = context.clock.now()
          const row = tables.customers.encrypt({
            id: newUuid(now),
            tenantId,
            status: 'active' as const,
            name: body.name,
            email: body.email ?? null,
            phone: body.phone ?? null,
            address: body.address ?? null,
            dateOfBirth: body.date_of_birth ?? null,
            nationalId: body.national_id ?? null,
            createdBy,
            createdAt: new Date(now),
          })
          context.require('customer:create', customerResource(row))
          await insertCustomer(tx, row)
          return { status: 201, body: shown(tx, context, tables, row) }
        })
      },
    }),
    route({
      method: 'PATCH',
      url: '/v1/customers/:id',
      summary: 'Corrects a customer.',
      permission: 'customer:update',
      limit: 'write',
      problems: ['cardholder-data-in-text'],
      schema: { params: IdParams, body: CustomerChange, response: { 200: Customer } },
      handler: async ({ params, body }, context) => {
        refuseCardNumbers(...textsOf(body))
        const id = pathId('cus', params.id)
        const { tenantId } = context.principal
        const tables = await context.tables()
        const view = await context.tenant(async (tx) => {
          const before = await lockCustomer(tx, tenantId, id)
          if (before === null) throw new Problem('not-found')
          context.require('customer:update', customerResource(before))
          const change = withRekeyed(tx, tables, before, encryptChange(tables, { tenantId, id }, body))
          const row = await updateCustomer(tx, tenantId, id, change)
          if (row === null) throw new Problem('not-found')
          return shown(tx, context, tables, row)
        })
        return answer(200, view)
      },
    }),
  ]
}

function shown(tx: OpeningTransaction, context: RequestContext, tables: TenantTables, row: CustomerRow) {
  const view = viewCustomer(tx, context, tables, row)
  if (view === null) throw new Problem('not-found')
  return view
}

/** Only what was sent: an absent member stays as it is, and its index with it. */
function encryptChange(
  { customers }: TenantTables,
  bound: { readonly tenantId: string; readonly id: string },
  change: Static<typeof CustomerChange>,
) {
  const {
    tenantId: _tenantId,
    id: _id,
    ...columns
  } = customers.encrypt({
    ...bound,
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.email === undefined ? {} : { email: change.email }),
    ...(change.phone === undefined ? {} : { phone: change.phone }),
    ...(change.address === undefined ? {} : { address: change.address }),
    ...(change.date_of_birth === undefined ? {} : { dateOfBirth: change.date_of_birth }),
    ...(change.national_id === undefined ? {} : { nationalId: change.national_id }),
  })
  return columns
}

function textsOf(change: Static<typeof CustomerChange>): readonly (string | undefined)[] {
  const { name, email, national_id, address } = change
  return [name, email, national_id, ...Object.values(address ?? {})]
}
