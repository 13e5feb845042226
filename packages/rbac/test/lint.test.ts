import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { type LintRule, lintPolicy } from '@coffer/rbac/analysis'
import { describe, expect, it } from 'vitest'

const NOW = 1000
const base = {
  policy: 'lint',
  version: '1',
  subject: { limit: 'int?' },
  resources: {
    note: {
      actions: ['read', 'create', 'approve'],
      tenant: 'orgId',
      attributes: { orgId: 'id', owner: 'id', size: 'int', hint: 'string?', card: { type: 'string?', mask: 'last4' } },
    },
  },
  deny: [
    {
      id: 'limit',
      permission: 'note:create',
      when: { all: [{ 'subject.limit': { exists: true } }, { 'subject.limit': { lt: 5 } }] },
    },
  ],
} as const
const NAMES = Array.from({ length: 60 }, (_, index) => `n${index}`)
const permitWhen = (when: object): object => ({
  policy: 'p',
  version: '1',
  resources: { note: { actions: ['read'], attributes: { until: 'timestamp' } } },
  roles: { r: { permit: [{ id: 'x', permission: 'note:read', when }] } },
})
const own = { 'resource.owner': { ne: '$subject.id' } }
const rule = (when: unknown, permission = 'note:read') => ({ id: 'x', permission, when })
const roles = (permit: readonly unknown[], more: object = {}) => ({ ...base, roles: { r: { permit }, ...more } })
/** What makes the base clean apart from the rule under test. */
const ALL = ['note:read', 'note:create', { id: 'approve', permission: 'note:approve', when: own }]
const clean = roles(ALL)
const deny = (...rules: unknown[]) => ({ ...clean, deny: [...base.deny, ...rules] })

const found = (document: object): ReadonlySet<LintRule> =>
  new Set(lintPolicy(compilePolicy(document as PolicyDocument), { now: NOW }).map((finding) => finding.rule))

const CASES: readonly (readonly [LintRule, bad: object, good: object])[] = [
  ['empty-role', roles(ALL, { idle: {} }), roles(ALL, { idle: { inherits: ['r'] } })],
  ['duplicate-permit', roles([...ALL, 'note:*']), clean],
  [
    'redundant-inherits',
    roles(ALL, { s: { inherits: ['r'] }, t: { inherits: ['s', 'r'] } }),
    roles(ALL, { s: { inherits: ['r'] }, t: { inherits: ['s'] } }),
  ],
  [
    'shadowed-permit',
    deny({ id: 'never', permission: 'note:read' }),
    deny({ id: 'never', permission: 'note:read', when: own }),
  ],
  [
    'dead-deny',
    { ...roles(['note:read']), deny: [{ id: 'd', permission: 'note:approve' }] },
    deny({ id: 'd', permission: 'note:approve', when: own }),
  ],
  ['unused-permission', roles(['note:read']), clean],
  [
    'unused-attribute',
    { ...clean, context: { ip: 'string' } },
    { ...deny({ id: 'd', permission: 'note:read', when: { 'context.ip': { eq: 'x' } } }), context: { ip: 'string' } },
  ],
  [
    'never-true',
    roles([...ALL, rule({ all: [{ 'resource.size': { gt: 5 } }, { 'resource.size': { lt: 6 } }] })]),
    roles([...ALL, rule({ all: [{ 'resource.size': { gt: 5 } }, { 'resource.size': { lt: 7 } }] })]),
  ],
  [
    'always-true',
    roles([...ALL, rule({ any: [{ 'resource.size': { gt: 5 } }, { 'resource.size': { lte: 5 } }] })]),
    roles([...ALL, rule({ any: [{ 'resource.size': { gt: 5 } }, { 'resource.size': { lt: 5 } }] })]),
  ],
  [
    'unknown-prone-deny',
    deny({ id: 'd', permission: 'note:read', when: { 'resource.hint': { eq: 'x' } } }),
    deny({
      id: 'd',
      permission: 'note:read',
      when: { all: [{ 'resource.hint': { exists: true } }, { 'resource.hint': { eq: 'x' } }] },
    }),
  ],
  [
    'unknown-prone-permit',
    roles([...ALL, rule({ 'resource.hint': { eq: 'x' } })]),
    roles([...ALL, rule({ 'resource.owner': { eq: 'x' } })]),
  ],
  ['wildcard-permit', roles(['*']), clean],
  [
    'clear-sensitive',
    roles([...ALL, { id: 'x', permission: 'note:read', fields: ['*', 'card'] }]),
    roles([...ALL, { id: 'x', permission: 'note:read', fields: ['*'], masked: ['card'] }]),
  ],
  [
    'platform-write',
    roles(ALL, { ops: { scope: 'platform', permit: ['note:create'] } }),
    roles(ALL, { ops: { scope: 'platform', permit: ['note:read'] } }),
  ],
  ['tenant-missing', { ...clean, resources: { note: { ...base.resources.note, tenant: undefined } } }, clean],
  [
    'outside-every-ceiling',
    { ...clean, ceilings: { free: ['note:read'] } },
    { ...clean, ceilings: { free: ['note:read'], full: ['*'] } },
  ],
  [
    'idle-constraint',
    {
      ...roles(ALL, { s: { permit: ['note:read'] } }),
      constraints: [{ id: 'c', kind: 'ssd', roles: ['r', 's'], atMost: 2 }],
    },
    {
      ...roles(ALL, { s: { permit: ['note:read'] } }),
      constraints: [{ id: 'c', kind: 'ssd', roles: ['r', 's'], atMost: 1 }],
    },
  ],
  ['four-eyes-missing', roles(['note:read', 'note:create', 'note:approve']), clean],
  [
    'expired-rule',
    deny({ id: 'd', permission: 'note:read', when: { 'context.now': { lt: NOW } } }),
    deny({ id: 'd', permission: 'note:read', when: { 'context.now': { lt: NOW + 1 } } }),
  ],
  [
    'untested-rule',
    clean,
    {
      ...clean,
      tests: [
        {
          name: 'a',
          subject: { id: 'u', tenant: 't', roles: ['r'] },
          permission: 'note:approve',
          resource: { orgId: 't', owner: 'v' },
          expect: 'permit',
        },
        {
          name: 'b',
          subject: { id: 'u', tenant: 't', roles: ['r'], attributes: { limit: 4 } },
          permission: 'note:create',
          resource: { orgId: 't' },
          expect: 'deny',
        },
      ],
    },
  ],
]

describe('lintPolicy', () => {
  it.each(CASES)('%s is found, and not on its clean twin', (name, bad, good) => {
    const strip = (document: object): object => JSON.parse(JSON.stringify(document))
    expect(found(strip(bad))).toContain(name)
    expect(found(strip(good))).not.toContain(name)
  })

  it('has a case for each of its twenty rules', () => {
    expect(new Set(CASES.map(([name]) => name)).size).toBe(20)
  })

  it('gives each finding a pointer, a severity and a hint, by pointer', () => {
    const findings = lintPolicy(compilePolicy(JSON.parse(JSON.stringify(roles(['*'])))))
    expect(findings.map((finding) => finding.pointer)).toEqual([...findings.map((finding) => finding.pointer)].sort())
    for (const { severity, hint, message, pointer } of findings) {
      expect(['error', 'warning', 'info']).toContain(severity)
      expect(hint.length * message.length * pointer.length).toBeGreaterThan(0)
    }
  })

  it('takes no chain of paths that fits under a literal for one that is never true', () => {
    const chain = (...when: object[]): object => ({
      policy: 'p',
      version: '1',
      resources: { note: { actions: ['read'], attributes: { a: 'int', b: 'int', c: 'int' } } },
      roles: { r: { permit: [{ id: 'x', permission: 'note:read', when: { all: when } }] } },
    })
    const rising = [{ 'resource.a': { lt: '$resource.b' } }, { 'resource.b': { lt: '$resource.c' } }]
    expect(found(chain(...rising, { 'resource.c': { lte: 5 } }))).not.toContain('never-true')
    expect(found(chain(...rising, { 'resource.a': { gte: 5 } }))).not.toContain('never-true')
    expect(found(chain(...rising, { 'resource.c': { lt: '$resource.a' } }))).toContain('never-true')
    const level = [{ 'resource.a': { eq: '$subject.assurance' } }, { 'resource.a': { lt: '$resource.b' } }]
    expect(found(chain(...level, { 'resource.b': { lte: 1 } }))).not.toContain('never-true')
  })

  it('tries bools, and judges no condition with a list of the subject or with too many values to try', () => {
    const rule = (when: object): object => ({
      policy: 'p',
      version: '1',
      subject: { teams: 'id[]' },
      resources: {
        note: { actions: ['read'], attributes: { open: 'bool', owner: 'id', a: NAMES, b: NAMES, c: NAMES } },
      },
      roles: { r: { permit: [{ id: 'x', permission: 'note:read', when }] } },
    })
    const never = { all: [{ 'resource.open': { eq: true } }, { 'resource.open': { eq: false } }] }
    expect(found(rule(never))).toContain('never-true')
    expect(found(rule({ any: never.all }))).toContain('always-true')
    expect(found(rule({ all: [...never.all, { 'resource.owner': { in: '$subject.teams' } }] }))).not.toContain(
      'never-true',
    )
    const wide = ['a', 'b', 'c'].map((name) => ({ [`resource.${name}`]: { ne: 'n0' } }))
    expect(found(rule({ all: [...never.all, ...wide] }))).not.toContain('never-true')
  })

  it.each([
    ['lt', 1001, 1000],
    ['lte', 1000, 999],
    ['eq', 1000, 999],
  ])('takes a permit until %s for expired from its instant on', (op, alive, dead) => {
    const until = (instant: number) => found(permitWhen({ 'context.now': { [op]: instant } })).has('expired-rule')
    expect([until(alive), until(dead)]).toEqual([false, true])
    expect(found(permitWhen({ 'context.now': { [op]: '$resource.until' } }))).not.toContain('expired-rule')
  })

  it('asks no second pair of eyes where every deny compares the subject, and takes a role of permissions apart', () => {
    const guarded = { ...base, roles: { r: { permit: ['note:create', 'note:approve'] } } }
    expect(found(guarded)).toContain('four-eyes-missing')
    const deny = { id: 'own', permission: 'note:approve', when: { 'resource.owner': { eq: '$subject.id' } } }
    expect(found({ ...guarded, deny: [deny] })).not.toContain('four-eyes-missing')
    const apart = (permissions: readonly string[]) => [{ id: 'c', kind: 'ssd', permissions, atMost: 1 }]
    const two = { ...base, roles: { r: { permit: ['note:create'] }, s: { permit: ['note:approve'] } } }
    expect(found({ ...two, constraints: apart(['note:create', 'note:approve']) })).not.toContain('idle-constraint')
    expect(found({ ...two, constraints: apart(['note:create', 'note:read']) })).toContain('idle-constraint')
  })

  it('takes of two permits that cover the same the later for the duplicate', () => {
    const again = { id: 'again', permission: ['note:read'] }
    const others = Array.from({ length: 9 }, (_, index) => ({ id: `p${index}`, permission: 'note:create', when: own }))
    const places = (permit: readonly unknown[]): readonly string[] =>
      lintPolicy(compilePolicy({ ...base, roles: { r: { permit } } } as never))
        .filter(({ rule }) => rule === 'duplicate-permit')
        .map(({ pointer }) => pointer)
    expect(places(['note:read', again])).toEqual(['/roles/r/permit/1'])
    expect(places([...others, 'note:read', again])).toEqual(['/roles/r/permit/10'])
    expect(places([...others, again, 'note:read'])).toEqual(['/roles/r/permit/10'])
  })

  it('says nothing of expiry without an instant', () => {
    const expired = deny({ id: 'd', permission: 'note:read', when: { 'context.now': { lt: 1 } } })
    expect(lintPolicy(compilePolicy(expired as never)).map((finding) => finding.rule)).not.toContain('expired-rule')
  })
})
