import { clientId } from '../../tokens.js'
import { needing, ownServer, type TourStep } from '../context.js'
import { expectRefused, expectThat } from '../expect.js'

/** Nobody's, so that nobody is kept from their own account; at a domain reserved for fiction (RFC 2606). */
const email = 'stuffing@example.com'
const mostGuesses = 20

export const limit: TourStep = {
  title: 'Guessing passwords is slowed down, and the answer says for how long',
  unless: needing('server', 'support'),
  async run(context, report) {
    const { anonymous, clock } = context
    const guess = () => anonymous.logIn({ email, password: 'a guess 1', clientId })

    let guesses = 0
    let wait: number | undefined
    while (wait === undefined) {
      const attempt = guess()
      const code = await attempt.then(() => 'granted', codeOf)
      if (code === 'rate-limited') {
        const { facts } = await expectRefused('one guess too many', attempt, 429, 'rate-limited')
        wait = facts.retryAfterSeconds ?? 0
        break
      }
      await expectRefused('a guess', attempt, 401, 'credentials-invalid')
      guesses += 1
      expectThat('guesses before the limit', guesses <= mostGuesses, `at most ${mostGuesses}`, guesses)
    }
    expectThat('Retry-After', wait > 0, 'seconds to wait', wait)
    report.fact(`POST /v1/auth/login: ${guesses} times 401, then 429 rate-limited, Retry-After ${wait} s`)

    await context.member('support').client.me()
    report.fact('meanwhile everyone else works on: what is limited is the account that is guessed at')

    const ms = (wait + 1) * 1_000
    await ownServer(context).forward(ms)
    clock.forward(ms)
    await expectRefused('a guess after the wait', guess(), 401, 'credentials-invalid')
    report.fact(`${wait} s later, by the clock moved forward: 401 again`)
  },
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'another error')
