import type { Compiled, CompiledRule } from '../compile.js'
import { membersIn } from '../constraint.js'
import { namesIn, removedBy } from '../field.js'
import type { Attribute, Resource } from '../model.js'
import type { Plan } from '../role-set.js'
import { byCodeUnit, type ValueType } from '../value.js'
import { type PolicyChange, printRule, union } from './diff.js'

/**
 * Denies that went, changed or came. A deny may bind a role that permits nothing, to take from subjects what their other
 * roles give: no role by itself shows that. One that came is left out where a role's own permission shows it.
 */
export function denyChanges(old: Compiled, next: Compiled, roles: readonly PolicyChange[]): readonly PolicyChange[] {
  const [before, after] = [denyTexts(old), denyTexts(next)]
  const gone = [...before].filter(([text]) => !after.has(text))
  const come = [...after].filter(([text]) => !before.has(text))
  const ids = new Map(come.map(([text, { id }]) => [id, text]))
  const changed = new Set(gone.flatMap(([, { id }]) => ids.get(id) ?? []))
  const shown = (rule: CompiledRule): boolean =>
    roles.some(({ permission }) => {
      const id = permission === null ? undefined : next.vocabulary.id(permission)
      return id !== undefined && next.vocabulary.covers(rule.patterns, id)
    })
  return [
    ...gone.map(([text, { id }]) => {
      const now = ids.get(id) ?? null
      return declared(now === null ? 'loosen' : 'change', text, now)
    }),
    ...come
      .filter(([text, rule]) => !changed.has(text) && !shown(rule))
      .map(([text]) => declared('tighten', null, text)),
  ]
}

/** Denies and constraints that stay, and that a role comes or ceases to fall under by what it inherits or permits. */
export function bindingChanges(old: Compiled, next: Compiled): readonly PolicyChange[] {
  const [left, right] = [denyTexts(old), denyTexts(next)]
  const ids = new Set(next.model.constraints.map(({ id }) => id))
  const kept = new Set([
    ...[...left.keys()].filter((text) => right.has(text)),
    ...old.model.constraints.map(({ id }) => id).filter((id) => ids.has(id)),
  ])
  return union(old.hierarchy.names, next.hierarchy.names).flatMap((role) => {
    const [before, after] = [bindings(old, left, role, kept), bindings(next, right, role, kept)]
    return [
      ...before.filter((text) => !after.includes(text)).map((text) => ({ ...declared('loosen', text, null), role })),
      ...after.filter((text) => !before.includes(text)).map((text) => ({ ...declared('tighten', null, text), role })),
    ]
  })
}

function bindings(
  compiled: Compiled,
  texts: ReadonlyMap<string, CompiledRule>,
  role: string,
  kept: ReadonlySet<string>,
): readonly string[] {
  const id = compiled.hierarchy.id(role)
  if (id === undefined) return []
  const closure = new Set(compiled.hierarchy.closure([id]))
  const denies = [...texts].filter(
    ([text, rule]) => kept.has(text) && rule.roles?.some((bound) => closure.has(bound)) === true,
  )
  const members = compiled.model.constraints.flatMap((constraint) =>
    constraint.kind === 'cardinality' || !kept.has(constraint.id)
      ? []
      : membersIn(constraint, closure, compiled).map((member) => `${constraint.id} counts ${member}`),
  )
  return [...denies.map(([text]) => text), ...members].sort(byCodeUnit)
}

/** Attributes and tenants of what both policies declare: rows, columns and what is shown of them hang on these. */
export function declarationChanges(old: Compiled, next: Compiled): readonly PolicyChange[] {
  const [before, after] = [declarations(old), declarations(next)]
  return union([...before.keys()], [...after.keys()]).flatMap((name) => {
    const resource = name.slice(0, name.indexOf('.'))
    if (!isIn(old, resource) || !isIn(next, resource)) return []
    const [left, right] = [before.get(name) ?? null, after.get(name) ?? null]
    // What no resource shows matters by the rules that read it, and those are compared.
    const unread = name.startsWith('$') && (left === null || right === null)
    if (left === right || unread) return []
    const text = (value: string | null): string | null => (value === null ? null : `${name}: ${value}`)
    return [declared(right === null ? 'tighten' : 'change', text(left), text(right))]
  })
}

function isIn({ model }: Compiled, resource: string): boolean {
  return resource === '$subject' || resource === '$context' || model.resources.has(resource)
}

function declarations({ model }: Compiled): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [name, type] of model.subject) found.set(`$subject.${name}`, printType(type))
  for (const [name, type] of model.context) found.set(`$context.${name}`, printType(type))
  for (const resource of model.resources.values()) {
    found.set(`${resource.name}.`, `tenant ${resource.tenant ?? 'none'}`)
    for (const attribute of resource.attributes.values())
      found.set(`${resource.name}.${attribute.name}`, printAttribute(attribute))
  }
  return found
}

function printAttribute({ type, mask, column, columnType }: Attribute): string {
  return `${printType(type)}, mask ${mask ?? 'none'}, column ${column} ${columnType ?? ''}`.trimEnd()
}

function printType({ kind, members, optional, list }: ValueType): string {
  const base = kind === 'enum' ? `one of ${[...members].sort(byCodeUnit).join(', ')}` : kind
  return `${base}${list ? '[]' : ''}${optional ? '?' : ''}`
}

/** Whether the later plan shows a field, or shows it in clear, that the earlier one did not. */
export function widens(
  before: Plan | null,
  old: Resource | undefined,
  after: Plan | null,
  next: Resource | undefined,
): boolean {
  if (before === null || after === null || old === undefined || next === undefined) return true
  const [had, has] = [shownBy(before, old, 'always'), shownBy(after, next, 'sometimes')]
  return [...has.clear].some((name) => !had.clear.has(name)) || [...has.seen].some((name) => !had.seen.has(name))
}

function shownBy(
  plan: Plan,
  resource: Resource,
  rows: 'always' | 'sometimes',
): { clear: ReadonlySet<string>; seen: ReadonlySet<string> } {
  const clear = new Set<string>()
  const seen = new Set<string>()
  for (const { rule, tenancy } of plan.permits) {
    if (rows === 'always' && (rule.when !== null || tenancy !== null)) continue
    const named = rule.fields !== null || rule.masked !== null
    for (const name of namesIn(named ? (rule.fields ?? []) : ['*'], resource, false)) clear.add(name)
    for (const name of namesIn(named ? (rule.masked ?? []) : ['*'], resource, true)) seen.add(name)
  }
  for (const { rule } of plan.fieldDenies)
    if (rows === 'always' || rule.when === null)
      for (const name of removedBy(rule.fields ?? [], resource)) {
        clear.delete(name)
        seen.delete(name)
      }
  for (const name of clear) seen.add(name)
  return { clear, seen }
}

/** Denies by what they say; what they are called does not count. */
function denyTexts(compiled: Compiled): ReadonlyMap<string, CompiledRule> {
  return new Map(
    compiled.denies.map((rule) => {
      const roles = (rule.roles ?? []).map((role) => compiled.hierarchy.name(role)).sort(byCodeUnit)
      const patterns = rule.patterns.map((pattern) => compiled.vocabulary.text(pattern)).sort(byCodeUnit)
      const bound = rule.roles === null ? '' : ` for ${roles.join(', ')}`
      return [`deny ${patterns.join(', ')}${bound}${printRule(rule, false)}`, rule]
    }),
  )
}

function declared(kind: PolicyChange['kind'], before: string | null, after: string | null): PolicyChange {
  return { kind, role: null, permission: null, before, after }
}
