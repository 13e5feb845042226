import { needing, ownServer, type TourContext, type TourStep } from '../context.js'
import { expectRefused, expectSame } from '../expect.js'
import type { Report } from '../run.js'

/** A verifier may forgive clocks that differ by some seconds (RFC 7519 §4.1.4). */
const beyondTolerance = 120_000

export const refresh: TourStep = {
  title: 'Refreshes its tokens across an expiry, without waiting for one',
  unless: needing('server', 'integrator', 'maker'),
  async run(context, report) {
    await acrossExpiry(context, report, 'integrator', 'API token exchanged again')
    await acrossExpiry(context, report, 'maker', 'refresh token used, no second login')
  },
}

async function acrossExpiry(context: TourContext, report: Report, name: 'integrator' | 'maker', how: string) {
  const { traffic, clock } = context
  const { tokens, client } = context.member(name)
  const before = await tokens.get()
  await client.me()
  const counts = { logins: traffic.logins, tokens: traffic.tokenRequests, others: traffic.otherRequests }

  const ms = Math.ceil(before.expiresAt - clock.now()) + beyondTolerance
  await ownServer(context).forward(ms)
  clock.forward(ms)
  // The server's clock has really moved: the old token, sent by hand, is refused.
  await expectRefused('the access token after its hour', context.withToken(before.reveal()).me(), 401, 'token-expired')

  await client.me()
  const after = await tokens.get()
  expectSame('the generation of the token', after.generation, before.generation + 1)
  expectSame('requests to the token endpoint', traffic.tokenRequests - counts.tokens, 1)
  expectSame('logins', traffic.logins - counts.logins, 0)
  expectSame('other requests', traffic.otherRequests - counts.others, 2)
  const minutes = Math.round(ms / 60_000)
  report.fact(
    `${name}: both clocks ${minutes} min forward; generation ${before.generation} -> ${after.generation}, 1 token request (${how})`,
  )
}
