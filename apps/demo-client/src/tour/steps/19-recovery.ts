import { clientId } from '../../tokens.js'
import { needing, ownServer, type TourStep } from '../context.js'
import { expectRefused, expectSame } from '../expect.js'

/** The cache logs in at most once a minute for one key, so that a fleet cannot lock an account. */
const betweenLoginsMs = 61_000

export const recovery: TourStep = {
  title: 'A session ended elsewhere: the next call logs in again, and its caller notices nothing',
  unless: needing('server', 'support'),
  async run(context, report) {
    const { anonymous, clock, traffic } = context
    const { tokens, client } = context.member('support')
    const before = await tokens.get()
    await ownServer(context).forward(betweenLoginsMs)
    clock.forward(betweenLoginsMs)

    await anonymous.revoke(before.reveal(), clientId)
    await expectRefused('the token by hand', context.withToken(before.reveal()).me(), 401, 'session-revoked')
    report.fact('POST /v1/oauth/revoke: the access token held is refused from then on, 401 session-revoked')

    const counts = { logins: traffic.logins, tokens: traffic.tokenRequests, others: traffic.otherRequests }
    const me = await client.me()
    const after = await tokens.get()
    expectSame('the generation of the token', after.generation, before.generation + 1)
    expectSame('refresh tokens tried', traffic.tokenRequests - counts.tokens, 1)
    expectSame('logins', traffic.logins - counts.logins, 1)
    expectSame('calls of the API', traffic.otherRequests - counts.others, 2)
    report.fact('GET /v1/me through the cache: 401, so the refresh token is tried: 400, its session is over, too')
    report.fact(`one login, and the call again with the new token: 200, ${me.id}`)
  },
}
