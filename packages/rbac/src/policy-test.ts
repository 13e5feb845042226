import type { DecisionRequest } from './document.js'
import { isObject } from './issues.js'
import { at } from './json.js'
import type { Test } from './model.js'
import type { Shape } from './shape.js'
import type { Json, JsonObject } from './snapshot.js'

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

/** Reads one test of a document. */
export function readTest(json: Json, pointer: string, shape: Shape): Test {
  const optional = ['activeRoles', 'resource', 'context', 'now', 'reason', 'ruleId']
  const object = shape.object(json, pointer, ['name', 'subject', 'permission', 'expect'], optional)
  const request: unknown = Object.fromEntries(
    ['subject', 'activeRoles', 'permission', 'resource', 'context', 'now'].flatMap((key) =>
      key in object ? [[key, object[key] ?? null]] : [],
    ),
  )
  if (!isRequest(request))
    shape.issues.add(
      'test-invalid',
      pointer,
      'not a request',
      'subject: { id, roles, … }, permission: text, resource and context: objects, now: ms',
    )
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
function isRequest(value: unknown): value is DecisionRequest {
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
