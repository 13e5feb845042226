import type { FinCodeClient } from '../../client.js'
import { needing, ownServer, type TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'
import { fictionalCustomer } from '../fiction.js'
import { makePayment } from '../payment.js'
import { findPlanted, type Planted } from '../search-dump.js'

export const dump: TourStep = {
  title: 'Every row of the database is searched for every name, e-mail, phone and card number',
  unless: needing('server', 'owner', 'maker', 'neighbour', 'neighbour_owner'),
  async run(context, report) {
    const maker = context.member('maker').client
    await makePayment(context, maker)
    const marker = await maker.createCustomer(fictionalCustomer(context))

    const planted: Planted[] = [...context.planted]
    for (const name of ['owner', 'neighbour_owner'] as const)
      planted.push(...(await usersOf(context.member(name).client)))
    for (const name of ['maker', 'neighbour'] as const)
      planted.push(...(await customersOf(context.member(name).client)))
    planted.push(...(await ownServer(context).cardNumbers()).map((value) => ({ kind: 'card number', value })))
    const distinct = [...new Map(planted.map((one) => [`${one.kind} ${one.value}`, one])).values()]

    const rows = await ownServer(context).dump()
    // A search that finds nothing proves something only if it would have found: this one is there in clear.
    const { id: known } = await ownServer(context).row('customers', marker.id)
    const control = findPlanted(rows, [{ kind: 'row ID', value: String(known) }])
    expectThat('the search finds what is there: the ID of a row', control.length > 0, 'at least 1 hit', control.length)

    const hits = findPlanted(rows, distinct)
    const [first] = hits
    expectSame('hits', first === undefined ? 'none' : `${hits.length}: a ${first.kind}, ${first.form}`, 'none')
    report.fact(counts(distinct))
    report.fact('looked for as they are and as base64, base64url, hex and percent-encoded text')
    report.fact(`${hits.length} hits of ${distinct.length} planted values in ${rows.length} rows`)
  },
}

/** Everyone with a login. */
async function usersOf(client: FinCodeClient): Promise<readonly Planted[]> {
  const { data, has_more } = await client.listUsers({ limit: 100 })
  expectSame('more users than one page', has_more, false)
  return data.flatMap(({ name, email }) => [
    { kind: 'name', value: name },
    { kind: 'e-mail', value: email },
  ])
}

/** Every customer that the API shows, page by page. */
async function customersOf(client: FinCodeClient): Promise<readonly Planted[]> {
  const found: Planted[] = []
  for (let after: string | undefined; ; ) {
    const { data, has_more } = await client.listCustomers({
      limit: 100,
      ...(after === undefined ? {} : { startingAfter: after }),
    })
    for (const { name, email, phone } of data) {
      if (typeof name === 'string') found.push({ kind: 'name', value: name })
      if (typeof email === 'string') found.push({ kind: 'e-mail', value: email })
      if (typeof phone === 'string') found.push({ kind: 'phone', value: phone })
    }
    after = data.at(-1)?.id
    if (!has_more || after === undefined) return found
  }
}

function counts(planted: readonly Planted[]): string {
  const byKind = new Map<string, number>()
  for (const { kind } of planted) byKind.set(kind, (byKind.get(kind) ?? 0) + 1)
  return [...byKind].map(([kind, count]) => `${count} of kind ${kind}`).join(', ')
}
