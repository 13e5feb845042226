import type { SubjectAssignments } from '../assignments.js'
import type { DecisionRequest } from '../document.js'
import { isRequest, REQUEST_SHAPE, strayProperties } from '../policy-test.js'
import type { ValueType } from '../value.js'

/** Data of another shape than the command reads. */
export class InputError extends Error {}

const REQUEST: Readonly<Record<keyof DecisionRequest, true>> = {
  subject: true,
  permission: true,
  resource: true,
  context: true,
  activeRoles: true,
  now: true,
}
const ASSIGNMENTS: Readonly<Record<keyof SubjectAssignments, true>> = { subject: true, tenant: true, roles: true }

/** Checks a request. A misspelt key would be a denial for want of a value, and nobody would be told. */
export function readRequest(json: unknown, declared: ReadonlyMap<string, ValueType>): DecisionRequest {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new InputError('a request is an object')
  knownKeysOnly(json, REQUEST, 'a request')
  if (!isRequest(json)) throw new InputError(`not a request: ${REQUEST_SHAPE}`)
  const stray = strayProperties(json.subject, declared)[0]
  if (stray !== undefined)
    throw new InputError(`${JSON.stringify(stray.name)} is not a key of a subject (${stray.hint})`)
  return json
}

/** Checks the keys of a list of assignments; what they hold is checked where they are counted. */
export function readAssignmentList(json: unknown): readonly SubjectAssignments[] {
  if (!Array.isArray(json)) throw new InputError('assignments are a list of { subject, tenant, roles }')
  for (const entry of json as readonly unknown[])
    if (typeof entry === 'object' && entry !== null) knownKeysOnly(entry, ASSIGNMENTS, 'an assignment')
  return json
}

function knownKeysOnly(json: object, known: Readonly<Record<string, true>>, what: string): void {
  for (const key of Object.keys(json))
    if (!Object.hasOwn(known, key))
      throw new InputError(`${JSON.stringify(key)} is not a key of ${what} (known: ${Object.keys(known).join(', ')})`)
}
