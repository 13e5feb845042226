import { compilePolicy, type PolicyDocument, PolicyError } from '@coffer/rbac'
import { diffPolicies, lintPolicy, permissionMatrix } from '@coffer/rbac/analysis'
import { toPostgres } from '@coffer/rbac/sql'
import { runPolicyTests } from '@coffer/rbac/testing'
import { describe, expect, it } from 'vitest'

/** Everything that can be returned is in it: lists of literals, denies, constraints, tests. */
const source: PolicyDocument = {
  policy: 'p',
  version: '1',
  subject: { limit: 'int?' },
  resources: {
    note: { actions: ['read', 'write'], tenant: 'owner', attributes: { owner: 'id', size: 'int', tag: ['a', 'b'] } },
  },
  roles: {
    a: {
      permit: [
        {
          id: 'x',
          permission: 'note:read',
          when: {
            all: [
              { 'resource.size': { lte: 5 } },
              { 'resource.tag': { in: ['a'] } },
              { not: { 'resource.size': { in: [1, 2] } } },
            ],
          },
        },
      ],
    },
    b: { inherits: ['a'], permit: ['note:write'] },
  },
  deny: [{ id: 'd', permission: 'note:read', roles: ['b'], when: { 'resource.size': { gt: 3 } } }],
  constraints: [
    { id: 'c', kind: 'ssd', roles: ['a', 'b'], atMost: 2 },
    { id: 'k', kind: 'cardinality', role: 'a', atMost: 1 },
  ],
  tests: [{ name: 't', subject: { id: 'u', roles: ['a'] }, permission: 'note:read', expect: 'permit' }],
}
const policy = compilePolicy(source)
const session = policy.session({ id: 'u', tenant: 't', roles: ['a', 'b', 'ghost'], attributes: { limit: 2 } })
const row = { owner: 't', size: 4, tag: 'a' }
const other = compilePolicy({ ...source, deny: [], roles: { a: { permit: ['note:*'] }, b: {} } })
const issues = (): unknown => {
  try {
    return compilePolicy({ ...source, version: '' })
  } catch (error) {
    return error instanceof PolicyError ? error.issues : error
  }
}

function notFrozen(value: unknown, path: string, seen = new Set<unknown>()): string[] {
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  const inner = Reflect.ownKeys(value).flatMap((key) =>
    notFrozen(Reflect.get(value, key), `${path}.${String(key)}`, seen),
  )
  return Object.isFrozen(value) ? inner : [path, ...inner]
}

describe('what is returned cannot be changed', () => {
  it.each<[string, unknown]>([
    ['a policy', policy],
    ['a handle', policy.permission('note:read')],
    ['the roles of a session', [session.activeRoles, session.unknownRoles, session.violations].map(Object.freeze)],
    ['a decision', session.decide('note:read', row)],
    ['an explanation', session.explain('note:read', row)],
    ['fields', session.fields('note:read', { ...row, size: 3 })],
    ['a masked row', session.mask('note:read', { ...row, size: 3 })],
    ['a filter', session.where('note:read')],
    ['the SQL of a filter', toPostgres(session.where('note:read'))],
    ['a filter of nothing', session.where('note:burn' as 'note:read')],
    [
      'violations',
      policy.checkAssignments([
        { subject: 'u', roles: ['a'] },
        { subject: 'v', roles: ['a'] },
      ]),
    ],
    ['findings', lintPolicy(policy)],
    ['changes', diffPolicies(policy, other, { assignments: [{ subject: 'u', roles: ['a'] }] })],
    ['a matrix', permissionMatrix(policy)],
    ['a report of tests', runPolicyTests(policy)],
    ['issues', issues()],
  ])('%s', (_name, value) => {
    const outer = Array.isArray(value) ? Object.freeze(value) : value
    expect(notFrozen(outer, '')).toEqual([])
  })

  it('and no name of a session can be given another meaning by assignment', () => {
    for (const name of ['can', 'decide', 'tenant', 'activeRoles'])
      expect(() => Reflect.set(session, name, () => true)).not.toThrow()
    expect([session.can('note:read', row), session.tenant]).toEqual([false, 't'])
    expect(() => Object.assign(session, { can: () => true })).toThrow(TypeError)
  })
})
