import { brandOf } from '../cards/pan.js'
import { type Currency, cards, customers, pans, payments } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import type { TenantTables } from '../encryption/tables.js'
import { formatId } from '../http/identifier.js'
import { cities, familyNames, givenNames, reasons, streets } from './names.js'
import { type SeededRandom, seededRandom } from './random.js'
import { historyEnd, type SampleTenant, type SeedSizes } from './samples.js'
import { testCardNumbers } from './test-cards.js'

/** Eighteen months of a tenant: who its customers are and what they paid. */
export interface History {
  readonly random: SeededRandom
  insert(tx: Transaction): Promise<void>
}

const eighteenMonthsMs = 548 * 86_400_000

export function makeHistory(
  tenant: SampleTenant,
  tables: TenantTables,
  sizes: SeedSizes,
  seedOfTenant: number,
): History {
  const random = seededRandom(seedOfTenant)
  const maker = personOf(tenant, 'maker')
  const checker = personOf(tenant, 'checker')
  const start = historyEnd - eighteenMonthsMs
  const createdBy = formatId('usr', maker.id)

  const customerRows = Array.from({ length: sizes.customers }, (_, index) =>
    makeCustomer(start + index * 3_600_000, index),
  )
  const panRows = testCardNumbers.map((pan, index) => makePan(pan, start + index))
  const cardRows = Array.from({ length: sizes.cards }, (_, index) => makeCard(start + index * 3_600_000, index))
  const step = Math.floor(eighteenMonthsMs / (sizes.payments + 1))
  const paymentRows = Array.from({ length: sizes.payments }, (_, index) => makePayment(start + (index + 1) * step))

  function makeCustomer(at: number, index: number) {
    const name = `${random.pick(givenNames)} ${random.pick(familyNames)}`
    const mailbox = `${name.toLowerCase().replace(' ', '.')}.${tenant.slug}${index}`
    return tables.customers.encrypt({
      id: random.uuid(at),
      tenantId: tenant.id,
      status: 'active' as const,
      name,
      email: `${mailbox}@example.com`,
      phone: `+447700900${String(random.below(1000)).padStart(3, '0')}`,
      address: { line1: `${1 + random.below(200)} ${random.pick(streets)}`, ...random.pick(cities), country: 'NG' },
      dateOfBirth: `${1950 + random.below(55)}-${two(1 + random.below(12))}-${two(1 + random.below(28))}`,
      nationalId: `NIN-${String(10_000_000 + random.below(89_999_999))}`,
      createdBy,
      createdAt: new Date(at),
    })
  }

  function makePan(pan: string, at: number) {
    const row = tables.pans.encrypt({ id: random.uuid(at), tenantId: tenant.id, pan, createdAt: new Date(at) })
    if (row.panEq === null) throw new TypeError('a card number has an index token')
    return { ...row, panEq: row.panEq }
  }

  function makeCard(at: number, index: number) {
    const which = index % testCardNumbers.length
    const pan = testCardNumbers[which] ?? testCardNumbers[0]
    const customer = customerRows[index % customerRows.length]
    const vault = panRows[which]
    const brand = brandOf(pan)
    if (customer === undefined || vault === undefined || brand === null) throw new TypeError('a card needs a customer')
    return tables.cards.encrypt({
      id: random.uuid(at),
      tenantId: tenant.id,
      customerId: customer.id,
      vaultRef: vault.id,
      brand,
      bin: pan.slice(0, 6),
      last4: pan.slice(-4),
      expMonth: 1 + random.below(12),
      expYear: 2028 + random.below(5),
      status: 'active' as const,
      cardholderName: `${random.pick(givenNames)} ${random.pick(familyNames)}`,
      createdBy,
      createdAt: new Date(at),
    })
  }

  function makePayment(at: number) {
    const card = cardRows[random.below(cardRows.length)]
    if (card === undefined) throw new TypeError('a payment needs a card')
    const chance = random.below(100)
    const status = chance < 75 ? 'succeeded' : chance < 85 ? 'rejected' : 'requires_approval'
    const decided = status !== 'requires_approval'
    return tables.payments.encrypt({
      id: random.uuid(at),
      tenantId: tenant.id,
      customerId: card.customerId,
      cardId: card.id,
      currency: random.pick<Currency>(['NGN', 'NGN', 'NGN', 'GBP', 'USD']),
      status: status as 'succeeded' | 'rejected' | 'requires_approval',
      amount: 1_000 + random.below(5_000_000),
      description: random.pick(reasons),
      metadata: { order: `A-${1000 + random.below(9000)}` },
      requestedBy: createdBy,
      requestedByPerson: maker.person,
      decidedBy: decided ? formatId('usr', checker.id) : null,
      decidedAt: decided ? new Date(at + 3_600_000) : null,
      decisionId: null,
      policyHash: null,
      createdAt: new Date(at),
    })
  }

  return {
    random,
    async insert(tx) {
      if (customerRows.length === 0) return
      await tx.drizzle.insert(customers).values(customerRows)
      await tx.drizzle.insert(pans).values(panRows)
      if (cardRows.length === 0) return
      await tx.drizzle.insert(cards).values(cardRows)
      for (let from = 0; from < paymentRows.length; from += 500) {
        await tx.drizzle.insert(payments).values(paymentRows.slice(from, from + 500))
      }
    },
  }
}

function personOf(tenant: SampleTenant, role: string) {
  const user = tenant.users.find((one) => one.role === role)
  if (user === undefined) throw new TypeError(`a tenant of the demo has a ${role}`)
  return user
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
