import type { Compiled } from '../compile.js'
import { checkOptions } from '../options.js'
import { type AnyPolicy, compiledOf } from '../policy.js'
import { runPolicyTests } from '../testing.js'
import { byCodeUnit } from '../value.js'
import { checkConditions } from './lint-conditions.js'
import { checkRules } from './lint-rules.js'
import { checkStructure } from './lint-structure.js'

export type Severity = 'error' | 'warning' | 'info'
/** The stable names of the lint rules. */
export type LintRule =
  | 'empty-role'
  | 'duplicate-permit'
  | 'redundant-inherits'
  | 'shadowed-permit'
  | 'dead-deny'
  | 'unused-permission'
  | 'unused-attribute'
  | 'never-true'
  | 'always-true'
  | 'unknown-prone-deny'
  | 'unknown-prone-permit'
  | 'wildcard-permit'
  | 'clear-sensitive'
  | 'platform-write'
  | 'tenant-missing'
  | 'outside-every-ceiling'
  | 'idle-constraint'
  | 'four-eyes-missing'
  | 'expired-rule'
  | 'untested-rule'

/** Something in a valid policy that is probably not meant. */
export interface Finding {
  readonly rule: LintRule
  readonly severity: Severity
  /** RFC 6901 pointer into the document. */
  readonly pointer: string
  readonly message: string
  readonly hint: string
}

/** How a policy is linted. */
export interface LintOptions {
  /** The instant (ms) by which a rule may have expired; without it `expired-rule` is silent. */
  readonly now?: number
}

/** What a reviewer would ask about a policy, by pointer. */
export function lintPolicy(policy: AnyPolicy, options: LintOptions = {}): readonly Finding[] {
  checkOptions('lintPolicy', options, { now: true })
  const compiled = compiledOf(policy)
  const findings = [
    ...checkStructure(compiled),
    ...checkRules(compiled),
    ...checkConditions(compiled, options.now),
    ...untested(policy, compiled),
  ]
  findings.sort((left, right) => byCodeUnit(left.pointer, right.pointer) || byCodeUnit(left.rule, right.rule))
  return Object.freeze(findings.map((finding) => Object.freeze(finding)))
}

/** Rules with an id of their own that no test of the document makes true. */
function* untested(policy: AnyPolicy, compiled: Compiled): Generator<Finding> {
  const hits = new Map(runPolicyTests(policy).rules.map(({ id, hits: count }) => [id, count]))
  for (const rule of namedRules(compiled))
    if ((hits.get(rule.id) ?? 0) === 0)
      yield {
        rule: 'untested-rule',
        severity: 'info',
        pointer: rule.pointer,
        message: `no test makes ${rule.id} true`,
        hint: 'add a test in which it decides',
      }
}

/** Permit rules with an id of their own, and denies. */
export function namedRules(compiled: Compiled): readonly Compiled['denies'][number][] {
  return [...compiled.hierarchy.names.flatMap((_, role) => compiled.permits.rules(role)), ...compiled.denies]
}
