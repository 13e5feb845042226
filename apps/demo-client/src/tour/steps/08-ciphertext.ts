import { needing, ownServer, type TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'
import { fictionalCustomer } from '../fiction.js'
import { showStored } from '../stored.js'

const personal = ['name', 'email', 'phone', 'date_of_birth', 'national_id'] as const

export const ciphertext: TourStep = {
  title: 'What the API returned, beside what the database holds',
  unless: needing('server', 'maker'),
  async run(context, report) {
    const { client } = context.member('maker')
    const sent = fictionalCustomer(context)
    const { id } = await client.createCustomer(sent)
    const returned = await client.getCustomer(id)
    const stored = await ownServer(context).row('customers', id)
    for (const column of personal) {
      const cell = String(stored[column])
      expectThat(`customers.${column} as stored`, cell.startsWith('fle1'), 'ciphertext', cell.slice(0, 8))
      expectSame(`customers.${column} holds what was sent in clear`, cell.includes(sent[column]), false)
      const shown = returned.masked.includes(column) ? `${returned[column] ?? '****'} (masked)` : returned[column]
      report.fact(`${column.padEnd(13)} ${String(shown).padEnd(36)} | ${showStored(cell)}`)
    }
    // Equal values under one key give different texts: nothing is learnt by comparing rows.
    const again = await client.createCustomer({ ...sent, email: context.plant('e-mail', `second.${sent.email}`) })
    const { name: second } = await ownServer(context).row('customers', again.id)
    const { name: first } = stored
    expectThat('the same name in another row', second !== first, 'another ciphertext', 'the same one')
    report.fact('the same name in a second row: another ciphertext')
  },
}
