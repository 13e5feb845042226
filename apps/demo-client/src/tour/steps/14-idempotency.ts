import { randomUUID } from 'node:crypto'
import { needing, type TourStep } from '../context.js'
import { expectRefused, expectSame } from '../expect.js'
import { fictionalCustomer, testCardNumber } from '../fiction.js'

export const idempotency: TourStep = {
  title: 'A payment sent twice under one key is made once',
  unless: needing('integrator'),
  async run(context, report) {
    const { client } = context.member('integrator')
    const customer = await client.createCustomer(fictionalCustomer(context))
    const card = await client.createCard(customer.id, {
      number: context.plant('card number', testCardNumber),
      exp_month: 12,
      exp_year: new Date(context.clock.now()).getUTCFullYear() + 1,
      cardholder_name: customer.name ?? '',
    })
    const body = { customer: customer.id, card: card.id, amount: 50_000, currency: 'NGN' }
    const idempotencyKey = randomUUID()
    const first = await client.createPayment(body, { idempotencyKey })
    const second = await client.createPayment(body, { idempotencyKey })
    expectSame('the payment of the repeat', second.id, first.id)
    const listed = await client.listPayments({ customer: customer.id })
    expectSame('payments of the customer', listed.data.length, 1)
    report.fact(`POST /v1/payments twice, one Idempotency-Key: both answers are ${first.id}, one payment is listed`)

    const other = client.createPayment({ ...body, amount: 60_000 }, { idempotencyKey })
    await expectRefused('another amount under the same key', other, 422, 'idempotency-mismatch')
    report.fact('another amount under the same key: 422 idempotency-mismatch')

    const inText = { ...body, description: `card ${testCardNumber.replace(/(\d{4})(?=\d)/g, '$1 ')}` }
    await expectRefused('a card number in a description', client.createPayment(inText), 422, 'cardholder-data-in-text')
    report.fact('a card number in the description: 422 cardholder-data-in-text')
  },
}
