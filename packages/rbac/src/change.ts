import type { Assignment, DecisionRequest, Operand, Operator } from './document.js'
import { dateValue, equal, isInt, MAX_LIST } from './value.js'

/** One thing that would have to be different for a denied request to be permitted. */
export type Change =
  /** The subject is assigned the role. */
  | { readonly kind: 'assign'; readonly role: string }
  /** The subject activates a role it is authorised for. */
  | { readonly kind: 'activate'; readonly role: string }
  /** An assignment that the subject already has starts, at `until` (ms). */
  | { readonly kind: 'wait'; readonly role: string; readonly until: number }
  /** The subject is authenticated at this level of SP 800-63B, or above. */
  | { readonly kind: 'assurance'; readonly atLeast: number }
  /** The attribute comes to stand in this relation to the operand; a text that starts with `$` is a path. */
  | { readonly kind: 'attribute'; readonly path: string; readonly op: Operator | 'notIn'; readonly operand: Operand }

/**
 * Gives the request as it is after the changes, in their order. Does not change the request it is handed.
 *
 * An attribute is given some value that stands in the named relation to the operand as the request has it.
 */
export function applyChanges(request: DecisionRequest, changes: readonly Change[]): DecisionRequest {
  return changes.reduce(applyChange, request)
}

function applyChange(request: DecisionRequest, change: Change): DecisionRequest {
  const { subject, activeRoles } = request
  switch (change.kind) {
    case 'assign': {
      const assigned = { ...request, subject: { ...subject, roles: [...subject.roles, change.role] } }
      return activeRoles === undefined ? assigned : { ...assigned, activeRoles: [...activeRoles, change.role] }
    }
    case 'activate':
      // Without a choice every assigned role is active: naming one would deactivate the others.
      return activeRoles === undefined ? request : { ...request, activeRoles: [...activeRoles, change.role] }
    case 'wait': {
      const roles = subject.roles.map((entry) => (typeof entry === 'string' ? entry : started(entry, change)))
      const waited = { ...request, subject: { ...subject, roles } }
      return activeRoles === undefined ? waited : { ...waited, activeRoles: [...activeRoles, change.role] }
    }
    case 'assurance':
      return { ...request, subject: { ...subject, assurance: Math.max(subject.assurance ?? 0, change.atLeast) } }
    case 'attribute':
      return withAttribute(request, change.path, valueFor(change.op, resolve(request, change.operand)))
  }
}

function started(entry: Assignment, change: { readonly role: string; readonly until: number }): Assignment {
  if (entry.role !== change.role || entry.notBefore !== change.until) return entry
  const { notBefore: _, ...rest } = entry
  return rest
}

function withAttribute(request: DecisionRequest, path: string, value: unknown): DecisionRequest {
  const dot = path.indexOf('.')
  const root = path.slice(0, dot)
  const changed = { [path.slice(dot + 1)]: value }
  if (root === 'resource') return { ...request, resource: { ...request.resource, ...changed } }
  if (root === 'context') return { ...request, context: { ...request.context, ...changed } }
  const { subject } = request
  return { ...request, subject: { ...subject, attributes: { ...subject.attributes, ...changed } } }
}

function resolve(request: DecisionRequest, operand: Operand): unknown {
  if (Array.isArray(operand)) return operand.map(unescaped)
  if (typeof operand !== 'string' || !operand.startsWith('$') || operand.startsWith('$$')) return unescaped(operand)
  const dot = operand.indexOf('.')
  const [root, name] = [operand.slice(1, dot), operand.slice(dot + 1)]
  if (root === 'resource') return request.resource?.[name]
  if (root === 'context') return name === 'now' ? request.now : request.context?.[name]
  const { subject } = request
  if (name === 'id' || name === 'tenant' || name === 'assurance') return subject[name]
  return subject.attributes?.[name]
}

/** A literal that starts with `$` is written with a second one. */
function unescaped(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('$$') ? value.slice(1) : value
}

/** A value that stands in the relation to the right side. */
function valueFor(op: Operator | 'notIn', right: unknown): unknown {
  const value = plain(right)
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  switch (op) {
    case 'exists':
      return value === true ? true : undefined
    case 'in':
      return list[0]
    case 'ne':
    case 'notIn':
      return otherThan(list)
    case 'lt':
      return next(value, -1)
    case 'gt':
      return next(value, 1)
    default:
      return value
  }
}

/** What the other side holds, which may be anything: a list is copied, and what is no list that can be read is left out. */
function plain(right: unknown): unknown {
  // null is as good as absent, as it is in every comparison.
  if (typeof right !== 'object' || right === null) return right ?? undefined
  const ms = dateValue(right)
  if (!Number.isNaN(ms)) return ms
  try {
    if (!Array.isArray(right)) return right
    const { length } = right
    return length <= MAX_LIST ? Array.from({ length }, (_, index): unknown => right[index]) : undefined
  } catch {
    return undefined
  }
}

function otherThan(list: readonly unknown[]): unknown {
  const first = list[0]
  if (typeof first === 'boolean') return list.includes(!first) ? undefined : !first
  if (typeof first === 'string' || first === undefined) {
    let text = 'other'
    while (list.includes(text)) text += "'"
    return text
  }
  let number = next(first, 1)
  for (let tries = 0; tries <= list.length && list.some((entry) => isSame(entry, number)); tries++)
    number = next(number, 1)
  return number
}

function isSame(left: unknown, right: unknown): boolean {
  return isInt(left) && isInt(right) && equal(left, right)
}

function next(value: unknown, step: 1 | -1): unknown {
  if (typeof value === 'bigint') return value + BigInt(step)
  return typeof value === 'number' && isInt(value + step) ? value + step : undefined
}
