import { findAssignment } from '../assignments/assignments.js'
import { findCard } from '../cards/cards.js'
import { findCustomer } from '../customers/customers.js'
import type { Transaction } from '../db/transaction.js'
import { type IdPrefix, parseId } from '../http/identifier.js'
import type { RequestContext } from '../http/request-context.js'
import { findPayment } from '../payments/states.js'
import { findUser, rolesOf } from '../users/users.js'
import {
  assignmentResource,
  cardResource,
  customerResource,
  paymentResource,
  resourceFor,
  userResource,
} from './resources.js'

interface Asked {
  readonly tenantId: string
  readonly uuid: string
  readonly permission: string
  readonly now: number
}

/**
 * The stored row that an ID names, as the policy sees it. What is yet to be made is asked about by what it is made in: a
 * card or payment by its customer, anything else by the tenant.
 *
 * @returns `null` for an ID that is none, or names nothing of the caller's tenant.
 */
export async function findFacts(context: RequestContext, permission: string, id: string): Promise<object | null> {
  const { tenantId } = context.principal
  const prefix = id.slice(0, Math.max(0, id.indexOf('_')))
  const uuid = isAskable(prefix) ? parseId(prefix, id) : null
  if (!isAskable(prefix) || uuid === null) return null
  if (prefix === 'ten') return uuid === tenantId ? { tenantId } : null
  return context.tenant((tx) => rows[prefix](tx, { tenantId, uuid, permission, now: context.clock.now() }))
}

type Askable = Extract<IdPrefix, 'asg' | 'card' | 'cus' | 'pay' | 'usr'>

const rows: Readonly<Record<Askable, (tx: Transaction, asked: Asked) => Promise<object | null>>> = {
  async cus(tx, { tenantId, uuid, permission }) {
    const row = await findCustomer(tx, tenantId, uuid)
    if (row === null) return null
    return permission === 'payment:create' || permission === 'card:create' ? resourceFor(row) : customerResource(row)
  },
  async card(tx, { tenantId, uuid }) {
    const row = await findCard(tx, tenantId, uuid)
    return row === null ? null : cardResource(row)
  },
  async pay(tx, { tenantId, uuid }) {
    const row = await findPayment(tx, tenantId, uuid)
    return row === null ? null : paymentResource(row)
  },
  async usr(tx, { tenantId, uuid, now }) {
    const row = await findUser(tx, tenantId, uuid)
    return row === null ? null : userResource(tenantId, uuid, await isOwner(tx, tenantId, uuid, now))
  },
  async asg(tx, { tenantId, uuid, now }) {
    const row = await findAssignment(tx, tenantId, uuid)
    if (row === null) return null
    return assignmentResource(tenantId, row.userId, row.role, await isOwner(tx, tenantId, row.userId, now))
  },
}

function isAskable(prefix: string): prefix is Askable | 'ten' {
  return prefix === 'ten' || Object.hasOwn(rows, prefix)
}

async function isOwner(tx: Transaction, tenantId: string, userId: string, now: number): Promise<boolean> {
  return (await rolesOf(tx, tenantId, [userId], now)).get(userId)?.includes('owner') === true
}
