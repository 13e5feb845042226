import { checkSelfConflict } from './constraint.js'
import { compileExpression, type Evaluator } from './evaluate.js'
import type { Hierarchy } from './hierarchy.js'
import type { Issues } from './issues.js'
import { at } from './json.js'
import type { Atom, Expression, Model, Resource, Rule } from './model.js'
import type { Vocabulary } from './vocabulary.js'

/** A rule as it applies: what it covers, its condition, and the tenancy that its role's scope adds. */
export interface CompiledRule {
  readonly id: string
  readonly effect: 'permit' | 'deny'
  /** The number of the role that states a permit; -1 for a deny. */
  readonly role: number
  readonly pointer: string
  readonly patterns: readonly string[]
  readonly when: Expression | null
  readonly evaluate: Evaluator | null
  readonly fields: readonly string[] | null
  readonly masked: readonly string[] | null
  /** Whether a permit is bound to the session's tenant on a resource that has one. */
  readonly tenantBound: boolean
  /** The numbers of the roles that a deny is bound to; `null` for every subject. */
  readonly roles: readonly number[] | null
}

/** A policy made ready: what every role set is built from. */
export interface Compiled {
  readonly model: Model
  readonly vocabulary: Vocabulary
  readonly hierarchy: Hierarchy
  /** The permits of each role, by its number. */
  readonly permits: readonly (readonly CompiledRule[])[]
  readonly denies: readonly CompiledRule[]
  readonly tenancy: ReadonlyMap<Resource, { readonly atom: Atom; readonly evaluate: Evaluator }>
}

/** Turns a model into its compiled form. The hierarchy has been checked for cycles. */
export function compileModel(model: Model, vocabulary: Vocabulary, hierarchy: Hierarchy, issues: Issues): Compiled {
  const permits = hierarchy.names.map((name, id) => permitsOf(model, name, id))
  const denies = model.deny.map((rule) => compileRule(rule, -1, false, hierarchy))
  const tenancy = new Map(
    [...model.resources.values()].flatMap((resource) => {
      const atom = tenantAtom(resource)
      return atom === undefined ? [] : [[resource, { atom, evaluate: compileExpression(atom) }] as const]
    }),
  )
  const compiled = { model, vocabulary, hierarchy, permits, denies, tenancy }
  checkSelfConflict(compiled, issues)
  return compiled
}

function permitsOf(model: Model, name: string, id: number): readonly CompiledRule[] {
  const role = model.roles.get(name)
  if (role === undefined) return []
  const bare = role.bare.map(({ pattern, index }) => ({
    id: `${name}/${pattern}`,
    effect: 'permit' as const,
    role: id,
    pointer: at(at(at('/roles', name), 'permit'), index),
    patterns: [pattern],
    when: null,
    evaluate: null,
    fields: null,
    masked: null,
    tenantBound: !role.platform,
    roles: null,
  }))
  return [...bare, ...role.rules.map((rule) => compileRule(rule, id, !role.platform, undefined))]
}

function compileRule(rule: Rule, role: number, tenantBound: boolean, hierarchy: Hierarchy | undefined): CompiledRule {
  const { id, effect, pointer, patterns, when, fields, masked } = rule
  const evaluate = when === null ? null : compileExpression(when)
  const roles = rule.roles === null ? null : rule.roles.flatMap((name) => hierarchy?.id(name) ?? [])
  return { id, effect, role, pointer, patterns, when, evaluate, fields, masked, tenantBound, roles }
}

/** `resource.<tenant> eq $subject.tenant`: what a tenant-scoped role's permit on this resource also requires. */
function tenantAtom(resource: Resource): Atom | undefined {
  const attribute = resource.tenant === undefined ? undefined : resource.attributes.get(resource.tenant)
  if (attribute === undefined) return undefined
  const subject = { root: 'subject', name: 'tenant', type: { ...attribute.type, optional: true } } as const
  return {
    kind: 'atom',
    pointer: at(at('/resources', resource.name), 'tenant'),
    op: 'eq',
    path: { root: 'resource', name: attribute.name, type: attribute.type },
    right: { kind: 'path', path: subject },
    operand: '$subject.tenant',
  }
}
