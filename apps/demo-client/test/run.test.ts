import { describe, expect, it } from 'vitest'
import { ConfigurationError } from '../src/failures.js'
import { FinCodeProblem } from '../src/problem.js'
import { expectRefused, expectSame, expectThat } from '../src/tour/expect.js'
import { runTour, type Step, type StepResult, selectSteps } from '../src/tour/run.js'

type Context = { readonly database: boolean }

async function tour(steps: Readonly<Record<string, Step<Context>>>, controller = new AbortController()) {
  const results: StepResult[] = []
  let time = 0
  const summary = await runTour({
    steps,
    context: { database: false },
    narrator: { begin() {}, stepStarted() {}, stepEnded: (result) => void results.push(result), end() {} },
    clock: () => (time += 1),
    lastRequestId: () => 'req_last',
    signal: controller.signal,
  })
  return { summary, results }
}

const fine: Step<Context> = { title: 'fine', run: async (_, report) => report.fact('seen') }
const failing = (run: () => unknown): Step<Context> => ({
  title: 'failing',
  run: async () => {
    await run()
  },
})
const failureOf = (results: readonly StepResult[]) => {
  const last = results.at(-1)
  return last?.outcome === 'failed' ? last.failure : undefined
}

describe('the runner', () => {
  it('runs every step in order and keeps what each showed', async () => {
    const { summary, results } = await tour({ '01-a': fine, '02-b': fine })
    expect(summary).toMatchObject({ outcome: 'passed', passed: 2, skipped: 0 })
    expect(results.map(({ step, facts }) => [step.id, facts])).toEqual([
      ['01-a', ['seen']],
      ['02-b', ['seen']],
    ])
  })

  it('ends at the first step that fails', async () => {
    const { summary, results } = await tour({
      '01-a': fine,
      '02-b': failing(() => expectSame('x', 1, 2)),
      '03-c': fine,
    })
    expect(summary).toMatchObject({ outcome: 'failed', passed: 1 })
    expect(results.map(({ step }) => step.id)).toEqual(['01-a', '02-b'])
  })

  it('a step that cannot run here is skipped with its reason and fails nothing', async () => {
    const needy: Step<Context> = { ...fine, unless: ({ database }) => (database ? null : 'needs the database') }
    const { summary, results } = await tour({ '01-a': needy, '02-b': fine })
    expect(summary).toMatchObject({ outcome: 'passed', passed: 1, skipped: 1 })
    expect(results[0]).toMatchObject({ outcome: 'skipped', reason: 'needs the database' })
  })

  it('an interruption ends a step that is waiting, and no further step starts', async () => {
    const controller = new AbortController()
    const waiting = failing(() => {
      controller.abort()
      return new Promise(() => undefined)
    })
    const { summary, results } = await tour({ '01-a': fine, '02-b': waiting, '03-c': fine }, controller)
    expect(summary).toMatchObject({ outcome: 'interrupted', passed: 1 })
    expect(results).toHaveLength(1)
  })
})

describe('a failure', () => {
  it('of a value has both values and the last request', async () => {
    const { results } = await tour({ '01-a': failing(() => expectSame('status', 'succeeded', 'requires_approval')) })
    expect(failureOf(results)).toEqual({
      what: 'status',
      expected: 'requires_approval',
      actual: 'succeeded',
      requestId: 'req_last',
    })
  })

  it('of a condition has its words and what was found', async () => {
    const { results } = await tour({ '01-a': failing(() => expectThat('hits', false, 'none', 3)) })
    expect(failureOf(results)).toMatchObject({ what: 'hits', expected: 'none', actual: '3' })
  })

  it('of a refusal that was another has the request that was answered so', async () => {
    const answer = () => Promise.reject(new FinCodeProblem('not-found', 404, 'req_1'))
    const { results } = await tour({ '01-a': failing(() => expectRefused('x', answer(), 403, 'permission-denied')) })
    expect(failureOf(results)).toMatchObject({
      expected: '403 permission-denied',
      actual: '404 not-found',
      requestId: 'req_1',
    })
  })

  it('of a refusal that never came says that it was granted', async () => {
    const { results } = await tour({
      '01-a': failing(() => expectRefused('x', Promise.resolve({ secret: 'canary' }), 403, 'permission-denied')),
    })
    expect(failureOf(results)).toMatchObject({ expected: '403 permission-denied', actual: 'it was granted' })
  })

  it('of a request is its problem', async () => {
    const { results } = await tour({
      '01-a': failing(() => Promise.reject(new FinCodeProblem('rate-limited', 429, 'req_2'))),
    })
    expect(failureOf(results)).toMatchObject({ expected: 'an answer', actual: '429 rate-limited', requestId: 'req_2' })
  })

  it('of a connection names what caused it', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
    const { results } = await tour({ '01-a': failing(() => Promise.reject(new TypeError('fetch failed', { cause }))) })
    expect(failureOf(results)?.actual).toBe(
      'TypeError: fetch failed; because Error: connect ECONNREFUSED 127.0.0.1:1 (ECONNREFUSED)',
    )
  })
})

describe('--only', () => {
  const steps = { '01-trust': 1, '02-public-documents': 2, '12-card': 3 }
  it.each([['12-card'], ['card'], ['12']])('%s is the step 12-card', (wanted) => {
    expect(selectSteps(steps, [wanted])).toEqual({ '12-card': 3 })
  })
  it('a number with or without its zero is the same step, and the order is that of the tour', () => {
    expect(Object.keys(selectSteps(steps, ['card', '1', '01']))).toEqual(['01-trust', '12-card'])
  })
  it('nothing named is every step', () => {
    expect(selectSteps(steps, [])).toBe(steps)
  })
  it.each([['13'], ['cards'], [''], ['constructor']])('%j is refused with the list of steps', (wanted) => {
    expect(() => selectSteps(steps, [wanted])).toThrow(ConfigurationError)
    expect(() => selectSteps(steps, [wanted])).toThrow('01-trust, 02-public-documents, 12-card')
  })
})
