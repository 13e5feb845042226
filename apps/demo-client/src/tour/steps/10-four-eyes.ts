import type { FinCodeClient } from '../../client.js'
import { clientId } from '../../tokens.js'
import { needing, type TourContext, type TourStep } from '../context.js'
import { expectRefused, expectSame } from '../expect.js'
import { makePayment } from '../payment.js'
import type { Report } from '../run.js'

export const fourEyes: TourStep = {
  title: "A payment: its maker's approval is refused, the checker's is granted",
  unless: needing('maker', 'checker', 'owner'),
  async run(context, report) {
    const maker = context.member('maker').client
    const checker = context.member('checker').client
    const made = await makePayment(context, maker)
    expectSame('the new payment', made.status, 'requires_approval')
    report.fact(
      `POST /v1/payments as the maker: ${made.id}, ${made.amount} ${made.currency} minor units, ${made.status}`,
    )

    const first = await refusedApproval(context, maker, made.id)
    expectSame("why the maker's approval was refused", first.reason, 'no-permit')
    report.fact(
      'POST …/approve as the maker: 403 permission-denied; explained to the owner: no role of theirs permits it',
    )
    if (context.server !== null && context.has('support')) await asCheckerToo(context, report)

    const approved = await checker.approvePayment(made.id)
    expectSame('the payment after the checker', approved.status, 'succeeded')
    expectSame('who decided', approved.decided_by, (await checker.me()).id)
    report.fact(`POST …/approve as the checker: ${approved.status}`)

    await expectRefused('a second approval', checker.approvePayment(made.id), 409, 'state-conflict')
    report.fact('once more, with another key: 409 state-conflict')
  },
}

/** Even who pays as a maker and is made a checker afterwards does not approve what was theirs: four eyes are two persons. */
async function asCheckerToo(context: TourContext, report: Report): Promise<void> {
  const owner = context.member('owner').client
  const before = await logIn(context)
  const { id } = await before.me()
  const asMaker = await owner.assignRole(id, 'maker')
  const { id: paymentId } = await makePayment(context, before)
  await owner.takeRole(asMaker.id)
  await expectRefused('the session that had the role', before.me(), 401, 'session-revoked')
  report.fact('support is given the role maker, pays, and loses it: 401 session-revoked at the next request')

  const asChecker = await owner.assignRole(id, 'checker')
  try {
    const second = await refusedApproval(context, await logIn(context), paymentId)
    expectSame('the rule that refused it', second.rule_id, 'four-eyes')
    report.fact('logged in again as a checker, who approves that payment: 403; explained: the rule four-eyes denies it')
  } finally {
    await owner.takeRole(asChecker.id)
  }
}

/** A session of its own, so that ending it takes none from the other steps. */
async function logIn({ anonymous, credentials, withToken }: TourContext): Promise<FinCodeClient> {
  const { email = '', password } = credentials.people.support ?? {}
  const session = await anonymous.logIn({ email, password: password?.reveal() ?? '', clientId })
  return withToken(session.access_token)
}

async function refusedApproval(context: TourContext, client: FinCodeClient, paymentId: string) {
  const attempt = client.approvePayment(paymentId)
  const { facts } = await expectRefused('the approval of an own payment', attempt, 403, 'permission-denied')
  const why = await context.member('owner').client.explain(facts.decisionId ?? '')
  expectSame('the decision explained', why.decision, 'deny')
  return why
}
