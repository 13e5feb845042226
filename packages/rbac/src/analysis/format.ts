import type { PolicyDocument } from '../document.js'
import { PolicyError, type PolicyIssue } from '../errors.js'
import { isList, isObject } from '../issues.js'
import { type Json, type JsonObject, snapshot } from '../snapshot.js'

const WIDTH = 110
/** The order in which a reader wants the keys: what it is, whom it is about, what it allows. */
const ORDER = [
  '$schema',
  'policy',
  'version',
  'name',
  'id',
  'kind',
  'description',
  'type',
  'subject',
  'activeRoles',
  'context',
  'resources',
  'roles',
  'tenant',
  'actions',
  'attributes',
  'scope',
  'inherits',
  'permission',
  'permissions',
  'role',
  'permit',
  'when',
  'fields',
  'masked',
  'mask',
  'column',
  'columnType',
  'atMost',
  'deny',
  'ceilings',
  'constraints',
  'tests',
  'resource',
  'now',
  'expect',
  'reason',
  'ruleId',
]
/** Objects whose keys are the author's names: their order is the author's too. */
const NAMED: ReadonlySet<string> = new Set([
  'subject',
  'context',
  'resources',
  'attributes',
  'roles',
  'ceilings',
  'resource',
])

/**
 * Lays a document out in the one way: keys in a fixed order, names in the author's, what fits on a line on one line.
 *
 * Formatting what it gave changes nothing, and the hash of the policy stays.
 *
 * @throws {PolicyError} `COFFER_RBAC_POLICY_INVALID` where the document is not plain JSON data
 */
export function formatPolicy(document: PolicyDocument): string {
  const issues: PolicyIssue[] = []
  const json = snapshot(document, (issue) => issues.push(issue))
  if (issues.length > 0) throw new PolicyError(issues)
  return `${print(json, '', '', 0)}\n`
}

function print(json: Json, key: string, indent: string, used: number): string {
  const line = inline(json, key)
  const isRoot = indent === '' && key === ''
  if (!isRoot && indent.length + used + line.length <= WIDTH) return line
  const inner = `${indent}  `
  if (isList(json) && json.length > 0)
    return `[\n${json.map((entry) => inner + print(entry, '', inner, 1)).join(',\n')}\n${indent}]`
  if (!isObject(json) || Object.keys(json).length === 0) return line
  const members = ordered(json, key).map((name) => {
    const head = `${JSON.stringify(name)}: `
    return inner + head + print(json[name] ?? null, name, inner, head.length + 1)
  })
  return `{\n${members.join(',\n')}\n${indent}}`
}

function inline(json: Json, key: string): string {
  if (isList(json)) return `[${json.map((entry) => inline(entry, '')).join(', ')}]`
  if (!isObject(json)) return JSON.stringify(json)
  const members = ordered(json, key).map((name) => `${JSON.stringify(name)}: ${inline(json[name] ?? null, name)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

function ordered(json: JsonObject, key: string): readonly string[] {
  const names = Object.keys(json)
  if (NAMED.has(key)) return names
  const place = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length)
  return names
    .map((name, index) => ({ name, index }))
    .sort((a, b) => place(a.name) - place(b.name) || a.index - b.index)
    .map(({ name }) => name)
}
