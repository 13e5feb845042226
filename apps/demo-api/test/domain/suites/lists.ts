import type { PolicyDocument } from '@coffer/rbac'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listAssignments } from '../../../src/assignments/assignments.js'
import { listCards } from '../../../src/cards/cards.js'
import { listCustomers } from '../../../src/customers/customers.js'
import { createDatabase, type Transaction } from '../../../src/db/transaction.js'
import { formatId, type IdPrefix } from '../../../src/http/identifier.js'
import { listPayments } from '../../../src/payments/states.js'
import { createPolicy, document } from '../../../src/policy/policy.js'
import { listUsers } from '../../../src/users/users.js'
import { newKey, type Role, type StartTestApp, type TestApp } from '../api.js'

/** The API's policy with rules of reading that depend on the row: on who made it, on its state, on whom it is about. */
const byRow: PolicyDocument = {
  ...document,
  roles: {
    ...document.roles,
    admin: {
      permit: [
        ...document.roles.admin.permit.filter((rule) => rule !== 'payment:read'),
        { id: 'admin-ended', permission: 'payment:read', when: { not: { 'resource.status': { eq: 'succeeded' } } } },
      ],
    },
  },
  deny: [
    ...document.deny,
    {
      id: 'maker-own',
      permission: 'payment:read',
      roles: ['maker', 'integration'],
      when: { 'resource.requestedByPerson': { ne: '$subject.person' } },
    },
    {
      id: 'checker-waiting',
      permission: 'payment:read',
      roles: ['checker'],
      when: { 'resource.status': { ne: 'requires_approval' } },
    },
    {
      id: 'support-active',
      permission: 'customer:read',
      roles: ['support'],
      when: { 'resource.status': { ne: 'active' } },
    },
    {
      id: 'integration-own',
      permission: ['customer:read', 'card:read'],
      roles: ['integration'],
      when: { 'resource.createdBy': { ne: '$subject.id' } },
    },
    {
      id: 'support-self',
      permission: 'user:read',
      roles: ['support'],
      when: { 'resource.id': { ne: '$subject.user' } },
    },
    {
      id: 'auditor-duties',
      permission: 'assignment:read',
      roles: ['auditor'],
      when: { 'resource.role': { in: ['owner', 'admin'] } },
    },
  ],
}

interface List {
  readonly name: string
  readonly permission: string
  readonly prefix: IdPrefix
  readonly table: string
  /** A row as stored, to what the policy reads of it: written here, not taken from the code under test. */
  readonly resource: (row: Row) => object
  readonly path: string
  /** The list's own query without the filter. */
  readonly unfiltered: (tx: Transaction, tenantId: string) => Promise<readonly unknown[]>
}

type Row = Readonly<Record<string, string>>

const everything = { limit: 99, after: null, visible: sql`true` }

/** Lists show the rows that a decision permits, and no other; over whichever database `start` opens. */
export function listSuite(start: StartTestApp): void {
  const roles: readonly Role[] = ['owner', 'admin', 'maker', 'checker', 'support', 'auditor', 'integration']
  let api: TestApp
  let tenantId: string
  let customerId: string

  beforeAll(async () => {
    api = await start({ sizes: { customers: 7, cards: 9, payments: 24 }, policy: byRow })
    const [tenant] = await api.rows<{ id: string }>("select id from app.tenants where slug = 'acme'")
    tenantId = tenant?.id ?? ''
    const newest = 'select id from app.customers where tenant_id = $1 order by id desc'
    await api.rows(`update app.customers set status = 'restricted' where id in (${newest} limit 2)`, [tenantId])
    const [card] = await api.rows<{ customer_id: string }>(
      `select customer_id from app.cards where tenant_id = $1
         and customer_id in (select id from app.customers where status = 'active')
        group by customer_id order by count(*) desc limit 1`,
      [tenantId],
    )
    customerId = card?.customer_id ?? ''
    await make()
  }, 120_000)
  afterAll(() => api?.close())

  /** Customers, cards and payments of the integration, between those of the seed's maker. */
  async function make(): Promise<void> {
    const token = await api.as('acme', 'integration')
    const post = (path: string, body: object) => api.call(path, { method: 'POST', token, key: newKey(), body })
    const holder = { exp_month: 1, exp_year: 2031, cardholder_name: 'A Holder' }
    for (const number of ['4242424242424242', '5555555555554444']) {
      const own = await post('/v1/customers', { name: 'Own Customer', email: 'own.customer@example.com' })
      const customer = formatId('cus', customerId)
      const card = await post(`/v1/customers/${customer}/cards`, { number, ...holder })
      const paid = await post('/v1/payments', { customer, card: card.body.id, amount: 700, currency: 'NGN' })
      expect([own.status, card.status, paid.status]).toEqual([201, 201, 201])
    }
  }

  const lists: readonly List[] = [
    {
      name: 'payments',
      permission: 'payment:read',
      prefix: 'pay',
      table: 'payments',
      resource: (row) => ({
        tenantId: row['tenant_id'],
        status: row['status'],
        requestedByPerson: row['requested_by_person'],
      }),
      path: '/v1/payments',
      unfiltered: (tx, tenant) => listPayments(tx, tenant, { ...everything, status: undefined, customerId: null }),
    },
    {
      name: 'customers',
      permission: 'customer:read',
      prefix: 'cus',
      table: 'customers',
      resource: (row) => ({
        id: row['id'],
        tenantId: row['tenant_id'],
        status: row['status'],
        createdBy: row['created_by'],
      }),
      path: '/v1/customers',
      unfiltered: (tx, tenant) => listCustomers(tx, tenant, everything),
    },
    {
      name: 'cards',
      permission: 'card:read',
      prefix: 'card',
      table: 'cards',
      resource: (row) => ({ tenantId: row['tenant_id'], createdBy: row['created_by'] }),
      path: '/v1/customers/:id/cards',
      unfiltered: (tx, tenant) => listCards(tx, tenant, customerId, everything),
    },
    {
      name: 'users',
      permission: 'user:read',
      prefix: 'usr',
      table: 'users',
      resource: (row) => ({ tenantId: row['tenant_id'], id: row['id'], isOwner: false }),
      path: '/v1/users',
      unfiltered: (tx, tenant) => listUsers(tx, tenant, everything),
    },
    {
      name: 'assignments',
      permission: 'assignment:read',
      prefix: 'asg',
      table: 'role_assignments',
      resource: (row) => ({
        tenantId: row['tenant_id'],
        userId: row['user_id'],
        role: row['role'],
        holderIsOwner: false,
      }),
      path: '/v1/assignments',
      unfiltered: (tx, tenant) => listAssignments(tx, tenant, everything),
    },
  ]

  /** Every row of both tenants, and whether a decision permits this role of acme to read it. */
  async function judged({ table, permission, resource }: List, role: Role) {
    const rows = await api.rows<Row>(`select * from app.${table} order by id desc`)
    const { body: me } = await api.call('/v1/me', { token: await api.as('acme', role) })
    const [held] = await api.rows<{ id: string; person: string }>(
      `select u.id, u.person from app.users u join app.role_assignments r on r.user_id = u.id
        where u.tenant_id = $1 and r.role = $2`,
      [tenantId, role === 'integration' ? 'owner' : role],
    )
    const session = createPolicy(byRow, api.clock).session({
      id: me.id,
      tenant: tenantId,
      roles: [role],
      attributes: {
        person: held?.person ?? '',
        tenantStatus: 'active',
        ...(role === 'integration' ? {} : { user: held?.id }),
      },
    })
    return rows
      .filter((row) => table !== 'cards' || row['customer_id'] === customerId)
      .map((row) => ({ row, permitted: session.can(permission as `${string}:${string}`, resource(row)) }))
  }

  /** The whole list, three rows at a time. Every page but the last is full and says that there is more. */
  async function paged(list: List, role: Role): Promise<readonly string[] | number> {
    const token = await api.as('acme', role)
    const path = list.path.replace(':id', formatId('cus', customerId))
    const seen: string[] = []
    for (let more = true; more; ) {
      const after = seen.length === 0 ? '' : `&starting_after=${seen.at(-1)}`
      const { status, body } = await api.call(`${path}?limit=3${after}`, { token })
      if (status !== 200) return status
      seen.push(...body.data.map(({ id }: { id: string }) => id))
      more = body.has_more
      if (more) expect(body.data).toHaveLength(3)
    }
    return seen
  }

  describe.each(lists)('the list of $name', (list) => {
    test.each(roles)('shows %s the rows that a decision permits, on full pages', async (role) => {
      const rows = await judged(list, role)
      const permitted = rows.filter((one) => one.permitted).map(({ row }) => formatId(list.prefix, row['id'] ?? ''))
      const isAsked = byRowAsks(role, list.permission)
      expect(await paged(list, role)).toEqual(isAsked ? permitted : 403)
    })

    test('would show more without the filter', async () => {
      const database = createDatabase(api.app.source)
      const unfiltered = await database.tenant(tenantId, (tx) => list.unfiltered(tx, tenantId))
      const narrowed = await Promise.all(
        roles
          .filter((role) => byRowAsks(role, list.permission))
          .map(async (role) => (await judged(list, role)).filter(({ permitted }) => permitted).length),
      )
      expect(Math.max(...narrowed)).toBe(unfiltered.length)
      expect(Math.min(...narrowed)).toBeLessThan(unfiltered.length)
      expect(Math.min(...narrowed)).toBeGreaterThan(0)
    })
  })

  test('a search finds what the list would show, and nothing besides', async () => {
    const search = async (role: Role, email: string) => {
      const token = await api.as('acme', role)
      const { body } = await api.call('/v1/customers/search', { method: 'POST', token, body: { email } })
      return body.data.length as number
    }
    expect([
      await search('owner', 'own.customer@example.com'),
      await search('integration', 'own.customer@example.com'),
    ]).toEqual([2, 2])
    const [restricted] = (
      await api.call('/v1/customers?limit=100', { token: await api.as('acme', 'maker') })
    ).body.data.filter(({ status }: { status: string }) => status === 'restricted')
    expect([await search('maker', restricted.email), await search('support', restricted.email)]).toEqual([1, 0])
    expect(await search('integration', restricted.email)).toBe(0)
  })

  test('a row that a list leaves out is refused when it is asked for by its ID', async () => {
    for (const list of lists.slice(0, 3)) {
      const hidden = (await judged(list, 'integration')).find(
        ({ row, permitted }) => !permitted && row['tenant_id'] === tenantId,
      )
      const id = formatId(list.prefix, hidden?.row['id'] ?? '')
      const { status } = await api.call(`/v1/${list.name}/${id}`, { token: await api.as('acme', 'integration') })
      expect([list.name, status]).toEqual([list.name, 403])
    }
  })
}

/** Whether any permit of the role is on this permission: written from the matrix of roles, not from the policy. */
function byRowAsks(role: Role, permission: string): boolean {
  if (permission === 'user:read') return ['owner', 'admin', 'support', 'auditor'].includes(role)
  if (permission === 'assignment:read') return ['owner', 'admin', 'auditor'].includes(role)
  return true
}
