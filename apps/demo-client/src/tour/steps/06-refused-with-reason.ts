import { needing, type TourContext, type TourStep } from '../context.js'
import { expectRefused, expectSame, expectThat } from '../expect.js'
import type { Report } from '../run.js'

export const refusedWithReason: TourStep = {
  title: 'Is refused, and whoever may ask learns why',
  unless: needing('integrator'),
  async run(context, report) {
    const attempt = context.member('integrator').client.getNetwork()
    const { message } = await expectRefused('the network list, to the API token', attempt, 403, 'scope-insufficient')
    report.fact(`GET /v1/tenant/network as the API token: ${message}, not among its scopes`)
    if (context.has('maker') && context.has('owner')) await explained(context, report)
    else report.fact('a decision explained: not shown, FINCODE_MAKER_EMAIL or FINCODE_OWNER_EMAIL is not set')
  },
}

async function explained(context: TourContext, report: Report): Promise<void> {
  const attempt = context.member('maker').client.getNetwork()
  const denied = await expectRefused('the network list, to the maker', attempt, 403, 'permission-denied')
  const decisionId = denied.facts.decisionId ?? ''
  expectThat('the decision it names', decisionId.startsWith('dec_'), 'a decision ID', decisionId)
  report.fact(`the same as the maker: ${denied.message}, decision ${decisionId}, and no reason`)

  const why = await context.member('owner').client.explain(decisionId)
  expectSame('the decision', why.decision, 'deny')
  expectSame('its reason', why.reason, 'no-permit')
  report.fact(
    `POST /v1/policy/explain as the owner: ${why.decision}, ${why.reason}, with roles ${why.roles.join(', ')}`,
  )
}
