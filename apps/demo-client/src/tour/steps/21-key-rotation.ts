import type { DataKey } from '../../wire.js'
import { needing, ownServer, type TourContext, type TourStep } from '../context.js'
import { expectSame } from '../expect.js'
import { fictionalCustomer } from '../fiction.js'
import type { Report } from '../run.js'

export const keyRotation: TourStep = {
  title: 'The data key is rotated while serving; rows follow when they are written',
  unless: needing('server', 'owner', 'maker'),
  async run(context, report) {
    const owner = context.member('owner').client
    const maker = context.member('maker').client
    const old = await maker.createCustomer(fictionalCustomer(context))
    const before = await owner.listKeys()
    const [first] = before.data
    expectSame('keys that encrypt', before.data.filter(({ encrypts }) => encrypts).length, 1)
    report.fact(`GET /v1/keys as the owner: ${describe(first)}`)

    const rotated = await owner.rotateKey()
    expectSame('a rotation', rotated.encrypts, true)
    const again = await owner.rotateKey()
    expectSame('the same rotation, sent again', again.id, rotated.id)
    report.fact(`POST /v1/keys/rotate: ${rotated.id}, version ${rotated.version}; sent again at once: the same key`)

    const fresh = await maker.createCustomer(fictionalCustomer(context))
    expectSame('the key of a new row', await keyOf(context, fresh.id), rotated.id)
    expectSame('the key of an old row', await keyOf(context, old.id), first?.id)
    expectSame('the old row, read now', (await maker.getCustomer(old.id)).email, old.email)
    report.fact(`a new customer is under ${rotated.id}; one of before is under ${first?.id} and opens as before`)

    await found(context, report, [old.email, fresh.email])
    await maker.updateCustomer(old.id, { name: context.plant('name', 'Rotated Tour Customer') })
    expectSame('the key of the old row, once written', await keyOf(context, old.id), rotated.id)
    const { data } = await owner.listKeys()
    const left = data.find(({ id }) => id === first?.id)
    expectSame('values left under the old key', left?.rows, (first?.rows ?? 0) - 5)
    report.fact(`its name corrected: the whole row has moved. ${data.map(describe).join('; ')}`)
  },
}

/** An index token is of its key's version: a look-up asks for both. */
async function found(context: TourContext, report: Report, emails: readonly (string | null | undefined)[]) {
  for (const email of emails) {
    const { data } = await context.member('maker').client.searchCustomers({ email: email ?? '' })
    expectSame('customers with that e-mail', data.length, 1)
  }
  report.fact('POST /v1/customers/search finds both by e-mail, one under each key')
}

/** `fle1.`, two digits of suite, eight of key ID. */
async function keyOf(context: TourContext, customerId: string): Promise<string> {
  const { email } = await ownServer(context).row('customers', customerId)
  return String(email).slice(7, 15)
}

function describe(key: DataKey | undefined): string {
  return `${key?.id} (version ${key?.version}${key?.encrypts ? ', encrypts' : ''}) has ${key?.rows} values`
}
