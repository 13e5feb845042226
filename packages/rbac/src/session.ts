import { earliest, instantsOf } from './boundary.js'
import type { Change } from './change.js'
import type { Compiled } from './compile.js'
import type { ConstraintViolation } from './constraint.js'
import { decideWith, type Outcome, verdictOf } from './decide.js'
import { deniedRequest } from './denied.js'
import type { AnySubject, DecisionReason } from './document.js'
import { FALSE, type Subject, TRUE } from './evaluate.js'
import { type RoleTrace, type RuleTrace, traceRoles, traceRules } from './explain.js'
import { maskRow, NO_FIELDS, type VisibleFields, visibleFields } from './field.js'
import { type Filter, filterOf, none } from './filter.js'
import { PermissionHandle } from './handle.js'
import type { Resource } from './model.js'
import { type Plan, ROW_EVALUATE, ROW_PERMIT, type RoleSet } from './role-set.js'
import type { TrieNode } from './role-set-cache.js'
import type { SessionOptions } from './session-start.js'
import type { Held } from './subject.js'
import { byCodeUnit } from './value.js'
import type { Vocabulary } from './vocabulary.js'
import { NOTHING_TO_CHANGE, searchWhyNot, type WhyNot } from './why-not.js'

const NEVER = Number.POSITIVE_INFINITY

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

/** A decision with every rule that bears on it. */
export interface Trace extends Decision {
  readonly permission: string
  readonly roles: readonly RoleTrace[]
  readonly rules: readonly RuleTrace[]
}

/** A trace and what would have to change. Role names appear, so it is for operators, not for the response. */
export interface Explanation extends Trace {
  /** Sets of changes: all of a set together lead to a permit, none of its proper subsets does. Empty on permit. */
  readonly whyNot: readonly (readonly Change[])[]
  /** Whether the sets are all that there are; `false` where a bound of the search was met. */
  readonly complete: boolean
}

/** The policy that a session belongs to. */
export interface SessionPolicy {
  readonly compiled: Compiled
  readonly policyHash: string
  readonly vocabulary: Vocabulary
  readonly clock: { now(): number }
  readonly owner: { session(subject: AnySubject, options?: SessionOptions): SessionEngine }
}

/** Everything a session is, in one object: it is made at every request, so it holds no more than most of them need. */
export interface SessionState extends Subject {
  readonly policy: SessionPolicy
  readonly roleSet: RoleSet
  readonly row: Uint32Array
  readonly subjectId: string
  readonly tenant: string | undefined
  readonly now: number
  readonly validUntil: number | null
  /** `null` where the clock is not read again: in a pinned session, and in one without a time boundary. */
  expiresAt: number | null
  /** The assigned roles that count, as they were walked. */
  readonly node: TrieNode
  readonly extras: SessionExtras
}

/** What few sessions have: most share one object without any of it. Why-not starts a session again with it. */
export interface SessionExtras {
  readonly unknownRoles: readonly string[]
  /** Assignments that start later. */
  readonly upcoming: readonly Held[]
  /** As they came: the attributes that did not have their declared type. */
  readonly illTyped: ReadonlyMap<string, unknown> | null
  readonly ceilings: readonly string[] | undefined
  readonly activeRoles: readonly string[] | undefined
}

/** The fields of a permitted row that may be seen, and the resource that declares them. */
interface Visible {
  readonly type: Resource
  readonly fields: VisibleFields
}

/**
 * The engine behind a session; the types of its policy are put on it where it is handed out. It is as good as frozen:
 * it has no property of its own, and its prototype is frozen, so an assignment throws.
 */
export class SessionEngine {
  readonly #state: SessionState

  constructor(state: SessionState) {
    this.#state = state
  }

  get subjectId(): string {
    return this.#state.subjectId
  }

  get tenant(): string | undefined {
    return this.#state.tenant
  }

  get activeRoles(): readonly string[] {
    return this.#state.roleSet.activeRoles
  }

  get unknownRoles(): readonly string[] {
    return this.#state.extras.unknownRoles
  }

  get unknownCeilings(): readonly string[] {
    const { policy, extras } = this.#state
    const declared = policy.compiled.model.ceilings
    const unknown = (extras.ceilings ?? []).filter((name) => declared?.has(name) !== true)
    return Object.freeze([...new Set(unknown)].sort(byCodeUnit))
  }

  get now(): number {
    return this.#state.now
  }

  get validUntil(): number | null {
    return this.#state.validUntil
  }

  get violations(): readonly ConstraintViolation[] {
    const { subjectId, tenant, roleSet } = this.#state
    return Object.freeze(
      roleSet.violations.map(({ constraint, kind, members, atMost }) =>
        Object.freeze({ constraint, kind, subjects: Object.freeze([subjectId]), tenant, members, atMost }),
      ),
    )
  }

  can(permission: unknown, resource?: unknown, context?: unknown): boolean {
    const state = this.#state
    const id =
      typeof permission === 'string' ? state.policy.vocabulary.id(permission) : handleId(permission, state.policy)
    if (id === undefined || (state.expiresAt !== null && hasExpired(state, state.expiresAt))) return false
    const verdict = ((state.row[id >>> 4] ?? 0) >>> ((id & 15) << 1)) & 3
    return verdict < ROW_EVALUATE ? verdict === ROW_PERMIT : permits(state.roleSet.plan(id), state, resource, context)
  }

  decide(permission: unknown, resource?: unknown, context?: unknown): Decision {
    return Object.freeze(this.#decision(this.#outcome(permission, resource, context), resource, context))
  }

  #decision(outcome: Outcome, resource: unknown, context: unknown): Decision {
    return {
      decision: outcome.reason === 'permitted' ? 'permit' : 'deny',
      reason: outcome.reason,
      ruleId: outcome.ruleId,
      policyHash: this.#state.policy.policyHash,
      validUntil: outcome.reason === 'session-expired' ? null : this.#holdsUntil(outcome.plan, resource, context),
    }
  }

  explain(permission: unknown, resource?: unknown, context?: unknown): Explanation {
    const outcome = this.#outcome(permission, resource, context)
    return Object.freeze({
      ...this.#trace(outcome, permission, resource, context),
      ...this.#whyNot(outcome, permission, resource, context),
    })
  }

  /** An explanation without the search for changes. */
  trace(permission: unknown, resource?: unknown, context?: unknown): Trace {
    return this.#trace(this.#outcome(permission, resource, context), permission, resource, context)
  }

  #trace(outcome: Outcome, permission: unknown, resource: unknown, context: unknown): Trace {
    const { compiled } = this.#state.policy
    const { plan } = outcome
    return Object.freeze({
      ...this.#decision(outcome, resource, context),
      permission: nameOf(permission),
      roles: plan === null ? Object.freeze([]) : traceRoles(plan, compiled, this.activeRoles),
      rules: plan === null ? Object.freeze([]) : traceRules(plan, compiled, this.#state, resource, context),
    })
  }

  #whyNot(outcome: Outcome, permission: unknown, resource: unknown, context: unknown): WhyNot {
    const id = this.#id(permission)
    if (id === undefined || outcome.plan === null || !isOpenToChange(outcome)) return NOTHING_TO_CHANGE
    const denied = deniedRequest(this.#state, id, resource, context)
    return denied === null ? { ...NOTHING_TO_CHANGE, complete: false } : searchWhyNot(denied)
  }

  fields(permission: unknown, resource?: unknown, context?: unknown): VisibleFields {
    return this.#visible(permission, resource, context)?.fields ?? NO_FIELDS
  }

  mask(permission: unknown, resource: unknown, context?: unknown): Readonly<Record<string, unknown>> | undefined {
    const visible = this.#visible(permission, resource, context)
    return visible && maskRow(visible.fields, visible.type, resource)
  }

  /** What of a row may be seen; `undefined` where the row is denied. */
  #visible(permission: unknown, resource: unknown, context: unknown): Visible | undefined {
    const id = this.#id(permission)
    const type = id === undefined ? undefined : this.#state.policy.vocabulary.resources[id]
    if (id === undefined || type === undefined || !this.can(permission, resource, context)) return undefined
    return { type, fields: visibleFields(this.#state.roleSet.plan(id), type, this.#state, resource, context) }
  }

  where(permission: unknown, context?: unknown): Filter {
    const { roleSet, policy } = this.#state
    const id = this.#id(permission)
    const type = id === undefined ? undefined : policy.vocabulary.resources[id]
    if (id === undefined || type === undefined) return none('unknown-permission')
    return this.#expired() ? none('session-expired') : filterOf(roleSet, id, type, this.#state, context)
  }

  #outcome(permission: unknown, resource: unknown, context: unknown): Outcome {
    const id = this.#id(permission)
    if (id === undefined) return { reason: 'unknown-permission', ruleId: null, plan: null }
    if (this.#expired()) return { reason: 'session-expired', ruleId: null, plan: null }
    return decideWith(this.#state.roleSet, id, this.#state, resource, context)
  }

  #id(permission: unknown): number | undefined {
    const { policy } = this.#state
    return typeof permission === 'string' ? policy.vocabulary.id(permission) : handleId(permission, policy)
  }

  #expired(): boolean {
    const { expiresAt } = this.#state
    return expiresAt !== null && hasExpired(this.#state, expiresAt)
  }

  #holdsUntil(plan: Plan | null, resource: unknown, context: unknown): number | null {
    const instants = [this.validUntil ?? NEVER]
    for (const atom of plan?.timeAtoms ?? []) instants.push(...instantsOf(atom, this.#state, resource, context))
    return earliest(this.now, instants)
  }
}

Object.freeze(SessionEngine.prototype)

/** A handle of another policy object is looked up again by name: a reload can neither misdirect nor strand it. */
function handleId(permission: unknown, policy: SessionPolicy): number | undefined {
  if (!(permission instanceof PermissionHandle)) return undefined
  return permission.owner === policy.owner ? permission.id : policy.vocabulary.id(permission.name)
}

/** Nothing is proposed that drops a role, lifts a ceiling or undoes a deny that has no condition. */
function isOpenToChange({ reason, plan }: Outcome): boolean {
  if (reason === 'permitted' || reason === 'separation-of-duty' || plan?.outside !== null) return false
  return plan.denies.every(({ rule }) => rule.when !== null)
}

function nameOf(permission: unknown): string {
  return permission instanceof PermissionHandle ? permission.name : typeof permission === 'string' ? permission : ''
}

/** Once expired, always: a clock that is set back, or that yields no finite number, brings no session to life again. */
function hasExpired(state: SessionState, expiresAt: number): boolean {
  const now = state.policy.clock.now()
  if (Number.isFinite(now) && now < expiresAt) return false
  state.expiresAt = Number.NEGATIVE_INFINITY
  return true
}

function permits(plan: Plan, subject: Subject, resource: unknown, context: unknown): boolean {
  for (const rule of plan.denies) if (verdictOf(rule, subject, resource, context) !== FALSE) return false
  for (const rule of plan.permits) if (verdictOf(rule, subject, resource, context) === TRUE) return true
  return false
}
