import { type Grant, grantOf, grantSteps, type Step } from './grant.js'

/**
 * Grants in the order in which they are tried. The next one is tried when a grant has nothing to present, is refused
 * for good, or its refresh token may be spent; never after a failure that sent nothing.
 *
 * @throws {TypeError} when the grants name two issuers or two subjects, or two of them present refresh tokens.
 */
export function chain(first: Grant, ...rest: readonly Grant[]): Grant {
  const steps: Step[] = []
  for (const grant of [first, ...rest]) {
    if (grant?.[grantSteps] === undefined) throw new TypeError('chain takes grants made by this package')
    steps.push(...grant[grantSteps]())
  }
  const issuers = new Set(steps.map((step) => step.issuer))
  const subjects = new Set(steps.flatMap((step) => step.subject ?? []))
  if (issuers.size > 1) throw new TypeError('the grants of a chain must share one issuer')
  if (subjects.size > 1) throw new TypeError('the grants of a chain must share one subject')
  // The second would present the token that the first has spent.
  if (steps.filter((step) => step.role === 'refresh').length > 1) {
    throw new TypeError('a chain takes one refreshToken grant')
  }
  return grantOf(steps)
}
