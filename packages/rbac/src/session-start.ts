import { earliest, instantsOf } from './boundary.js'
import { ASSURANCE_SLOT, type Compiled } from './compile.js'
import type { AnySubject } from './document.js'
import { RbacError } from './errors.js'
import type { Subject } from './evaluate.js'
import { checkOptions } from './options.js'
import type { RoleSet } from './role-set.js'
import {
  ACTIVE_STEP,
  CEILING_STEP,
  RoleSetCache,
  rolesWalked,
  type TrieNode,
  UNKNOWN_CEILING_STEP,
} from './role-set-cache.js'
import { SessionEngine, type SessionExtras, type SessionPolicy } from './session.js'
import {
  assuranceLevel,
  copyList,
  type Held,
  identifier,
  ifOwn,
  invalid,
  isValidAt,
  listLength,
  nameList,
  readAssignment,
  readSubject,
} from './subject.js'
import {
  byCodeUnit,
  ILL_TYPED,
  isText,
  MAX_TIMESTAMP,
  MIN_TIMESTAMP,
  MISSING,
  own,
  type Reading,
  typed,
  type ValueType,
} from './value.js'

/** How a session is started. */
export interface SessionOptions {
  /** NIST activation: permits come from these, denies from all assigned. Default: all assigned. */
  readonly activeRoles?: readonly string[]
  /** Pins the session to this instant (ms); the clock is not read again. Default: `clock.now()`. */
  readonly now?: number
}

const SESSION_OPTIONS = { activeRoles: true, now: true } as const
const NONE: readonly string[] = Object.freeze([])
const NEVER = Number.POSITIVE_INFINITY
/** The slots of a subject of which no condition can read anything. */
const NOTHING_GIVEN: Values = Object.freeze({
  values: Object.freeze<Reading[]>([MISSING, MISSING, MISSING]),
  illTyped: null,
})
const NO_EXTRAS: SessionExtras = Object.freeze({
  unknownRoles: NONE,
  upcoming: Object.freeze<Held[]>([]),
  illTyped: null,
  ceilings: undefined,
  activeRoles: undefined,
})

/** The slots of a subject, and as it came what did not have its declared type. */
interface Values {
  readonly values: readonly Reading[]
  readonly illTyped: ReadonlyMap<string, unknown> | null
}

/** Where the walk over the assigned roles has come to. */
interface Walk {
  node: TrieNode
  /** The first instant after now at which an assignment starts or ends. */
  boundary: number
  unknown: string[] | null
  /** Assignments that start later. */
  readonly upcoming: Held[]
}

/** Starts the sessions of one policy. */
export class SessionStarter {
  readonly #compiled: Compiled
  readonly #policy: SessionPolicy
  readonly #cache: RoleSetCache
  /** Whether any condition reads the subject's id or tenant; where none does, their text need not be looked at. */
  readonly #readsIdentity: boolean
  /** Whether any condition reads `context.now`. */
  readonly #readsNow: boolean
  /** Whether no condition can read anything of a session but the subject's assurance. */
  readonly #readsNothing: boolean
  /** The declared subject attributes, in the order of their slots. */
  readonly #declared: readonly (readonly [string, ValueType])[]

  constructor(policy: SessionPolicy, maxRoleSets: number) {
    const { compiled } = policy
    this.#policy = policy
    this.#compiled = compiled
    this.#cache = new RoleSetCache(compiled, maxRoleSets)
    this.#readsIdentity = compiled.readsIdentity
    this.#declared = [...compiled.model.subject].slice(ASSURANCE_SLOT + 1)
    this.#readsNow = compiled.readPaths.has('context.now')
    this.#readsNothing = !this.#readsIdentity && !this.#readsNow && this.#declared.length === 0
  }

  start(subject: AnySubject, options: SessionOptions | undefined): SessionEngine {
    if (typeof subject !== 'object' || subject === null) throw invalid('subject')
    checkOptions('policy.session', options, SESSION_OPTIONS)
    const pinned = options && ifOwn(options, 'now', options.now, 'options')
    const now = pinned === undefined ? this.#instant() : pinnedInstant(pinned)
    const given = readSubject(subject)
    const subjectId = identifier(given.id, 'subject.id')
    const tenant = given.tenant === undefined ? undefined : identifier(given.tenant, 'subject.tenant')
    const assurance = assuranceLevel(given.assurance)
    const isNothingRead = this.#readsNothing && assurance === undefined && given.attributes === undefined
    const { values, illTyped } = isNothingRead
      ? NOTHING_GIVEN
      : this.#values(subjectId, tenant, assurance, given.attributes, now)
    const warm = this.#warmWalk(given.roles, listLength(given.roles, 'subject.roles'))
    const walk = warm === null ? this.#walk(copyList(given.roles, 'subject.roles'), tenant, now) : null
    const node = warm ?? walk?.node ?? this.#cache.root
    const ceilings = namesOrNone(given.ceilings, 'subject.ceilings', 1)
    const activeRoles = namesOrNone(
      options && ifOwn(options, 'activeRoles', options.activeRoles, 'options'),
      'activeRoles',
      0,
    )
    const isWhole = ceilings === undefined && activeRoles === undefined
    const roleSet = (isWhole ? node.set : null) ?? this.#roleSet(node, ceilings, activeRoles)
    const validUntil = this.#validUntil(walk?.boundary ?? NEVER, roleSet, values, now)
    return new SessionEngine({
      policy: this.#policy,
      roleSet,
      row: roleSet.row,
      values,
      subjectId,
      tenant,
      now,
      validUntil,
      expiresAt: pinned === undefined ? validUntil : null,
      node,
      extras: extrasOf(walk, illTyped, ceilings, activeRoles),
    })
  }

  /** The walk of a session whose roles are all plain names that have been walked before; `null` for any other. */
  #warmWalk(roles: unknown, length: number): TrieNode | null {
    let node = this.#cache.root
    for (let index = 0; index < length; index++) {
      const role = (roles as readonly unknown[])[index]
      const next = typeof role === 'string' ? node.children.get(role) : undefined
      if (next === undefined) return null
      node = next
    }
    return node
  }

  #instant(): number {
    const now = this.#policy.clock.now()
    if (!Number.isFinite(now)) throw new TypeError('policy.session: the clock yields no finite number')
    return Math.floor(now)
  }

  #values(id: string, tenant: string | undefined, assurance: number | undefined, given: unknown, now: number): Values {
    if (given !== undefined && (typeof given !== 'object' || given === null)) throw invalid('subject.attributes')
    const values: Reading[] = this.#readsIdentity
      ? [typedId(id), tenant === undefined ? MISSING : typedId(tenant), assurance ?? MISSING]
      : [MISSING, MISSING, assurance ?? MISSING]
    let illTyped: Map<string, unknown> | null = null
    for (let index = 0; index < this.#declared.length; index++) {
      const entry = this.#declared[index]
      if (entry === undefined) continue
      const value = own(given, entry[0])
      const reading = typed(value, entry[1])
      if (reading === ILL_TYPED) illTyped = (illTyped ?? new Map<string, unknown>()).set(entry[0], value)
      values.push(reading)
    }
    if (this.#readsNow) values.push(now >= MIN_TIMESTAMP && now <= MAX_TIMESTAMP ? now : ILL_TYPED)
    return { values, illTyped }
  }

  /** Follows the roles that count now through the trie. */
  #walk(roles: readonly unknown[], tenant: string | undefined, now: number): Walk {
    const walk: Walk = { node: this.#cache.root, boundary: NEVER, unknown: null, upcoming: [] }
    for (let index = 0; index < roles.length; index++) {
      const entry = roles[index]
      if (typeof entry === 'string') this.#step(walk, entry)
      else this.#stepHeld(walk, readAssignment(entry, `subject.roles[${index}]`, undefined), tenant, now)
    }
    return walk
  }

  #stepHeld(walk: Walk, held: Held, tenant: string | undefined, now: number): void {
    if (held.tenant !== undefined && held.tenant !== tenant) return
    if (held.notBefore > now) walk.upcoming.push(held)
    if (held.notBefore > now && held.notBefore < walk.boundary) walk.boundary = held.notBefore
    if (held.expiresAt > now && held.expiresAt < walk.boundary) walk.boundary = held.expiresAt
    if (isValidAt(held, now)) this.#step(walk, held.role)
  }

  #step(walk: Walk, role: string): void {
    const next = walk.node.children.get(role)
    if (next !== undefined) walk.node = next
    else if (this.#compiled.hierarchy.id(role) !== undefined) walk.node = this.#cache.step(walk.node, role)
    else if (walk.unknown === null) walk.unknown = [role]
    else walk.unknown.push(role)
  }

  /** Every answer about the roles comes from the place in the trie, so that a set cannot be kept at another's place. */
  #roleSet(
    from: TrieNode,
    ceilings: readonly string[] | undefined,
    activeRoles: readonly string[] | undefined,
  ): RoleSet {
    const { hierarchy, model } = this.#compiled
    const assigned = ascending(rolesWalked(from).flatMap((name) => hierarchy.id(name) ?? []))
    let node = from
    let active = assigned
    if (activeRoles !== undefined) {
      active = this.#activated(activeRoles, assigned)
      node = this.#cache.step(node, ACTIVE_STEP)
      for (const name of activeRoles) node = this.#cache.step(node, name)
    }
    const named = ceilings ?? NONE
    const known = named.filter((name) => model.ceilings?.has(name) === true)
    if (ceilings !== undefined) {
      node = this.#cache.step(node, CEILING_STEP)
      for (const name of known) node = this.#cache.step(node, name)
      if (known.length < named.length) node = this.#cache.step(node, UNKNOWN_CEILING_STEP)
    }
    if (node.set !== null) return node.set
    const unknown = known.length < named.length
    return this.#cache.fill(node, assigned, active, { known: [...new Set(known)], unknown })
  }

  #activated(names: readonly string[], assigned: readonly number[]): readonly number[] {
    const authorised = new Set(this.#compiled.hierarchy.closure(assigned))
    return ascending(
      names.map((name) => {
        const id = this.#compiled.hierarchy.id(name)
        if (id !== undefined && authorised.has(id)) return id
        throw new RbacError(
          'COFFER_RBAC_ROLE_NOT_ASSIGNED',
          'activeRoles names a role that the subject is not authorised for',
        )
      }),
    )
  }

  #validUntil(boundary: number, roleSet: RoleSet, values: readonly Reading[], now: number): number | null {
    if (roleSet.timeAtoms.length === 0) return boundary === NEVER ? null : boundary
    const subject: Subject = { values }
    return earliest(now, [
      boundary,
      ...roleSet.timeAtoms.flatMap((atom) => instantsOf(atom, subject, undefined, undefined)),
    ])
  }
}

function namesOrNone(value: unknown, field: string, atLeast: number): readonly string[] | undefined {
  return value === undefined ? undefined : nameList(value, field, atLeast)
}

function extrasOf(
  walk: Walk | null,
  illTyped: SessionExtras['illTyped'],
  ceilings: SessionExtras['ceilings'],
  activeRoles: SessionExtras['activeRoles'],
): SessionExtras {
  if (walk === null && illTyped === null && ceilings === undefined && activeRoles === undefined) return NO_EXTRAS
  const unknownRoles = sortedNames(walk?.unknown ?? null)
  return { unknownRoles, upcoming: walk?.upcoming ?? NO_EXTRAS.upcoming, illTyped, ceilings, activeRoles }
}

function typedId(text: string): Reading {
  return isText(text) ? text : ILL_TYPED
}

function sortedNames(names: readonly string[] | null): readonly string[] {
  return names === null ? NONE : Object.freeze([...new Set(names)].sort(byCodeUnit))
}

function ascending(ids: readonly number[]): readonly number[] {
  return [...new Set(ids)].sort((left, right) => left - right)
}

function pinnedInstant(now: unknown): number {
  if (typeof now !== 'number' || !Number.isSafeInteger(now))
    throw new TypeError('policy.session: now must be an integer of milliseconds')
  return now
}
