import type { PolicyIssueCode } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { issuesOf, minimal } from './fixtures.js'

const DEEP = process.env['COFFER_DEEP'] === '1'
const names = (count: number, prefix = 'n'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const when = (condition: unknown) => ({
  ...minimal,
  roles: { reader: { permit: [{ id: 'r', permission: 'note:read', when: condition }] } },
})
const rolesOf = (count: number) => Object.fromEntries(names(count, 'r').map((name) => [name, {}]))
const actions = (count: number) => ({
  ...minimal,
  resources: { ...minimal.resources, wide: { actions: names(count) } },
})

type Limit = readonly [name: string, of: (past: 0 | 1) => unknown, code: PolicyIssueCode, pointer: string]

/** Each limit as a document at it and one past it, and where the second is refused. */
const LIMITS: readonly Limit[] = [
  [
    '1,000 literals in a list',
    (past) => when({ 'resource.owner': { in: names(1000 + past) } }),
    'limit-exceeded',
    '/roles/reader/permit/0/when/resource.owner/in',
  ],
  [
    'a literal of 1,024 code units',
    (past) => when({ 'resource.owner': { eq: 'x'.repeat(1024 + past) } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.owner/eq',
  ],
  [
    '1,000 patterns in a rule',
    (past) => ({ ...minimal, deny: [{ id: 'd', permission: Array.from({ length: 1000 + past }, () => 'note:read') }] }),
    'limit-exceeded',
    '/deny/0/permission',
  ],
  [
    '1,000 roles that a deny binds',
    (past) => ({
      ...minimal,
      deny: [{ id: 'd', permission: '*', roles: Array.from({ length: 1000 + past }, () => 'reader') }],
    }),
    'limit-exceeded',
    '/deny/0/roles',
  ],
  [
    '1,000 constraints',
    (past) => ({
      ...minimal,
      constraints: names(1000 + past).map((id) => ({ id, kind: 'ssd', roles: ['reader'], atMost: 1 })),
    }),
    'limit-exceeded',
    '/constraints',
  ],
  [
    '64 members of a constraint',
    (past) => ({
      ...minimal,
      roles: rolesOf(70),
      constraints: [{ id: 'c', kind: 'ssd', roles: names(64 + past, 'r'), atMost: 1 }],
    }),
    'limit-exceeded',
    '/constraints/0/roles',
  ],
  [
    'names of 64 characters',
    (past) => ({ ...minimal, roles: { ['r'.repeat(64 + past)]: {} } }),
    'name-invalid',
    `/roles/${'r'.repeat(65)}`,
  ],
  [
    'a policy name of 64 characters',
    (past) => ({ ...minimal, policy: 'p'.repeat(64 + past) }),
    'value-type',
    '/policy',
  ],
  ...(DEEP
    ? ([
        ['65,536 permissions', (past) => actions(65_536 - 2 + past), 'limit-exceeded', '/resources'],
        ['200,000 roles', (past) => ({ ...minimal, roles: rolesOf(200_000 + past) }), 'limit-exceeded', '/roles'],
        [
          '2,000,000 inheritance edges',
          (past) => ({
            ...minimal,
            roles: {
              base: {},
              ...Object.fromEntries(
                names(20, 'r').map((name, index) => [
                  name,
                  { inherits: Array.from({ length: 100_000 + (index === 0 ? past : 0) }, () => 'base') },
                ]),
              ),
            },
          }),
          'limit-exceeded',
          '/roles',
        ],
        [
          '2,000,000 rules',
          (past) => ({
            ...minimal,
            roles: Object.fromEntries(
              names(40, 'r').map((role, index) => [
                role,
                {
                  permit: names(50_000 + (index === 0 ? past : 0)).map((id) => ({
                    id: `${role}.${id}`,
                    permission: 'note:read',
                  })),
                },
              ]),
            ),
          }),
          'limit-exceeded',
          '/roles',
        ],
      ] satisfies Limit[])
    : []),
]

describe('limits', () => {
  it.each(LIMITS)('%s are accepted and one more is refused', { timeout: 600_000 }, (_name, of, code, pointer) => {
    expect(issuesOf(of(0)).slice(0, 3)).toEqual([])
    expect(issuesOf(of(1)).map((issue) => [issue.code, issue.pointer])).toContainEqual([code, pointer])
  })

  it('a thousand issues are reported, the first in document order', () => {
    const permit = names(2500, 'note:x')
    const issues = issuesOf({ ...minimal, roles: { reader: { permit } } })
    expect(issues.map((issue) => issue.pointer)).toEqual(names(1000, '/roles/reader/permit/'))
  })
})
