import type { NewCustomer } from '../../client.js'
import { needing, type TourContext, type TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'
import { fictionalCustomer } from '../fiction.js'
import type { Report } from '../run.js'

export const customers: TourStep = {
  title: 'Reads customers; who asks decides what is clear and what is masked',
  unless: needing('integrator'),
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
    report.fact(`as integration: e-mail ${seen.email}, national ID ${seen.national_id}`)
    if (context.has('checker')) await asChecker(context, report, made.id, sent)
    else report.fact('as checker: not shown, FINCODE_CHECKER_EMAIL is not set')

    const { data, has_more } = await client.listCustomers({ limit: 5 })
    expectThat('customers on the first page', data.length >= 1 && data.length <= 5, '1 to 5', data.length)
    expectSame('the newest customer', data[0]?.id, made.id)
    report.fact(`GET /v1/customers?limit=5: ${data.length}, newest first, ${has_more ? 'more behind' : 'no more'}`)
  },
}

/** A checker sees that there is an e-mail address, and learns nothing of a national ID. */
async function asChecker(context: TourContext, report: Report, id: string, sent: NewCustomer): Promise<void> {
  const seen = await context.member('checker').client.getCustomer(id)
  expectThat("the checker's view of the e-mail", seen.masked.includes('email'), 'masked', seen.masked.join(', '))
  expectThat('the masked e-mail', seen.email !== sent.email, 'not the e-mail', seen.email)
  expectSame('the national ID, to the checker', seen.national_id, undefined)
  report.fact(`as checker:     e-mail ${seen.email}, national ID not shown at all`)
}
