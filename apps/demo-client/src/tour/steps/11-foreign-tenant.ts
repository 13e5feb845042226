import { needing, type TourStep } from '../context.js'
import { expectRefused, expectSame, expectThat } from '../expect.js'

/** Of the right form, and never issued. */
const neverIssued = 'cus_00000000000000000000000000'

export const foreignTenant: TourStep = {
  title: "Another tenant's ID is answered like one that was never issued",
  unless: needing('integrator', 'neighbour'),
  async run(context, report) {
    const { client } = context.member('integrator')
    const [theirs] = (await context.member('neighbour').client.listCustomers({ limit: 1 })).data
    expectThat("the neighbour's customers", theirs !== undefined, 'at least one', 0)
    const id = theirs?.id ?? ''
    const foreign = await expectRefused("the neighbour's customer", client.getCustomer(id), 404, 'not-found')
    const absent = await expectRefused('an ID that was never issued', client.getCustomer(neverIssued), 404, 'not-found')
    expectSame('the two answers', JSON.stringify(foreign.facts), JSON.stringify(absent.facts))
    report.fact(`GET /v1/customers/${id} (theirs): ${foreign.message}`)
    report.fact(`GET /v1/customers/${neverIssued} (nobody's): ${absent.message}, the same answer`)
  },
}
