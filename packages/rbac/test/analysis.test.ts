import { compilePolicy, type PolicyDocument, parsePolicy } from '@coffer/rbac'
import { diffPolicies, formatPolicy, permissionMatrix } from '@coffer/rbac/analysis'
import { describe, expect, it } from 'vitest'
import { breathe, compiledOrNone, minimal, payments } from './fixtures.js'
import { document, Random } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const with_ = (over: object): PolicyDocument => ({ ...minimal, ...over })
const conditional = (limit: number) => ({ id: 'r', permission: 'note:read', when: { 'resource.size': { lt: limit } } })
const reads = (...permit: unknown[]) => with_({ roles: { reader: { permit } } })
const diff = (
  before: PolicyDocument,
  after: PolicyDocument,
  assignments?: readonly { subject: string; roles: string[] }[],
) => diffPolicies(compilePolicy(before), compilePolicy(after), assignments === undefined ? {} : { assignments })

describe('diffPolicies', () => {
  it.each<[string, PolicyDocument, PolicyDocument]>([
    ['gain', reads(), reads('note:read')],
    ['lose', reads('note:read'), reads()],
    ['loosen', reads(conditional(5)), reads('note:read')],
    ['tighten', reads('note:read'), reads(conditional(5))],
    ['change', reads(conditional(5)), reads(conditional(6))],
    ['change', reads('note:read'), reads({ id: 'x', permission: 'note:read', fields: ['owner'] })],
    ['lose', reads('note:read'), { ...reads('note:read'), deny: [{ id: 'd', permission: 'note:read' }] }],
    [
      'tighten',
      reads('note:read'),
      { ...reads('note:read'), deny: [{ id: 'd', permission: 'note:read', when: { 'resource.size': { lt: 1 } } }] },
    ],
  ])('a %s is one change of the role on the permission', (kind, before, after) => {
    expect(diff(before, after)).toMatchObject([{ kind, role: 'reader', permission: 'note:read' }])
  })

  it('is empty where only names, order or layout changed', () => {
    const left = reads({
      id: 'a',
      permission: 'note:read',
      when: { any: [{ 'resource.size': { lt: 1 } }, { 'resource.owner': { eq: 'u' } }] },
    })
    const right = reads({
      id: 'b',
      permission: ['note:read'],
      when: { any: [{ 'resource.owner': { eq: 'u' } }, { 'resource.size': { lt: 1 } }] },
    })
    expect(diff(left, right)).toEqual([])
  })

  it('takes ceilings that come for tighter and ceilings that go for looser', () => {
    const bound = with_({ ceilings: { free: ['note:read'] } })
    expect(diff(minimal, bound).map(({ kind }) => kind)).toContain('tighten')
    expect(diff(bound, minimal).map(({ kind }) => kind)).toContain('loosen')
  })

  it('reads no policy but those of this copy of the package', () => {
    const like = { ...compilePolicy(minimal) } as ReturnType<typeof compilePolicy>
    expect(() => permissionMatrix(like)).toThrow(TypeError)
  })

  it('shows ceilings and constraints', () => {
    const roles = { a: { permit: ['note:read'] }, b: { permit: ['note:write'] } }
    const sod = (atMost: number) => [{ id: 'sod', kind: 'ssd', roles: ['a', 'b'], atMost }]
    expect(diff(with_({ roles }), with_({ roles, constraints: sod(1) }))).toMatchObject([
      { kind: 'tighten', after: 'sod: ssd at most 1 of a, b' },
    ])
    expect(diff(with_({ roles, constraints: sod(1) }), with_({ roles, constraints: sod(2) }))).toMatchObject([
      { kind: 'change' },
    ])
    expect(diff(with_({ ceilings: { free: ['note:read'] } }), with_({ ceilings: { free: ['*'] } }))).toMatchObject([
      { kind: 'gain', role: null, permission: 'note:write', after: 'ceiling free' },
    ])
    expect(diff(with_({ ceilings: { free: ['*'] } }), with_({ ceilings: { free: ['note:read'] } }))).toMatchObject([
      { kind: 'lose', role: null, permission: 'note:write', before: 'ceiling free', after: null },
    ])
    expect(diff(with_({ roles, constraints: sod(1) }), with_({ roles }))).toMatchObject([
      { kind: 'loosen', before: 'sod: ssd at most 1 of a, b', after: null },
    ])
  })

  it('shows roles and permissions that come as gained, and those that go as lost', () => {
    const more = with_({
      resources: { ...minimal.resources, memo: { actions: ['read'], attributes: { owner: 'id' } } },
      roles: { ...minimal.roles, clerk: { permit: ['memo:read', 'note:read'] } },
    })
    const [gained, lost] = [diff(minimal, more), diff(more, minimal)]
    const key = ({ kind, role, permission }: (typeof gained)[number]) => [kind, role, permission]
    expect(gained.map(key)).toEqual([
      ['gain', 'clerk', 'memo:read'],
      ['gain', 'clerk', 'note:read'],
    ])
    expect(lost.map(key)).toEqual([
      ['lose', 'clerk', 'memo:read'],
      ['lose', 'clerk', 'note:read'],
    ])
  })

  it('shows the type of an input that changed, a list as such', () => {
    const reading = { id: 'r', permission: 'note:read', when: { 'resource.owner': { in: '$subject.teams' } } }
    const typed = (teams: string) => with_({ subject: { teams }, roles: { reader: { permit: [reading] } } })
    expect(diff(typed('id[]?'), typed('id[]'))).toEqual([
      { kind: 'change', role: null, permission: null, before: '$subject.teams: id[]?', after: '$subject.teams: id[]' },
    ])
  })

  describe('names what widens access beyond the permits of one role', () => {
    const kinds = (before: object, after: object): readonly string[] =>
      diff(with_(before), with_(after)).map((change) => change.kind)
    const roles = { reader: { permit: ['note:read'] }, suspended: {}, away: { inherits: ['suspended'] } }
    const out = { id: 's', permission: '*', roles: ['suspended'] }
    const note = (attributes: object, more: object = {}) => ({
      resources: { note: { actions: ['read', 'write'], attributes, ...more } },
      roles: { reader: { scope: 'platform', permit: ['note:read'] } },
    })
    const masked = { size: 'int', owner: { type: 'string', mask: 'last4' } }
    const shown = (permit: object, more: object = {}) => ({
      ...note(masked),
      roles: { reader: { permit: [{ id: 'r', permission: 'note:read', ...permit }] } },
      ...more,
    })
    const sized = { 'resource.size': { gte: 0 } }
    const showing = (field: string) => ({ id: `shows-${field}`, permission: 'note:read', fields: [field] })
    const seesDeny = { id: 'f', permission: 'note:read', fields: ['size'] }

    it.each<[string, string, object, object]>([
      ['loosen', 'a deny that went, on a role that permits nothing', { roles, deny: [out] }, { roles }],
      ['change', 'a deny that says something else', { roles, deny: [out] }, { roles, deny: [{ ...out, when: sized }] }],
      [
        'loosen',
        'a role that no longer falls under a deny',
        { roles, deny: [out] },
        { roles: { ...roles, away: {} }, deny: [out] },
      ],
      [
        'loosen',
        'a role that went, with the deny it brought',
        { roles, deny: [out] },
        { roles: { reader: roles.reader, suspended: {} }, deny: [out] },
      ],
      [
        'loosen',
        'a role that no longer counts for a separation of duty',
        { roles, constraints: [{ id: 'c', kind: 'ssd', roles: ['reader', 'suspended'], atMost: 1 }] },
        {
          roles: { ...roles, away: {} },
          constraints: [{ id: 'c', kind: 'ssd', roles: ['reader', 'suspended'], atMost: 1 }],
        },
      ],
      ['change', 'a mask that went', note(masked), note({ ...masked, owner: 'string' })],
      ['change', 'an attribute that came', note({ size: 'int' }), note({ size: 'int', owner: 'id' })],
      ['change', 'another column', note({ size: 'int' }), note({ size: { type: 'int', column: 'n' } })],
      ['change', 'another member of a choice', note({ tag: ['a', 'b'] }), note({ tag: ['a', 'b', 'c'] })],
      [
        'change',
        'another tenant attribute',
        note({ org: 'id', owner: 'id' }, { tenant: 'org' }),
        note({ org: 'id', owner: 'id' }, { tenant: 'owner' }),
      ],
      [
        'change',
        'more fields beside a new condition',
        shown({ fields: ['size'] }),
        shown({ fields: ['size', 'owner'], when: sized }),
      ],
      [
        'change',
        'clear sight beside a new condition',
        shown({ masked: ['owner'] }),
        shown({ fields: ['owner'], when: sized }),
      ],
      [
        'change',
        'a field deny that went beside a new condition',
        shown({}, { deny: [{ ...seesDeny, when: sized }] }),
        shown({ when: sized }),
      ],
      [
        'change',
        'a field that only some rows showed, where a condition came for the others',
        { ...note(masked), roles: { reader: { permit: [showing('size'), { ...showing('owner'), when: sized }] } } },
        {
          ...note(masked),
          roles: {
            reader: {
              permit: [
                { ...showing('size'), when: sized },
                { ...showing('owner'), when: sized },
              ],
            },
          },
        },
      ],
      [
        'change',
        'a field that is taken from some rows only, beside a new condition',
        shown({ fields: ['size'] }),
        shown(
          { fields: ['size', 'owner'], when: sized },
          { deny: [{ id: 'o', permission: 'note:read', fields: ['owner'], when: sized }] },
        ),
      ],
    ])('%s: %s', (kind, _name, before, after) => {
      expect(kinds(before, after)).toContain(kind)
      expect(kinds(before, before)).toEqual([])
    })

    it('and does not take less for more', () => {
      expect(kinds(shown({}), shown({ when: sized }))).toEqual(['tighten'])
      expect(kinds(shown({ fields: ['size', 'owner'] }), shown({ fields: ['size'], when: sized }))).toEqual(['tighten'])
      expect(kinds({ roles }, { roles, deny: [out] })).toEqual(['tighten'])
      expect(kinds(note(masked), note({ size: 'int' }))).not.toContain('gain')
      expect(kinds({ roles }, { roles, subject: { limit: 'int' } })).toEqual([])
    })
  })

  it('refuses malformed assignments', () => {
    expect(() => diff(with_({}), with_({}), [null] as never)).toThrow(
      expect.objectContaining({ code: 'COFFER_RBAC_SUBJECT_INVALID' }),
    )
  })

  it('counts the subjects it touches and the separation of duty it newly breaks', () => {
    const roles = { a: { permit: ['note:read'] }, b: { permit: ['note:write'] } }
    const after = with_({
      roles: { ...roles, a: { permit: ['*'] } },
      constraints: [{ id: 'sod', kind: 'ssd', roles: ['a', 'b'], atMost: 1 }],
    })
    const changes = diff(with_({ roles }), after, [
      { subject: 'u1', roles: ['a', 'b'] },
      { subject: 'u2', roles: ['b'] },
    ])
    const [narrow, wide] = [1, 2].map((atMost) =>
      with_({ roles, constraints: [{ id: 'sod', kind: 'ssd', roles: ['a', 'b'], atMost }] }),
    )
    const both = [{ subject: 'u1', roles: ['a', 'b'] }]
    const isBroken = (before = narrow, next = narrow) =>
      diff(before ?? minimal, next ?? minimal, both).some(({ after: text }) => text === 'sod is broken by 1')
    expect([isBroken(narrow, narrow), isBroken(wide, narrow), isBroken(narrow, wide)]).toEqual([false, true, false])
    expect(changes).toContainEqual(
      expect.objectContaining({ kind: 'gain', role: 'a', permission: 'note:write', subjects: 1 }),
    )
    expect(changes).toContainEqual(expect.objectContaining({ after: 'sod is broken by 1', subjects: 1 }))
  })
})

describe('permissionMatrix', () => {
  it('names the verdict and the way to it for each role and permission', () => {
    const matrix = permissionMatrix(compilePolicy(payments))
    const entry = (role: string, permission: string) =>
      matrix.find((found) => found.role === role && found.permission === permission)
    expect(matrix).toHaveLength(6 * 5)
    expect(entry('maker', 'payment:read')).toMatchObject({ verdict: 'conditional', via: ['maker', 'viewer'] })
    expect(entry('operator', 'payment:export')).toMatchObject({ verdict: 'permit', via: ['operator'] })
    expect(entry('viewer', 'payment:approve')).toMatchObject({ verdict: 'deny', via: [] })
  })
})

describe('formatPolicy', () => {
  const rounds = process.env['COFFER_DEEP'] === '1' ? 20_000 : 50

  it(`formats ${rounds} documents to what they format to themselves, and keeps the hash (seed ${SEED})`, {
    timeout: 3_600_000,
  }, async () => {
    for (let round = 0; round < rounds; round++) {
      await breathe(round)
      const source = document(new Random(SEED + round))
      const text = formatPolicy(source)
      expect(formatPolicy(parsePolicy(text))).toBe(text)
      expect(compiledOrNone(parsePolicy(text))?.hash).toBe(compiledOrNone(source)?.hash)
    }
  })

  it('refuses what is not plain data, and lays out what is no policy yet', () => {
    expect(() => formatPolicy({ ...minimal, roles: new Map() } as never)).toThrow(
      expect.objectContaining({ code: 'COFFER_RBAC_POLICY_INVALID' }),
    )
    const draft = { roles: {}, zeta: 1, alpha: { long: 'x'.repeat(140) }, policy: 'p', list: [] } as never
    expect(formatPolicy(draft)).toBe(`{
  "policy": "p",
  "roles": {},
  "zeta": 1,
  "alpha": {
    "long": "${'x'.repeat(140)}"
  },
  "list": []
}
`)
    expect(formatPolicy({} as never)).toBe('{}\n')
  })

  it('puts keys in one order and what fits on one line', () => {
    const { roles, ...rest } = minimal
    expect(formatPolicy({ roles, ...rest })).toBe(`{
  "policy": "minimal",
  "version": "1",
  "resources": {
    "note": {
      "actions": ["read", "write"],
      "attributes": { "owner": "id", "size": "int", "tag": ["a", "b"] }
    }
  },
  "roles": { "reader": { "permit": ["note:read"] } }
}
`)
  })
})
