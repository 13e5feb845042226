import { checkAssignments, type SubjectAssignments } from './assignments.js'
import { writeCanonicalPolicy } from './canonical.js'
import { type Compiled, compileModel } from './compile.js'
import { type ConstraintViolation, checkSelfConflict } from './constraint.js'
import type { AnySubject, PolicyDocument } from './document.js'
import { PolicyError } from './errors.js'
import { PermissionHandle } from './handle.js'
import { checkCycles, Hierarchy } from './hierarchy.js'
import type { PermissionOf, RoleOf } from './infer.js'
import { Issues } from './issues.js'
import { checkOptions } from './options.js'
import type { SessionEngine } from './session.js'
import { type SessionOptions, SessionStarter } from './session-start.js'
import type { Session, SubjectInput } from './session-types.js'
import { Sha256 } from './sha256.js'
import { type Json, snapshot } from './snapshot.js'
import { validate } from './validate.js'

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
  checkOptions('compilePolicy', options, { clock: true, maxRoleSets: true })
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
  if (!issues.empty) refuse()
  const compiled = compileModel(model, vocabulary, hierarchy)
  checkSelfConflict(compiled, issues)
  if (!issues.empty) refuse()
  const engine = new PolicyEngine(compiled, hashOf(json), clock, maxRoleSets)
  // The engine answers for any permission; the type says which ones this document has.
  return engine as Policy<PolicyDocument> as Policy<D>
}

function hashOf(document: Json): string {
  const digest = new Sha256()
  writeCanonicalPolicy(document, (text) => digest.update(text))
  return `sha256:${digest.hex()}`
}

class PolicyEngine {
  readonly name: string
  readonly version: string
  readonly hash: string
  readonly permissions: readonly string[]
  readonly roles: readonly string[]
  readonly #compiled: Compiled
  readonly #starter: SessionStarter

  constructor(compiled: Compiled, hash: string, clock: { now(): number }, maxRoleSets: number) {
    this.#compiled = compiled
    const { vocabulary } = compiled
    this.#starter = new SessionStarter({ compiled, vocabulary, policyHash: hash, clock, owner: this }, maxRoleSets)
    this.name = compiled.model.name
    this.version = compiled.model.version
    this.hash = hash
    this.permissions = compiled.vocabulary.names
    this.roles = compiled.hierarchy.names
    Object.freeze(this)
  }

  /** @internal */
  compiled(): Compiled {
    return this.#compiled
  }

  permission<P extends string>(name: P): PermissionHandle<P> {
    const id = this.#compiled.vocabulary.id(name)
    if (id === undefined) throw new RangeError('policy.permission: the policy has no such permission')
    return new PermissionHandle(name, this, id)
  }

  session(subject: AnySubject, options?: SessionOptions): SessionEngine {
    return this.#starter.start(subject, options)
  }

  checkAssignments(subjects: Iterable<SubjectAssignments>): readonly ConstraintViolation[] {
    return checkAssignments(this.#compiled, subjects)
  }
}

/** The compiled form behind a policy, for the subpaths that review and test one. */
export function compiledOf(policy: AnyPolicy): Compiled {
  if (policy instanceof PolicyEngine) return policy.compiled()
  throw new TypeError('not a policy that compilePolicy of this copy of the package made')
}

/** A policy whose names are not known to the compiler. */
export type AnyPolicy = Policy<PolicyDocument>
