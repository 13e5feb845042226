import { FinCodeProblem } from '../problem.js'

/** What a failing step says: the two values that differ, and the request to look up. Never a secret. */
export interface Failure {
  readonly what: string
  readonly expected: string
  readonly actual: string
  readonly requestId: string | null
}

/** Thrown by a step whose expectation did not hold. */
export class Mismatch extends Error {
  override readonly name: string = 'Mismatch'
  readonly values: Omit<Failure, 'requestId'>
  readonly requestId: string | null
  constructor(what: string, expected: string, actual: string, requestId: string | null = null) {
    super(`${what}: expected ${expected}, got ${actual}`)
    this.values = { what, expected, actual }
    this.requestId = requestId
  }
}

type Plain = boolean | null | number | string | undefined

/** Both values are printed when they differ. */
export function expectSame(what: string, actual: Plain, expected: Plain): void {
  if (!Object.is(actual, expected)) throw new Mismatch(what, show(expected), show(actual))
}

/** For what has no single right value: `expected` says in words what was to hold, `actual` what was found. */
export function expectThat(what: string, holds: boolean, expected: string, actual: Plain): void {
  if (!holds) throw new Mismatch(what, expected, show(actual))
}

/**
 * Awaits a refusal.
 *
 * @returns The problem, for what it says besides its code.
 */
export async function expectRefused(
  what: string,
  answer: Promise<unknown>,
  status: number,
  code: string,
): Promise<FinCodeProblem> {
  const expected = `${status} ${code}`
  const problem = await answer.then(
    () => null,
    (error: unknown) => {
      if (error instanceof FinCodeProblem) return error
      throw error
    },
  )
  if (problem === null) throw new Mismatch(what, expected, 'it was granted')
  if (problem.message !== expected) throw new Mismatch(what, expected, problem.message, problem.requestId)
  return problem
}

const show = (value: Plain) => (typeof value === 'string' ? (value === '' ? "''" : value) : String(value))
