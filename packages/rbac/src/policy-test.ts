import type { AnySubject, DecisionRequest } from './document.js'
import { isObject, nearest } from './issues.js'
import { at } from './json.js'
import type { Test } from './model.js'
import type { Shape } from './shape.js'
import type { Json, JsonObject } from './snapshot.js'
import type { ValueType } from './value.js'

const REASONS = [
  'unknown-permission',
  'session-expired',
  'separation-of-duty',
  'no-permit',
  'outside-ceiling',
  'denied',
  'deny-unknown',
  'permit-unknown',
  'permit-not-met',
  'permitted',
] as const

const SUBJECT: Readonly<Record<keyof AnySubject, true>> = {
  id: true,
  roles: true,
  tenant: true,
  assurance: true,
  attributes: true,
  ceilings: true,
}

/** What a request looks like, for who wrote another thing. */
export const REQUEST_SHAPE =
  'subject: { id, roles }, permission: text, resource and context: objects, activeRoles: names, now: ms'

/**
 * The properties of a subject that a session would not look at, each with what to do about it. A session does not ask:
 * it is made at every request, and what an application knows of its user may have more.
 */
export function strayProperties(
  subject: object,
  declared: ReadonlyMap<string, ValueType>,
): readonly { readonly name: string; readonly hint: string }[] {
  return Object.keys(subject)
    .filter((name) => !Object.hasOwn(SUBJECT, name))
    .map((name) => ({
      name,
      hint: declared.has(name) ? `${name} belongs into attributes` : nearest(name, Object.keys(SUBJECT)),
    }))
}

/** Reads one test of a document; `declared` are the attributes of its subjects. */
export function readTest(json: Json, pointer: string, shape: Shape, declared: ReadonlyMap<string, ValueType>): Test {
  const optional = ['activeRoles', 'resource', 'context', 'now', 'reason', 'ruleId']
  const object = shape.object(json, pointer, ['name', 'subject', 'permission', 'expect'], optional)
  const request: unknown = Object.fromEntries(
    ['subject', 'activeRoles', 'permission', 'resource', 'context', 'now'].flatMap((key) =>
      key in object ? [[key, object[key] ?? null]] : [],
    ),
  )
  const subject = object['subject']
  if (isObject(subject))
    for (const { name, hint } of strayProperties(subject, declared))
      shape.issues.add(
        'key-unknown',
        at(at(pointer, 'subject'), name),
        `${JSON.stringify(name)} is not a key here`,
        hint,
      )
  if (!isRequest(request)) shape.issues.add('test-invalid', pointer, 'not a request', REQUEST_SHAPE)
  const ruleId = object['ruleId']
  return {
    name: shape.text(object['name'], at(pointer, 'name'), 1024),
    pointer,
    expect: shape.oneOf(object['expect'], at(pointer, 'expect'), ['permit', 'deny']) ?? 'deny',
    reason: shape.oneOf(object['reason'], at(pointer, 'reason'), REASONS),
    ruleId: ruleId === undefined ? undefined : shape.text(ruleId, at(pointer, 'ruleId'), 256),
    request: isRequest(request) ? Object.freeze(request) : NO_REQUEST,
  }
}

const NO_REQUEST: DecisionRequest = Object.freeze({ subject: Object.freeze({ id: '', roles: [] }), permission: '' })

/** What a session needs to be asked at all; the session refuses what is malformed inside. */
export function isRequest(value: unknown): value is DecisionRequest {
  const { subject, permission, resource, context, now, activeRoles } = value as JsonObject
  if (!isObject(subject) || typeof subject['id'] !== 'string' || !Array.isArray(subject['roles'])) return false
  if (typeof permission !== 'string' || (now !== undefined && !Number.isSafeInteger(now))) return false
  if (
    activeRoles !== undefined &&
    !(Array.isArray(activeRoles) && activeRoles.every((role) => typeof role === 'string'))
  )
    return false
  return (resource === undefined || isObject(resource)) && (context === undefined || isObject(context))
}
