import { needing, ownServer, type TourStep } from '../context.js'
import { expectRefused, expectSame, expectThat } from '../expect.js'
import { fictionalCustomer, testCardNumber } from '../fiction.js'
import { showStored } from '../stored.js'

export const card: TourStep = {
  title: 'A card is its BIN and last 4; the number is in the vault, sealed',
  unless: needing('server', 'maker'),
  async run(context, report) {
    const { client } = context.member('maker')
    const server = ownServer(context)
    const customer = await client.createCustomer(fictionalCustomer(context))
    const sent = {
      number: context.plant('card number', testCardNumber),
      exp_month: 11,
      exp_year: new Date(context.clock.now()).getUTCFullYear() + 2,
      cardholder_name: customer.name ?? '',
    }
    const withCode = await expectRefused(
      'a card with its verification code',
      client.createCard(customer.id, Object.assign({ cvc: '123' }, sent)),
      400,
      'validation-failed',
    )
    report.fact(
      `POST …/cards with a cvc: ${withCode.message}, rule ${withCode.facts.errors?.[0]?.rule}: refused, not ignored`,
    )

    const made = await client.createCard(customer.id, sent)
    expectSame('the BIN', made.bin, sent.number.slice(0, 6))
    expectSame('the last four', made.last4, sent.number.slice(-4))
    report.fact(`POST …/cards: ${made.id}, ${made.brand} ${made.bin}…${made.last4}`)

    const row = await server.row('cards', made.id)
    expectSame('cards holds the number', JSON.stringify(row).includes(sent.number), false)
    const { vault_ref: reference } = row
    const { pan: stored } = await server.row('vault.pans', String(reference))
    const pan = String(stored)
    expectThat('the number in the vault', pan.startsWith('fle1'), 'ciphertext', pan.slice(0, 8))
    report.fact(`vault.pans.pan: ${showStored(pan)}`)
  },
}
