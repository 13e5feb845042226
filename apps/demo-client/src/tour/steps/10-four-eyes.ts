import type { FinCodeClient } from '../../client.js'
import { needing, type TourContext, type TourStep } from '../context.js'
import { expectRefused, expectSame, expectThat } from '../expect.js'
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

    const first = await refusedApproval(context, made.id)
    expectSame("why the maker's approval was refused", first.reason, 'no-permit')
    report.fact(
      'POST …/approve as the maker: 403 permission-denied; explained to the owner: no role of theirs permits it',
    )
    if (context.server !== null) await asCheckerToo(context, report, made.id)

    const approved = await checker.approvePayment(made.id)
    expectSame('the payment after the checker', approved.status, 'succeeded')
    expectSame('who decided', approved.decided_by, (await checker.me()).id)
    report.fact(`POST …/approve as the checker: ${approved.status}`)

    await expectRefused('a second approval', checker.approvePayment(made.id), 409, 'state-conflict')
    report.fact('once more, with another key: 409 state-conflict')
  },
}

/** Even a maker who is made a checker afterwards does not approve what was theirs: four eyes are two persons. */
async function asCheckerToo(context: TourContext, report: Report, paymentId: string): Promise<void> {
  const owner = context.member('owner').client
  const { id } = await context.member('maker').client.me()
  await exchangeRole(owner, id, 'maker', 'checker')
  try {
    const second = await refusedApproval(context, paymentId)
    expectSame('the rule that refused it', second.rule_id, 'four-eyes')
    report.fact('the same person, made a checker meanwhile: 403; explained: the rule four-eyes denies it')
  } finally {
    await exchangeRole(owner, id, 'checker', 'maker')
  }
}

async function refusedApproval(context: TourContext, paymentId: string) {
  const attempt = context.member('maker').client.approvePayment(paymentId)
  const { facts } = await expectRefused("the maker's approval", attempt, 403, 'permission-denied')
  const why = await context.member('owner').client.explain(facts.decisionId ?? '')
  expectSame('the decision explained', why.decision, 'deny')
  return why
}

async function exchangeRole(owner: FinCodeClient, user: string, from: string, to: string): Promise<void> {
  const { data } = await owner.listAssignments({ limit: 100 })
  const held = data.find((one) => one.user === user && one.role === from)
  expectThat(`the ${from} among the assignments`, held !== undefined, 'listed', 'not listed')
  if (held !== undefined) await owner.takeRole(held.id)
  await owner.assignRole(user, to)
}
