import { earliest, instantsOf, timeAtoms } from './boundary.js'
import type { Compiled } from './compile.js'
import type { ConstraintViolation } from './constraint.js'
import { decideWith, type Outcome, verdictOf } from './decide.js'
import type { DecisionReason } from './document.js'
import { FALSE, type Subject, TRUE } from './evaluate.js'
import { type RoleTrace, type RuleTrace, traceRoles, traceRules } from './explain.js'
import { maskRow, NO_FIELDS, type VisibleFields, visibleFields } from './field.js'
import { PermissionHandle } from './handle.js'
import { type Plan, ROW_PERMIT, type RoleSet } from './role-set.js'

/** A decision, with the reason for it and the policy that gave it. */
export interface Decision {
  readonly decision: 'permit' | 'deny'
  readonly reason: DecisionReason
  /** The deciding rule, constraint or ceiling; of several, the least by code unit. */
  readonly ruleId: string | null
  readonly policyHash: string
  /** The first later instant (ms) at which the decision could change for the same inputs; `null` if none. */
  readonly validUntil: number | null
}

/** A decision with every rule that bears on it. Role names appear, so it is for operators, not for the response. */
export interface Explanation extends Decision {
  readonly permission: string
  readonly roles: readonly RoleTrace[]
  readonly rules: readonly RuleTrace[]
}

/** What a policy hands to a session that it makes. */
export interface SessionParts {
  readonly compiled: Compiled
  readonly policyHash: string
  readonly owner: object
  readonly subjectId: string
  readonly tenant: string | undefined
  readonly activeRoles: readonly string[]
  readonly unknownRoles: readonly string[]
  readonly subject: Subject
  readonly roleSet: RoleSet
  readonly now: number
  readonly validUntil: number | null
  /** `null` for a pinned session, whose clock is not read again. */
  readonly clock: { now(): number } | null
}

/** The engine behind a session; the types of its policy are put on it where it is handed out. */
export class SessionEngine {
  readonly subjectId: string
  readonly tenant: string | undefined
  readonly activeRoles: readonly string[]
  readonly unknownRoles: readonly string[]
  readonly violations: readonly ConstraintViolation[]
  readonly now: number
  readonly validUntil: number | null
  readonly #parts: SessionParts
  readonly #expiresAt: number

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#expiresAt = parts.clock === null ? Number.POSITIVE_INFINITY : (parts.validUntil ?? Number.POSITIVE_INFINITY)
    this.subjectId = parts.subjectId
    this.tenant = parts.tenant
    this.activeRoles = parts.activeRoles
    this.unknownRoles = parts.unknownRoles
    this.violations = Object.freeze(
      parts.roleSet.violations.map(({ constraint, kind, members, atMost }) =>
        Object.freeze({
          constraint,
          kind,
          subjects: Object.freeze([parts.subjectId]),
          tenant: parts.tenant,
          members,
          atMost,
        }),
      ),
    )
    this.now = parts.now
    this.validUntil = parts.validUntil
    Object.freeze(this)
  }

  can(permission: unknown, resource?: unknown, context?: unknown): boolean {
    const id = this.#id(permission)
    if (id === undefined || this.#expired()) return false
    const verdict = this.#parts.roleSet.verdict(id)
    return verdict < 2
      ? verdict === ROW_PERMIT
      : permits(this.#parts.roleSet.plan(id), this.#parts.subject, resource, context)
  }

  decide(permission: unknown, resource?: unknown, context?: unknown): Decision {
    return Object.freeze(this.#decision(this.#outcome(permission, resource, context), resource, context))
  }

  #decision(outcome: Outcome, resource: unknown, context: unknown): Decision {
    return {
      decision: outcome.reason === 'permitted' ? 'permit' : 'deny',
      reason: outcome.reason,
      ruleId: outcome.ruleId,
      policyHash: this.#parts.policyHash,
      validUntil: outcome.reason === 'session-expired' ? null : this.#holdsUntil(outcome.plan, resource, context),
    }
  }

  explain(permission: unknown, resource?: unknown, context?: unknown): Explanation {
    const { compiled, subject } = this.#parts
    const outcome = this.#outcome(permission, resource, context)
    const { plan } = outcome
    return Object.freeze({
      ...this.#decision(outcome, resource, context),
      permission: nameOf(permission),
      roles: plan === null ? Object.freeze([]) : traceRoles(plan, compiled, this.activeRoles),
      rules: plan === null ? Object.freeze([]) : traceRules(plan, compiled, subject, resource, context),
    })
  }

  fields(permission: unknown, resource?: unknown, context?: unknown): VisibleFields {
    const id = this.#id(permission)
    const type = id === undefined ? undefined : this.#parts.compiled.vocabulary.resources[id]
    if (id === undefined || type === undefined || !this.can(permission, resource, context)) return NO_FIELDS
    return visibleFields(this.#parts.roleSet.plan(id), type, this.#parts.subject, resource, context)
  }

  mask(permission: unknown, resource: unknown, context?: unknown): Readonly<Record<string, unknown>> | undefined {
    const id = this.#id(permission)
    const type = id === undefined ? undefined : this.#parts.compiled.vocabulary.resources[id]
    if (type === undefined || !this.can(permission, resource, context)) return undefined
    return maskRow(this.fields(permission, resource, context), type, resource)
  }

  #outcome(permission: unknown, resource: unknown, context: unknown): Outcome {
    const id = this.#id(permission)
    if (id === undefined) return { reason: 'unknown-permission', ruleId: null, plan: null }
    if (this.#expired()) return { reason: 'session-expired', ruleId: null, plan: null }
    return decideWith(this.#parts.roleSet, id, this.#parts.subject, resource, context)
  }

  #id(permission: unknown): number | undefined {
    if (permission instanceof PermissionHandle && permission.owner === this.#parts.owner) return permission.id
    const name = permission instanceof PermissionHandle ? permission.name : permission
    return typeof name === 'string' ? this.#parts.compiled.vocabulary.id(name) : undefined
  }

  /** A clock that yields `NaN` is no reason to go on: the comparison is written so that it expires the session. */
  #expired(): boolean {
    if (this.#expiresAt === Number.POSITIVE_INFINITY) return false
    return !((this.#parts.clock?.now() ?? Number.NaN) < this.#expiresAt)
  }

  #holdsUntil(plan: Plan | null, resource: unknown, context: unknown): number | null {
    const instants = [this.#parts.validUntil ?? Number.POSITIVE_INFINITY]
    for (const { rule } of plan === null ? [] : [...plan.permits, ...plan.denies])
      for (const atom of timeAtoms(rule.when))
        instants.push(...instantsOf(atom, this.#parts.subject, resource, context))
    return earliest(this.now, instants)
  }
}

function nameOf(permission: unknown): string {
  return permission instanceof PermissionHandle ? permission.name : typeof permission === 'string' ? permission : ''
}

function permits(plan: Plan, subject: Subject, resource: unknown, context: unknown): boolean {
  for (const rule of plan.denies) if (verdictOf(rule, subject, resource, context) !== FALSE) return false
  for (const rule of plan.permits) if (verdictOf(rule, subject, resource, context) === TRUE) return true
  return false
}
