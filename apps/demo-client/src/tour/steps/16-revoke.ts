import { clientId } from '../../tokens.js'
import { needing, type TourStep } from '../context.js'
import { expectRefused, expectThat } from '../expect.js'

export const revoke: TourStep = {
  title: 'Logs out, and the very next request is refused',
  unless: needing('support'),
  async run(context, report) {
    const { anonymous, credentials } = context
    const { email = '', password } = credentials.people.support ?? {}
    const session = await anonymous.logIn({ email, password: password?.reveal() ?? '', clientId })
    const client = context.withToken(session.access_token)
    const me = await client.me()
    report.fact(`POST /v1/auth/login as support: ${me.id}, roles ${me.roles.join(', ')}`)

    await anonymous.revoke(session.refresh_token ?? '', clientId)
    await expectRefused('the access token after the logout', client.me(), 401, 'session-revoked')
    const again = anonymous.refresh(session.refresh_token ?? '', clientId)
    await expectRefused('the refresh token after the logout', again, 400, 'credentials-invalid')
    report.fact(
      'POST /v1/oauth/revoke: access token 401 session-revoked, refresh token 400, though neither has expired',
    )

    const wrong = anonymous.logIn({ email, password: 'not the password 1', clientId })
    const known = await expectRefused('a wrong password', wrong, 401, 'credentials-invalid')
    const nobody = anonymous.logIn({ email: 'nobody@example.com', password: 'not the password 1', clientId })
    const unknown = await expectRefused('an unknown e-mail', nobody, 401, 'credentials-invalid')
    const same = JSON.stringify(known.facts) === JSON.stringify(unknown.facts)
    expectThat('the answers to a wrong password and to an unknown e-mail', same, 'the same', 'different ones')
    report.fact('a wrong password and an unknown e-mail: 401 credentials-invalid both, the same answer')
  },
}
