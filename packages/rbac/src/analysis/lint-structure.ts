import type { Compiled } from '../compile.js'
import { at } from '../json.js'
import { byCodeUnit } from '../value.js'
import type { Finding } from './lint.js'

/** Roles, permissions, attributes, ceilings and constraints that do nothing, or less than they seem to. */
export function* checkStructure(compiled: Compiled): Generator<Finding> {
  yield* roles(compiled)
  yield* permissions(compiled)
  yield* inputs(compiled)
  yield* tenants(compiled)
  yield* constraints(compiled)
}

function* roles({ hierarchy, permits }: Compiled): Generator<Finding> {
  for (const [id, name] of hierarchy.names.entries()) {
    const juniors = [...hierarchy.juniors(id)]
    if (juniors.length === 0 && permits.permitsOf(id).next().done === true)
      yield {
        rule: 'empty-role',
        severity: 'info',
        pointer: at('/roles', name),
        message: 'the role permits nothing and inherits from none',
        hint: 'remove it, or give it a permit',
      }
    for (const [index, junior] of juniors.entries()) {
      const others = juniors.filter((_, place) => place !== index)
      const elsewhere = hierarchy.closure(others).includes(junior) && juniors.indexOf(junior) <= index
      const isLaterTwin = juniors.indexOf(junior) < index
      if (isLaterTwin || (elsewhere && !others.includes(junior)))
        yield {
          rule: 'redundant-inherits',
          severity: 'info',
          pointer: at(at(at('/roles', name), 'inherits'), index),
          message: `${hierarchy.name(junior)} is inherited in another way as well`,
          hint: 'remove it here',
        }
    }
  }
}

function* permissions(compiled: Compiled): Generator<Finding> {
  const { vocabulary } = compiled
  const permitted = permittedIds(compiled)
  const ceilings = compiled.model.ceilings === null ? null : [...compiled.model.ceilings.values()]
  for (const [id, name] of vocabulary.names.entries()) {
    const pointer = at(at('/resources', name.split(':')[0] ?? ''), 'actions')
    if (!permitted.has(id))
      yield {
        rule: 'unused-permission',
        severity: 'info',
        pointer,
        message: `no role permits ${name}`,
        hint: 'remove the action, or permit it',
      }
    else if (ceilings !== null && !ceilings.some((patterns) => vocabulary.covers(patterns, id)))
      yield {
        rule: 'outside-every-ceiling',
        severity: 'warning',
        pointer,
        message: `${name} is permitted by a role and inside no ceiling, so nobody may do it`,
        hint: 'add it to a ceiling, or take it from the roles',
      }
  }
}

/** The permissions that some role permits. */
export function permittedIds({ hierarchy, permits, vocabulary }: Compiled): ReadonlySet<number> {
  const patterns = new Set<number>()
  for (const role of hierarchy.names.keys()) for (const pattern of permits.patternsOf(role)) patterns.add(pattern)
  return new Set([...patterns].flatMap((pattern) => vocabulary.ids(pattern)))
}

const BUILT_IN: ReadonlySet<string> = new Set(['subject.id', 'subject.tenant', 'subject.assurance', 'context.now'])

function* inputs(compiled: Compiled): Generator<Finding> {
  const declared = [
    ...[...compiled.model.subject.keys()].map((name) => `subject.${name}`),
    ...[...compiled.model.context.keys()].map((name) => `context.${name}`),
  ].filter((path) => !BUILT_IN.has(path))
  for (const path of declared.sort(byCodeUnit))
    if (!compiled.readPaths.has(path))
      yield {
        rule: 'unused-attribute',
        severity: 'info',
        pointer: `/${path.replace('.', '/')}`,
        message: `no condition reads ${path}`,
        hint: 'remove it: what is not needed is not collected',
      }
}

function* tenants({ model }: Compiled): Generator<Finding> {
  for (const resource of model.resources.values()) {
    const suspect = [...resource.attributes.values()].find(
      ({ name, type }) => type.kind === 'id' && /tenant|^org(ani[sz]ation)?_?id$|^(account|merchant)_?id$/i.test(name),
    )
    if (resource.tenant === undefined && suspect !== undefined)
      yield {
        rule: 'tenant-missing',
        severity: 'warning',
        pointer: at('/resources', resource.name),
        message: `${resource.name} has ${suspect.name} but no tenant, so its rows are open to every tenant`,
        hint: `"tenant": "${suspect.name}"`,
      }
  }
}

function* constraints(compiled: Compiled): Generator<Finding> {
  const permitted = permittedIds(compiled)
  for (const constraint of compiled.model.constraints) {
    if (constraint.kind === 'cardinality') continue
    const reachable =
      constraint.over === 'roles'
        ? constraint.members
        : constraint.members.filter((name) => permitted.has(compiled.vocabulary.id(name) ?? -1))
    if (reachable.length <= constraint.atMost)
      yield {
        rule: 'idle-constraint',
        severity: 'warning',
        pointer: constraint.pointer,
        message: `${constraint.id} allows ${constraint.atMost} of ${reachable.length}, so it cannot be broken`,
        hint: 'lower atMost, or name more members',
      }
  }
}
