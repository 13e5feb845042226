import { checkAssignments, type SubjectAssignments } from './assignments.js'
import { earliest, instantsOf, isSessionAtom, timeAtoms } from './boundary.js'
import { canonicalPolicy } from './canonical.js'
import { type Compiled, compileModel } from './compile.js'
import type { ConstraintViolation } from './constraint.js'
import type { AnySubject, PolicyDocument } from './document.js'
import { PolicyError, RbacError } from './errors.js'
import type { Subject } from './evaluate.js'
import { PermissionHandle } from './handle.js'
import { checkCycles, Hierarchy } from './hierarchy.js'
import type { PermissionOf, RoleOf } from './infer.js'
import { Issues } from './issues.js'
import { RoleSet } from './role-set.js'
import { SessionEngine } from './session.js'
import type { Session, SubjectInput } from './session-types.js'
import { sha256Hex } from './sha256.js'
import { snapshot } from './snapshot.js'
import { checkSubject, countsIn, type Held, rolesAt } from './subject.js'
import { validate } from './validate.js'
import { typed } from './value.js'

/** A compiled policy. Immutable: what is changed in the document afterwards has no effect. */
export interface Policy<D extends PolicyDocument> {
  readonly name: string
  readonly version: string
  /** `sha256:` and 64 hex digits over the RFC 8785 form without `$schema`, `description` and `tests`. */
  readonly hash: string
  /** Sorted by code unit. */
  readonly permissions: readonly PermissionOf<D>[]
  /** Sorted by code unit. */
  readonly roles: readonly RoleOf<D>[]
  /** Resolves a permission once, for checks that are made often. Throws a `RangeError` for an unknown name. */
  permission<P extends PermissionOf<D>>(name: P): PermissionHandle<P>
  /**
   * Starts a session: a snapshot of one subject at one instant. Build one per request.
   *
   * @throws {RbacError} `COFFER_RBAC_SUBJECT_INVALID`, `COFFER_RBAC_ROLE_NOT_ASSIGNED`
   */
  session(subject: SubjectInput<D>, options?: SessionOptions): Session<D>
  /**
   * Reports which assignments break an SSD or cardinality constraint, before they are saved. Assignments conflict only
   * where their validity overlaps; a `subject` may occur more than once.
   *
   * @throws {RbacError} `COFFER_RBAC_SUBJECT_INVALID`
   */
  checkAssignments(subjects: Iterable<SubjectAssignments>): readonly ConstraintViolation[]
}

/** How a session is started. */
export interface SessionOptions {
  /** NIST activation: permits come from these, denies from all assigned. Default: all assigned. */
  readonly activeRoles?: readonly string[]
  /** Pins the session to this instant (ms); the clock is not read again. Default: `clock.now()`. */
  readonly now?: number
}

/** How a policy is compiled. */
export interface CompileOptions {
  /** Milliseconds since the epoch. Default: the system clock. */
  readonly clock?: { now(): number }
  /** Merged rows that are kept, 1 to 65,536; default 1024. Changes speed, never an answer. */
  readonly maxRoleSets?: number
}

const systemClock = { now: (): number => Date.now() }

/**
 * Checks a policy document and makes it ready to decide (ANSI INCITS 359-2012 roles, XACML 3.0 deny-overrides).
 *
 * Copies what it needs and does not hold on to the document.
 *
 * @throws {PolicyError} `COFFER_RBAC_POLICY_INVALID` with every mistake at once: its code, pointer, message and hint.
 */
export function compilePolicy<const D extends PolicyDocument>(document: D, options: CompileOptions = {}): Policy<D> {
  const { clock = systemClock, maxRoleSets = 1024 } = options
  if (typeof clock?.now !== 'function') throw new TypeError('compilePolicy: clock must have a method now()')
  if (!Number.isInteger(maxRoleSets) || maxRoleSets < 1 || maxRoleSets > 65_536)
    throw new RangeError('compilePolicy: maxRoleSets must be a whole number from 1 to 65536')
  const issues = new Issues()
  const json = snapshot(document, (issue) => issues.add(issue.code, issue.pointer, issue.message, issue.hint))
  const refuse = (): never => {
    throw new PolicyError(issues.inOrderOf(json))
  }
  if (!issues.empty) refuse()
  const { model, vocabulary } = validate(json, issues)
  const hierarchy = new Hierarchy(model.roles)
  checkCycles(hierarchy, issues)
  const compiled = compileModel(model, vocabulary, hierarchy, issues)
  if (!issues.empty) refuse()
  const engine = new PolicyEngine(compiled, `sha256:${sha256Hex(canonicalPolicy(json))}`, clock, maxRoleSets)
  // The engine answers for any permission; the type says which ones this document has.
  return engine as Policy<PolicyDocument> as Policy<D>
}

class PolicyEngine {
  readonly name: string
  readonly version: string
  readonly hash: string
  readonly permissions: readonly string[]
  readonly roles: readonly string[]
  readonly #compiled: Compiled
  readonly #clock: { now(): number }
  readonly #maxRoleSets: number
  readonly #roleSets = new Map<string, RoleSet>()

  constructor(compiled: Compiled, hash: string, clock: { now(): number }, maxRoleSets: number) {
    this.#compiled = compiled
    this.#clock = clock
    this.#maxRoleSets = maxRoleSets
    this.name = compiled.model.name
    this.version = compiled.model.version
    this.hash = hash
    this.permissions = compiled.vocabulary.names
    this.roles = compiled.hierarchy.names
    Object.freeze(this)
  }

  permission<P extends string>(name: P): PermissionHandle<P> {
    const id = this.#compiled.vocabulary.id(name)
    if (id === undefined) throw new RangeError('policy.permission: the policy has no such permission')
    return new PermissionHandle(name, this, id)
  }

  session(subject: AnySubject, options: SessionOptions = {}): SessionEngine {
    const { hierarchy, model } = this.#compiled
    const pinned = options.now !== undefined
    const now = pinned ? pinnedInstant(options.now) : this.#instant()
    const checked = checkSubject(subject, model)
    const assigned = [...new Set(rolesAt(checked.roles, checked.tenant, now))].sort()
    const known = assigned.flatMap((name) => hierarchy.id(name) ?? [])
    const active = options.activeRoles === undefined ? known : this.#activated(options.activeRoles, known)
    const roleSet = this.#roleSet(known, active, checked.ceilings)
    const typedNow = typed(now, { kind: 'timestamp', members: [], optional: false, list: false })
    const evaluated: Subject = { attributes: checked.attributes, now: typedNow }
    return new SessionEngine({
      compiled: this.#compiled,
      policyHash: this.hash,
      owner: this,
      subjectId: checked.id,
      tenant: checked.tenant,
      activeRoles: Object.freeze(active.map((id) => hierarchy.name(id))),
      unknownRoles: Object.freeze(assigned.filter((name) => hierarchy.id(name) === undefined)),
      subject: evaluated,
      roleSet,
      now,
      validUntil: earliest(now, boundaries(checked.roles, checked.tenant, roleSet, evaluated)),
      clock: pinned ? null : this.#clock,
    })
  }

  checkAssignments(subjects: Iterable<SubjectAssignments>): readonly ConstraintViolation[] {
    return checkAssignments(this.#compiled, subjects)
  }

  #instant(): number {
    const now = this.#clock.now()
    if (!Number.isFinite(now)) throw new TypeError('policy.session: the clock yields no finite number')
    return Math.floor(now)
  }

  #activated(names: readonly string[], assigned: readonly number[]): readonly number[] {
    const authorised = new Set(this.#compiled.hierarchy.closure(assigned))
    const ids = names.map((name) => {
      const id = this.#compiled.hierarchy.id(name)
      if (id === undefined || !authorised.has(id))
        throw new RbacError(
          'COFFER_RBAC_ROLE_NOT_ASSIGNED',
          'activeRoles names a role that the subject is not authorised for',
        )
      return id
    })
    return [...new Set(ids)].sort((left, right) => left - right)
  }

  #roleSet(assigned: readonly number[], active: readonly number[], ceilings: readonly string[] | null): RoleSet {
    const key = JSON.stringify([assigned, active, ceilings === null ? null : [...ceilings].sort()])
    let roleSet = this.#roleSets.get(key)
    if (roleSet === undefined) {
      if (this.#roleSets.size >= this.#maxRoleSets) this.#roleSets.clear()
      roleSet = new RoleSet(this.#compiled, assigned, active, ceilings)
      this.#roleSets.set(key, roleSet)
    }
    return roleSet
  }
}

function pinnedInstant(now: number | undefined): number {
  if (now === undefined || !Number.isSafeInteger(now))
    throw new TypeError('policy.session: now must be an integer of milliseconds')
  return now
}

/** The instants at which a session of these assignments and rules changes, past and future. */
function* boundaries(
  held: readonly Held[],
  tenant: string | undefined,
  roleSet: RoleSet,
  subject: Subject,
): Iterable<number> {
  for (const entry of held) {
    if (!countsIn(entry, tenant)) continue
    if (Number.isFinite(entry.notBefore)) yield entry.notBefore
    if (Number.isFinite(entry.expiresAt)) yield entry.expiresAt
  }
  for (const rule of roleSet.rules)
    for (const atom of timeAtoms(rule.when))
      if (isSessionAtom(atom)) yield* instantsOf(atom, subject, undefined, undefined)
}
