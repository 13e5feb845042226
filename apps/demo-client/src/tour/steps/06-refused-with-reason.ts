import { needing, type TourStep } from '../context.js'
import { expectRefused, expectSame, expectThat } from '../expect.js'

export const refusedWithReason: TourStep = {
  title: 'Is refused, and whoever may ask learns why',
  unless: needing('integrator', 'maker', 'owner'),
  async run(context, report) {
    const scope = await expectRefused(
      'the network list, to the API token',
      context.member('integrator').client.getNetwork(),
      403,
      'scope-insufficient',
    )
    report.fact(`GET /v1/tenant/network as the API token: ${scope.message}, not among its scopes`)

    const denied = await expectRefused(
      'the network list, to the maker',
      context.member('maker').client.getNetwork(),
      403,
      'permission-denied',
    )
    const decisionId = denied.facts.decisionId ?? ''
    expectThat('the decision it names', decisionId.startsWith('dec_'), 'a decision ID', decisionId)
    report.fact(`the same as the maker: ${denied.message}, decision ${decisionId}, no reason given to the maker`)

    const why = await context.member('owner').client.explain(decisionId)
    expectSame('the decision', why.decision, 'deny')
    expectSame('its reason', why.reason, 'no-permit')
    report.fact(`POST /v1/policy/explain as the owner: ${why.decision}, ${why.reason}`)
  },
}
