import type { Compiled, CompiledRule } from '../compile.js'
import { atomsOf } from '../evaluate.js'
import { at } from '../json.js'
import type { Path } from '../model.js'
import type { Finding } from './lint.js'
import { permittedIds } from './lint-structure.js'

/** Permits and denies against each other: duplicates, shadows, wildcards, platform roles, four eyes. */
export function* checkRules(compiled: Compiled): Generator<Finding> {
  const hard = compiled.denies.filter((rule) => rule.when === null && rule.roles === null && rule.fields === null)
  for (let role = 0; role < compiled.hierarchy.names.length; role++) {
    const rules = [...compiled.permits.permitsOf(role)]
    for (const rule of rules) yield* checkPermit(compiled, rule, rules, hard)
    yield* fourEyes(compiled, role)
  }
  yield* deadDenies(compiled)
}

function* checkPermit(
  compiled: Compiled,
  rule: CompiledRule,
  siblings: readonly CompiledRule[],
  hard: readonly CompiledRule[],
): Generator<Finding> {
  const { vocabulary } = compiled
  const { pointer } = rule
  const ids = idsOf(compiled, rule)
  const twin = siblings.find(
    (other) => other !== rule && isPlain(other) && isPlain(rule) && encloses(compiled, other, rule),
  )
  if (twin !== undefined)
    yield {
      rule: 'duplicate-permit',
      severity: 'warning',
      pointer,
      message: `${twin.id} permits all of it already`,
      hint: 'remove it',
    }
  if (ids.every((id) => hard.some((deny) => vocabulary.covers(deny.patterns, id))))
    yield {
      rule: 'shadowed-permit',
      severity: 'warning',
      pointer,
      message: 'a deny without condition overrides it',
      hint: 'remove it, or narrow the deny',
    }
  const resources = [...new Set(ids.flatMap((id) => vocabulary.resources[id] ?? []))]
  const maskedAttribute = resources
    .flatMap((resource) => [...resource.attributes.values()])
    .find((entry) => entry.mask !== undefined)
  if (rule.patterns.some((pattern) => vocabulary.text(pattern).includes('*')) && maskedAttribute !== undefined)
    yield {
      rule: 'wildcard-permit',
      severity: 'warning',
      pointer,
      message: `a wildcard over ${maskedAttribute.name}, which has a mask: a new action would be permitted unseen`,
      hint: 'name the permissions',
    }
  const clear = rule.fields?.find((name) =>
    resources.some((resource) => resource.attributes.get(name)?.mask !== undefined),
  )
  if (clear !== undefined)
    yield {
      rule: 'clear-sensitive',
      severity: 'warning',
      pointer,
      message: `${clear} has a mask and is shown in clear`,
      hint: `move it to masked, if that suffices`,
    }
  const write = rule.tenantBound
    ? undefined
    : ids.find((id) => isTenanted(compiled, id) && !READS.test(actionOf(compiled, id)))
  if (write !== undefined)
    yield {
      rule: 'platform-write',
      severity: 'warning',
      pointer,
      message: `${vocabulary.names[write]} of every tenant is permitted to a platform role`,
      hint: 'scope the role to a tenant, or permit reading only',
    }
}

const READS = /^(read|list|view|get|search|find|export|count)/i
const CREATES = /^(create|make|initiate|request|submit)/i
const APPROVES = /^(approve|authori[sz]e|release|confirm)/i

/** One role that may create and approve, with neither a constraint between the two nor a look at who asks. */
function* fourEyes(compiled: Compiled, role: number): Generator<Finding> {
  const { hierarchy, permits, vocabulary, model, denies } = compiled
  const rules = [...hierarchy.closure([role])].flatMap((id) => [...permits.permitsOf(id)])
  const states = (id: number): boolean => rules.some((rule) => vocabulary.covers(rule.patterns, id))
  for (const resource of model.resources.values()) {
    const find = (pattern: RegExp): number | undefined =>
      resource.actions
        .filter((action) => pattern.test(action))
        .flatMap((action) => vocabulary.id(`${resource.name}:${action}`) ?? [])
        .find(states)
    const [create, approve] = [find(CREATES), find(APPROVES)]
    if (create === undefined || approve === undefined) continue
    const names = [create, approve].map((id) => vocabulary.names[id] ?? '')
    const separated = model.constraints.some(
      (entry) => entry.kind !== 'cardinality' && names.every((name) => entry.members.includes(name)),
    )
    const covering = rules.filter((rule) => vocabulary.covers(rule.patterns, approve))
    const guarded =
      covering.every(readsSubjectId) ||
      denies.some((deny) => vocabulary.covers(deny.patterns, approve) && readsSubjectId(deny))
    if (!separated && !guarded)
      yield {
        rule: 'four-eyes-missing',
        severity: 'warning',
        pointer: at('/roles', hierarchy.name(role)),
        message: `one person may ${names.join(' and ')}`,
        hint: 'add a constraint over both, or compare the creator with $subject.id',
      }
  }
}

function readsSubjectId(rule: CompiledRule): boolean {
  const isId = (path: Path): boolean => path.root === 'subject' && path.name === 'id'
  return atomsOf(rule.when).some((atom) => isId(atom.path) || (atom.right.kind === 'path' && isId(atom.right.path)))
}

function* deadDenies(compiled: Compiled): Generator<Finding> {
  const permitted = permittedIds(compiled)
  for (const deny of compiled.denies)
    if (!idsOf(compiled, deny).some((id) => permitted.has(id)))
      yield {
        rule: 'dead-deny',
        severity: 'warning',
        pointer: deny.pointer,
        message: 'no role permits what it denies',
        hint: 'remove it, or mend its permission',
      }
}

function idsOf({ vocabulary }: Compiled, rule: CompiledRule): readonly number[] {
  return rule.patterns.flatMap((pattern) => vocabulary.ids(pattern))
}

function isPlain(rule: CompiledRule): boolean {
  return rule.when === null && rule.fields === null && rule.masked === null
}

/** Whether `outer`, a permit of the same role, covers all of `inner`; of two equal ones the later is the duplicate. */
function encloses(compiled: Compiled, outer: CompiledRule, inner: CompiledRule): boolean {
  const [wide, narrow] = [idsOf(compiled, outer), idsOf(compiled, inner)]
  if (!narrow.every((id) => wide.includes(id))) return false
  return wide.length > narrow.length || placeOf(outer) < placeOf(inner)
}

/** The place of a permit in the list of its role: the last token of its pointer, which is no text to compare by. */
function placeOf({ pointer }: CompiledRule): number {
  return Number(pointer.slice(pointer.lastIndexOf('/') + 1))
}

function isTenanted({ vocabulary }: Compiled, permission: number): boolean {
  return vocabulary.resources[permission]?.tenant !== undefined
}

function actionOf({ vocabulary }: Compiled, permission: number): string {
  return (vocabulary.names[permission] ?? '').split(':')[1] ?? ''
}
