import type { TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'

const yearMs = 365 * 86_400_000

export const publicDocuments: TourStep = {
  title: 'Reads what strangers may know: health, security.txt, OpenAPI',
  async run({ anonymous, clock }, report) {
    const { status } = await anonymous.health()
    expectSame('GET /health/ready', status, 'ready')
    report.fact('GET /health/ready: ready, and no detail')

    const lines = new Map((await anonymous.securityText()).split('\n').map((line) => splitField(line)))
    const contact = lines.get('Contact') ?? ''
    expectThat('Contact in security.txt', /^(mailto|https):/.test(contact), 'a mailto: or https: URI', contact)
    const expires = Date.parse(lines.get('Expires') ?? '')
    const left = expires - clock.now()
    // RFC 9116 §2.5.5: less than a year ahead, and a file that has expired is not to be used.
    expectThat('Expires in security.txt', left > 0 && left < yearMs, 'within a year', lines.get('Expires'))
    report.fact(`GET /.well-known/security.txt: report to ${contact}, good for ${Math.floor(left / 86_400_000)} days`)

    const { openapi, paths } = await anonymous.openApi()
    expectThat('the OpenAPI version', openapi.startsWith('3.1.'), '3.1', openapi)
    expectThat('the paths it describes', paths > 0, 'some', paths)
    report.fact(`GET /openapi.json: OpenAPI ${openapi}, ${paths} paths`)
  },
}

function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}
