import { createFinCodeClient } from '../../client.js'
import { connectTrusting } from '../../trust.js'
import { needing, type TourContext, type TourStep } from '../context.js'
import { expectRefused, expectSame } from '../expect.js'

/** Reserved for documentation (RFC 5737): nobody is there. */
const elsewhere = '203.0.113.0/24'

export const network: TourStep = {
  title: 'A network list admits some addresses, and will not lock its author out',
  unless: needing('server', 'owner'),
  async run(context, report) {
    const { client } = context.member('owner')
    const kept = (await client.getNetwork()).data.map(({ cidr }) => cidr)

    await expectRefused('a list without our own address', client.putNetwork([elsewhere]), 422, 'would-lock-out')
    report.fact(`PUT /v1/tenant/network [${elsewhere}]: 422 would-lock-out, nothing changed`)
    const invalid = client.putNetwork(['127.0.0.1/32', '10.0.0.5/24'])
    await expectRefused('a network with host bits set', invalid, 422, 'network-list-invalid')
    report.fact('PUT … [10.0.0.5/24]: 422 network-list-invalid: host bits are an error, never rounded')

    const ours = ['127.0.0.1/32', '::1/128']
    const dry = await client.putNetwork(ours, { dryRun: true })
    expectSame('the dry run', dry.dry_run, true)
    expectSame('the list after a dry run', (await client.getNetwork()).data.length, kept.length)
    report.fact(`PUT … [${ours.join(', ')}] as a dry run: ${dry.data.length} of ${dry.max} networks, nothing changed`)

    await client.putNetwork(ours)
    try {
      expectSame('an address outside', (await client.testNetwork('203.0.113.9')).allowed, false)
      expectSame('an address inside', (await client.testNetwork('127.0.0.1')).allowed, true)
      report.fact('PUT … for good: 127.0.0.1 is admitted, 203.0.113.9 is not')
      report.fact(await fromElsewhere(context))
    } finally {
      await client.putNetwork(kept)
    }
    report.fact(`the list put back: ${kept.length === 0 ? 'empty, which admits everybody' : kept.join(', ')}`)
  },
}

/** The same token from a second loopback address, where the system has one: Linux has, macOS has not. */
async function fromElsewhere(context: TourContext): Promise<string> {
  const connections = connectTrusting(context.ca, { localAddress: '127.0.0.2' })
  try {
    const { fetch } = connections
    const reached = await fetch(`${context.baseUrl}/health/live`).then(() => 'reached', causeOf)
    if (reached === 'EADDRNOTAVAIL') return 'this system has no second loopback address to be refused from'
    expectSame('the API from 127.0.0.2', reached, 'reached')
    const token = (await context.member('owner').tokens.get()).reveal()
    const client = createFinCodeClient({
      baseUrl: context.baseUrl,
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
    })
    await expectRefused('the same token from 127.0.0.2', client.me(), 403, 'network-not-allowed')
    return 'the same token from 127.0.0.2: 403 network-not-allowed'
  } finally {
    await connections.close()
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'another error'
}
