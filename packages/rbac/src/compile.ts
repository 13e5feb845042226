import { atomsOf, compileExpression, type Evaluator } from './evaluate.js'
import type { Hierarchy } from './hierarchy.js'
import { at } from './json.js'
import type { Atom, Expression, Model, Path, Resource, Rule } from './model.js'
import type { RoleTable, Rows } from './role-table.js'
import type { Vocabulary } from './vocabulary.js'

/** A rule as it applies: what it covers, its condition, and the tenancy that its role's scope adds. */
export interface CompiledRule {
  readonly id: string
  readonly effect: 'permit' | 'deny'
  /** The number of the role that states a permit; -1 for a deny. */
  readonly role: number
  readonly pointer: string
  /** The numbers of its patterns. */
  readonly patterns: readonly number[]
  readonly when: Expression | null
  readonly evaluate: Evaluator | null
  readonly fields: readonly string[] | null
  readonly masked: readonly string[] | null
  /** Whether a permit's role is scoped to a tenant; that of a platform role is bound too where it is inherited. */
  readonly tenantBound: boolean
  /** The numbers of the roles that a deny is bound to; `null` for every subject. */
  readonly roles: readonly number[] | null
}

/** The comparison with the session's tenant that a resource asks for. */
export interface Tenancy {
  readonly atom: Atom
  readonly evaluate: Evaluator
}

/** A policy made ready: what every role set is built from. */
export interface Compiled {
  readonly model: Omit<Model, 'roles'>
  readonly vocabulary: Vocabulary
  readonly hierarchy: Hierarchy
  readonly permits: PermitTable
  readonly denies: readonly CompiledRule[]
  readonly tenancy: ReadonlyMap<Resource, Tenancy>
  /** Whether any condition, or the tenancy of a resource, reads `subject.id` or `subject.tenant`. */
  readonly readsIdentity: boolean
  /** Every path that a condition reads, as `subject.limit`. */
  readonly readPaths: ReadonlySet<string>
}

/** Turns a model into its compiled form. Roles become numbers in arrays: none of their objects is kept. */
export function compileModel(model: Model, vocabulary: Vocabulary, hierarchy: Hierarchy): Compiled {
  const { roles, ...rest } = model
  const tenancy = new Map(
    [...model.resources.values()].flatMap((resource) => {
      const atom = tenantAtom(resource)
      return atom === undefined ? [] : [[resource, { atom, evaluate: compileExpression(atom) }] as const]
    }),
  )
  const denies = model.deny.map((rule) => compileRule(rule, -1, false, hierarchy))
  const conditions = [...[...roles.rules.values()].flat(), ...model.deny].map((rule) => rule.when)
  const readsIdentity = tenancy.size > 0 || conditions.some((when) => atomsOf(when).some(readsIdOrTenant))
  const readPaths = new Set(conditions.flatMap((when) => atomsOf(when).flatMap(pathNames)))
  const permits = new PermitTable(roles, vocabulary, hierarchy)
  return { model: rest, vocabulary, hierarchy, permits, denies, tenancy, readsIdentity, readPaths }
}

function pathNames({ path, right }: Atom): readonly string[] {
  const paths = right.kind === 'path' ? [path, right.path] : [path]
  return paths.map(({ root, name }) => `${root}.${name}`)
}

function readsIdOrTenant(atom: Atom): boolean {
  const isIdentity = (path: Path): boolean => path.slot === ID_SLOT || path.slot === TENANT_SLOT
  return isIdentity(atom.path) || (atom.right.kind === 'path' && isIdentity(atom.right.path))
}

/** What each role itself permits: plain patterns as numbers, rules with an id of their own beside them. */
export class PermitTable {
  readonly #vocabulary: Vocabulary
  readonly #hierarchy: Hierarchy
  readonly #platform: Uint8Array
  readonly #patterns: Rows
  readonly #places: Rows
  readonly #rules: ReadonlyMap<number, readonly CompiledRule[]>

  constructor({ platform, patterns, places, rules }: RoleTable, vocabulary: Vocabulary, hierarchy: Hierarchy) {
    this.#vocabulary = vocabulary
    this.#hierarchy = hierarchy
    this.#platform = platform
    this.#patterns = patterns
    this.#places = places
    this.#rules = new Map(
      [...rules].map(([id, stated]) => [
        id,
        stated.map((rule) => compileRule(rule, id, platform[id] !== 1, hierarchy)),
      ]),
    )
  }

  isPlatform(role: number): boolean {
    return this.#platform[role] === 1
  }

  /** The numbers of the plain patterns of a role. */
  bare(role: number): Int32Array {
    return this.#patterns.row(role)
  }

  /** The rules of a role that have an id of their own. */
  rules(role: number): readonly CompiledRule[] {
    return this.#rules.get(role) ?? []
  }

  /** The numbers of all patterns of a role, those of its rules included. */
  *patternsOf(role: number): Generator<number> {
    yield* this.bare(role)
    for (const rule of this.rules(role)) yield* rule.patterns
  }

  /** Every permit of a role that covers the permission, or every permit; plain patterns as rules, made on the way. */
  *permitsOf(role: number, permission?: number): Generator<CompiledRule> {
    for (const [index, pattern] of this.bare(role).entries())
      if (permission === undefined || this.#vocabulary.covers([pattern], permission))
        yield this.#bareRule(role, index, pattern)
    for (const rule of this.rules(role))
      if (permission === undefined || this.#vocabulary.covers(rule.patterns, permission)) yield rule
  }

  #bareRule(role: number, index: number, pattern: number): CompiledRule {
    const name = this.#hierarchy.name(role)
    return {
      id: `${name}/${this.#vocabulary.text(pattern)}`,
      effect: 'permit',
      role,
      pointer: at(at(at('/roles', name), 'permit'), this.#places.at(role, index) ?? index),
      patterns: [pattern],
      when: null,
      evaluate: null,
      fields: null,
      masked: null,
      tenantBound: !this.isPlatform(role),
      roles: null,
    }
  }
}

function compileRule(rule: Rule, role: number, tenantBound: boolean, hierarchy: Hierarchy): CompiledRule {
  const { id, effect, pointer, patterns, when, fields, masked } = rule
  const evaluate = when === null ? null : compileExpression(when)
  const roles = rule.roles === null ? null : rule.roles.flatMap((name) => hierarchy.id(name) ?? [])
  return { id, effect, role, pointer, patterns, when, evaluate, fields, masked, tenantBound, roles }
}

/** `resource.<tenant> eq $subject.tenant`: what a tenant-scoped role's permit on this resource also requires. */
function tenantAtom(resource: Resource): Atom | undefined {
  const attribute = resource.tenant === undefined ? undefined : resource.attributes.get(resource.tenant)
  if (attribute === undefined) return undefined
  return {
    kind: 'atom',
    pointer: at(at('/resources', resource.name), 'tenant'),
    op: 'eq',
    path: { root: 'resource', name: attribute.name, type: attribute.type, slot: -1 },
    right: { kind: 'path', path: { root: 'subject', name: 'tenant', type: attribute.type, slot: TENANT_SLOT } },
    operand: '$subject.tenant',
  }
}

/** The slots of the attributes that every subject has; the declared ones follow. */
export const ID_SLOT = 0
export const TENANT_SLOT = 1
export const ASSURANCE_SLOT = 2
