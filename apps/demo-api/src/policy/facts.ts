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
  readonly now: number
}

type Stored = Extract<IdPrefix, 'asg' | 'card' | 'pay' | 'usr'>

/** IDs that a question about each type of resource may name; about any other type, the tenant's. */
const askable: ReadonlyMap<string, readonly (Stored | 'cus' | 'ten')[]> = new Map([
  ['customer', ['cus', 'ten']],
  ['card', ['card', 'cus']],
  ['payment', ['pay', 'cus']],
  ['user', ['usr', 'ten']],
  ['assignment', ['asg', 'ten']],
])

/**
 * The stored row that an ID names, as the policy sees it. What is yet to be made is asked about by what it is made in: a
 * card or payment by its customer, anything else by the tenant.
 *
 * @returns `null` for an ID that is none, is of another type, or names nothing of the caller's tenant.
 */
export async function findFacts(context: RequestContext, type: string, id: string): Promise<object | null> {
  const { tenantId } = context.principal
  const prefix = (askable.get(type) ?? (['ten'] as const)).find((one) => id.startsWith(`${one}_`))
  const uuid = prefix === undefined ? null : parseId(prefix, id)
  if (prefix === undefined || uuid === null) return null
  const now = context.clock.now()
  switch (prefix) {
    case 'ten':
      return uuid === tenantId ? { tenantId } : null
    case 'cus':
      return context.tenant((tx) => customerFacts(tx, type, { tenantId, uuid, now }))
    default:
      return context.tenant((tx) => stored[prefix](tx, { tenantId, uuid, now }))
  }
}

async function customerFacts(tx: Transaction, type: string, { tenantId, uuid }: Asked): Promise<object | null> {
  const row = await findCustomer(tx, tenantId, uuid)
  if (row === null) return null
  return type === 'customer' ? customerResource(row) : resourceFor(row)
}

const stored: Readonly<Record<Stored, (tx: Transaction, asked: Asked) => Promise<object | null>>> = {
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

async function isOwner(tx: Transaction, tenantId: string, userId: string, now: number): Promise<boolean> {
  return (await rolesOf(tx, tenantId, [userId], now)).get(userId)?.includes('owner') === true
}
