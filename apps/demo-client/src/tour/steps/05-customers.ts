import { needing, type TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'
import { fictionalCustomer } from '../fiction.js'

export const customers: TourStep = {
  title: 'Reads customers; who asks decides what is clear and what is masked',
  unless: needing('integrator', 'checker'),
  async run(context, report) {
    const { client } = context.member('integrator')
    const sent = fictionalCustomer(context)
    const made = await client.createCustomer(sent)
    report.fact(`POST /v1/customers: ${made.id}, ${sent.name}`)

    const found = await client.searchCustomers({ email: sent.email })
    expectSame('customers with that e-mail', found.data.length, 1)
    expectSame('the customer found', found.data[0]?.id, made.id)
    report.fact('POST /v1/customers/search by e-mail: found by a blind index, the address never in a URL')

    const seen = await client.getCustomer(made.id)
    expectSame("the integrator's view of the e-mail", seen.email, sent.email)
    const checked = await context.member('checker').client.getCustomer(made.id)
    expectThat(
      "the checker's view of the e-mail",
      checked.masked.includes('email'),
      'masked',
      checked.masked.join(', '),
    )
    expectThat('the masked e-mail', checked.email !== sent.email, 'not the e-mail', checked.email)
    expectSame('the national ID, to the checker', checked.national_id, undefined)
    report.fact(`as integration: e-mail ${seen.email}, national ID ${seen.national_id}`)
    report.fact(`as checker:     e-mail ${checked.email}, national ID not shown at all`)

    const page = await client.listCustomers({ limit: 5 })
    expectThat(
      'customers on the first page',
      page.data.length >= 1 && page.data.length <= 5,
      '1 to 5',
      page.data.length,
    )
    expectSame('the newest customer', page.data[0]?.id, made.id)
    report.fact(
      `GET /v1/customers?limit=5: ${page.data.length} of them, newest first, ${page.has_more ? 'more behind' : 'no more'}`,
    )
  },
}
