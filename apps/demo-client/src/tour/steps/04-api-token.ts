import { needing, type TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'

export const apiToken: TourStep = {
  title: 'Exchanges its API token for an access token',
  unless: needing('integrator'),
  async run(context, report) {
    const { credentials, traffic, clock } = context
    const { tokens, client } = context.member('integrator')
    report.fact(
      `credentials from the environment: FINCODE_API_TOKEN_ID ${credentials.apiToken?.tokenId}, its token hidden`,
    )

    const before = traffic.tokenRequests
    const first = await tokens.get()
    const minutes = Math.round((first.expiresAt - clock.now()) / 60_000)
    expectThat('the life of an access token', minutes >= 1 && minutes <= 60, '1 to 60 minutes', minutes)
    report.fact(`access token: ${String(first)}, good for ${minutes} min, ${first.scope.length} scopes`)

    const [second, me] = [await tokens.get(), await client.me()]
    expectSame('who the token is', me.id, credentials.apiToken?.tokenId)
    expectSame('the token held in memory', second.generation, first.generation)
    expectThat(
      'token requests for three uses',
      traffic.tokenRequests - before <= 1,
      'at most 1',
      traffic.tokenRequests - before,
    )
    report.fact(`GET /v1/me: ${me.kind} ${me.id}, roles ${me.roles.join(', ')}; one token request for three uses`)
  },
}
