import { clientId } from '../../tokens.js'
import { needing, ownServer, type TourStep } from '../context.js'
import { expectRefused, expectSame } from '../expect.js'

export const refreshReuse: TourStep = {
  title: 'A refresh token replayed later ends its session',
  unless: needing('server', 'support'),
  async run(context, report) {
    const { anonymous, clock, credentials } = context
    const { email = '', password } = credentials.people.support ?? {}
    const first = await anonymous.logIn({ email, password: password?.reveal() ?? '', clientId })
    const second = await anonymous.refresh(first.refresh_token ?? '', clientId)
    const repeated = await anonymous.refresh(first.refresh_token ?? '', clientId)
    expectSame('the successor of a retry at once', repeated.refresh_token === second.refresh_token, true)
    report.fact('the same refresh token twice at once, as after a lost answer: the same successor')

    const ms = 60_000
    await ownServer(context).forward(ms)
    clock.forward(ms)
    const replay = anonymous.refresh(first.refresh_token ?? '', clientId)
    const { facts } = await expectRefused('the first refresh token, a minute later', replay, 400, 'credentials-invalid')
    expectSame('its OAuth error', facts.oauthError, 'invalid_grant')
    report.fact('a minute later: 400 invalid_grant, taken for theft')

    const thief = anonymous.refresh(second.refresh_token ?? '', clientId)
    await expectRefused('the newest refresh token', thief, 400, 'credentials-invalid')
    const held = context.withToken(second.access_token)
    await expectRefused('the access token of that session', held.me(), 401, 'session-revoked')
    report.fact('and with it the newest refresh token (400) and the access token (401 session-revoked)')
  },
}
