import type { FinCodeClient } from '../client.js'
import type { Payment } from '../wire.js'
import type { TourContext } from './context.js'
import { fictionalCustomer, testCardNumber } from './fiction.js'

/** A payment by a customer and a card made for it. */
export async function makePayment(
  context: TourContext,
  client: FinCodeClient,
  idempotencyKey?: string,
): Promise<Payment> {
  const customer = await client.createCustomer(fictionalCustomer(context))
  const card = await client.createCard(customer.id, {
    number: context.plant('card number', testCardNumber),
    exp_month: 12,
    exp_year: new Date(context.clock.now()).getUTCFullYear() + 1,
    cardholder_name: customer.name ?? '',
  })
  return client.createPayment(
    { customer: customer.id, card: card.id, amount: 125_000, currency: 'NGN', description: 'School fees, second term' },
    idempotencyKey === undefined ? {} : { idempotencyKey },
  )
}
