/**
 * @module Runs the tests that a policy document carries, and applies why-not changes to a request.
 */
import type { Compiled } from './compile.js'
import type { DecisionReason, DecisionRequest } from './document.js'
import { isRbacError } from './errors.js'
import type { Test } from './model.js'
import { type AnyPolicy, compiledOf } from './policy.js'
import { type Decision, SessionEngine, type Trace } from './session.js'

export { applyChanges, type Change } from './change.js'

/** A test of a document that its policy does not pass. */
export interface PolicyTestFailure {
  readonly name: string
  readonly expected: {
    readonly decision: 'permit' | 'deny'
    readonly reason: DecisionReason | undefined
    readonly ruleId: string | undefined
  }
  /** What the policy says; `null` where it refuses the test's subject. */
  readonly decision: Decision | null
}

/** What the tests of a document showed. */
export interface PolicyTestReport {
  readonly passed: number
  readonly failed: readonly PolicyTestFailure[]
  /** In how many tests each rule applied and was true, by id: a rule with none is not tested. */
  readonly rules: readonly { readonly id: string; readonly hits: number }[]
}

/** Runs the tests in a policy's document. One without `now` runs at instant 0, so that it says the same every day. */
export function runPolicyTests(policy: AnyPolicy): PolicyTestReport {
  const compiled = compiledOf(policy)
  const hits = new Map(ruleIds(compiled).map((id) => [id, 0]))
  const failed: PolicyTestFailure[] = []
  for (const test of compiled.model.tests) {
    const trace = traceOf(policy, test)
    for (const { id, verdict } of trace?.rules ?? []) if (verdict === 'true') hits.set(id, (hits.get(id) ?? 0) + 1)
    if (!isAsExpected(test, trace)) failed.push(failureOf(test, trace))
  }
  return Object.freeze({
    passed: compiled.model.tests.length - failed.length,
    failed: Object.freeze(failed),
    rules: Object.freeze([...hits].map(([id, count]) => Object.freeze({ id, hits: count }))),
  })
}

/** The id of every rule of a policy: permits by role, then denies. */
export function ruleIds(compiled: Compiled): readonly string[] {
  const permits = compiled.hierarchy.names.flatMap((_, role) =>
    [...compiled.permits.permitsOf(role)].map((rule) => rule.id),
  )
  return [...permits, ...compiled.denies.map((rule) => rule.id)]
}

function traceOf(policy: AnyPolicy, test: Test): Trace | null {
  const request: DecisionRequest = test.request
  const { subject, permission, resource, context, activeRoles, now = 0 } = request
  try {
    const session: unknown = policy.session(subject, { now, ...(activeRoles !== undefined && { activeRoles }) })
    return session instanceof SessionEngine ? session.trace(permission, resource, context) : null
  } catch (error) {
    if (isRbacError(error)) return null
    throw error
  }
}

function isAsExpected({ expect, reason, ruleId }: Test, trace: Trace | null): boolean {
  if (trace === null || trace.decision !== expect) return false
  return (reason === undefined || trace.reason === reason) && (ruleId === undefined || trace.ruleId === ruleId)
}

function failureOf({ name, expect, reason, ruleId }: Test, trace: Trace | null): PolicyTestFailure {
  const decision = trace === null ? null : decisionOf(trace)
  return Object.freeze({ name, expected: Object.freeze({ decision: expect, reason, ruleId }), decision })
}

function decisionOf({ decision, reason, ruleId, policyHash, validUntil }: Trace): Decision {
  return Object.freeze({ decision, reason, ruleId, policyHash, validUntil })
}
