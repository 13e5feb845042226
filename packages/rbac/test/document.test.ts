import {
  compilePolicy,
  isRbacError,
  type PolicyDocument,
  PolicyError,
  type PolicyIssueCode,
  parsePolicy,
} from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { issuesOf, minimal } from './fixtures.js'

const note = { actions: ['read', 'write'], attributes: { owner: 'id', size: 'int', tag: ['a', 'b'] } }
const when = (condition: unknown) => ({
  ...minimal,
  roles: { reader: { permit: [{ id: 'r', permission: 'note:read', when: condition }] } },
})
const WHEN = '/roles/reader/permit/0/when'
const deep = (depth: number): unknown => (depth === 0 ? { 'resource.size': { eq: 1 } } : { not: deep(depth - 1) })

const attribute = (type: unknown) => ({ ...minimal, resources: { note: { ...note, attributes: { a: type } } } })
const wideNames = Array.from({ length: 17 }, (_, index) => `wide:a${index}`)
const wide = { ...minimal, resources: { wide: { actions: wideNames.map((name) => name.slice(5)) } } }
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
const tested = (over: object) => ({
  ...minimal,
  tests: [{ name: 't', subject: { id: 'u', roles: [] }, permission: 'note:read', expect: 'deny', ...over }],
})

const REFUSED: readonly (readonly [name: string, document: unknown, code: PolicyIssueCode, pointer: string])[] = [
  ['a document that is a text', 'text', 'value-type', ''],
  ['a missing version', { ...minimal, version: undefined }, 'value-type', '/version'],
  ['no roles', { policy: 'p', version: '1', resources: { note } }, 'required-missing', ''],
  ['an unknown key', { ...minimal, rules: [] }, 'key-unknown', '/rules'],
  ['a reserved key', { ...minimal, roles: { reader: { delegable: true } } }, 'key-unknown', '/roles/reader/delegable'],
  ['a class instance', { ...minimal, roles: new Map() }, 'value-type', '/roles'],
  ['a name with a look-alike letter', { ...minimal, roles: { аdmin: {} } }, 'name-invalid', '/roles/аdmin'],
  ['__proto__ as a role', { ...minimal, roles: JSON.parse('{"__proto__":{}}') }, 'name-invalid', '/roles/__proto__'],
  ['a type that is none', { ...minimal, subject: { a: 'float' } }, 'attribute-type', '/subject/a'],
  [
    'a list on a resource',
    { ...minimal, resources: { note: { ...note, attributes: { a: 'id[]' } } } },
    'attribute-type',
    '/resources/note/attributes/a',
  ],
  ['subject.id declared again', { ...minimal, subject: { id: 'id' } }, 'key-unknown', '/subject/id'],
  [
    'an unknown permission',
    { ...minimal, roles: { reader: { permit: ['note:raed'] } } },
    'permission-unknown',
    '/roles/reader/permit/0',
  ],
  [
    'a pattern that matches nothing',
    { ...minimal, roles: { reader: { permit: ['*:delete'] } } },
    'pattern-empty',
    '/roles/reader/permit/0',
  ],
  [
    'an unknown junior',
    { ...minimal, roles: { reader: { inherits: ['writer'] } } },
    'role-unknown',
    '/roles/reader/inherits/0',
  ],
  [
    'a rule without id',
    { ...minimal, roles: { reader: { permit: [{ permission: 'note:read' }] } } },
    'id-missing',
    '/roles/reader/permit/0',
  ],
  ['a deny without id', { ...minimal, deny: [{ permission: 'note:read' }] }, 'id-missing', '/deny/0'],
  [
    'one id twice',
    {
      ...minimal,
      deny: [
        { id: 'd', permission: 'note:read' },
        { id: 'd', permission: 'note:write' },
      ],
    },
    'duplicate-id',
    '/deny/1/id',
  ],
  ['two keys in a condition', when({ all: [], any: [] }), 'condition-shape', '/roles/reader/permit/0/when'],
  ['an empty all', when({ all: [] }), 'condition-shape', '/roles/reader/permit/0/when/all'],
  [
    'an unknown attribute',
    when({ 'resource.ownr': { eq: 'x' } }),
    'attribute-unknown',
    '/roles/reader/permit/0/when/resource.ownr',
  ],
  [
    'a text compared with an int',
    when({ 'resource.size': { eq: '1' } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.size/eq',
  ],
  [
    'an order on text',
    when({ 'resource.owner': { lt: 'b' } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.owner/lt',
  ],
  [
    'a text outside the choice',
    when({ 'resource.tag': { eq: 'c' } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.tag/eq',
  ],
  [
    'two paths of different types',
    when({ 'resource.owner': { eq: '$resource.tag' } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.owner/eq',
  ],
  [
    'an empty list',
    when({ 'resource.owner': { in: [] } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.owner/in',
  ],
  [
    'an int that a double cannot hold',
    when({ 'resource.size': { eq: 2 ** 53 } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.size/eq',
  ],
  ['seventeen levels', when(deep(16)), 'limit-exceeded', `/roles/reader/permit/0/when${'/not'.repeat(16)}`],
  [
    '257 comparisons',
    when({ any: Array.from({ length: 257 }, () => ({ 'resource.size': { eq: 1 } })) }),
    'limit-exceeded',
    '/roles/reader/permit/0/when/any/256/resource.size',
  ],
  [
    'an unknown field',
    { ...minimal, deny: [{ id: 'd', permission: 'note:read', fields: ['ownr'] }] },
    'field-unknown',
    '/deny/0/fields/0',
  ],
  [
    'a field masked without a mask',
    { ...minimal, roles: { reader: { permit: [{ id: 'r', permission: 'note:read', masked: ['owner'] }] } } },
    'mask-unknown',
    '/roles/reader/permit/0/masked/0',
  ],
  [
    'a mask that is none',
    { ...minimal, resources: { note: { ...note, attributes: { a: { type: 'string', mask: 'first4' } } } } },
    'mask-unknown',
    '/resources/note/attributes/a/mask',
  ],
  [
    'a tenant that is no id',
    { ...minimal, resources: { note: { ...note, tenant: 'size' } } },
    'tenant-invalid',
    '/resources/note/tenant',
  ],
  ['a ceiling of nothing', { ...minimal, ceilings: { free: [] } }, 'ceiling-invalid', '/ceilings/free'],
  [
    'a constraint without a limit',
    { ...minimal, constraints: [{ id: 'c', kind: 'ssd', roles: ['reader'] }] },
    'required-missing',
    '/constraints/0',
  ],
  [
    'a limit of nought',
    { ...minimal, constraints: [{ id: 'c', kind: 'ssd', roles: ['reader'], atMost: 0 }] },
    'value-type',
    '/constraints/0/atMost',
  ],
  [
    'a cycle',
    { ...minimal, roles: { a: { inherits: ['b'] }, b: { inherits: ['c'] }, c: { inherits: ['a'] } } },
    'role-cycle',
    '/roles/a/inherits',
  ],
  ['a choice of nothing', attribute(['?']), 'attribute-type', '/resources/note/attributes/a'],
  ['a choice with an empty text', attribute(['x', '']), 'attribute-type', '/resources/note/attributes/a/1'],
  ['a choice with a text twice', attribute(['x', 'x']), 'attribute-type', '/resources/note/attributes/a'],
  ['a choice with a number', attribute(['x', 1]), 'value-type', '/resources/note/attributes/a/1'],
  [
    'a uuid column for an int',
    attribute({ type: 'int', columnType: 'uuid' }),
    'value-type',
    '/resources/note/attributes/a/columnType',
  ],
  [
    'a column name with NUL',
    attribute({ type: 'int', column: 'a\0' }),
    'value-type',
    '/resources/note/attributes/a/column',
  ],
  [
    'a column name of 64 characters',
    attribute({ type: 'int', column: 'c'.repeat(64) }),
    'value-type',
    '/resources/note/attributes/a/column',
  ],
  [
    'an action twice',
    { ...minimal, resources: { note: { ...note, actions: ['read', 'read'] } } },
    'duplicate-id',
    '/resources/note/actions',
  ],
  [
    'a tenant that is no text',
    { ...minimal, resources: { note: { ...note, tenant: 7 } } },
    'value-type',
    '/resources/note/tenant',
  ],
  [
    'a description that is no text',
    { ...minimal, roles: { reader: { description: 7 } } },
    'value-type',
    '/roles/reader/description',
  ],
  ['roles that are a list', { ...minimal, roles: [] }, 'value-type', '/roles'],
  [
    'one pattern twice among seventeen',
    { ...wide, roles: { reader: { permit: [...wideNames, 'wide:a0'] } } },
    'duplicate-id',
    '/roles/reader/permit',
  ],
  [
    'an unknown subject attribute',
    when({ 'subject.lmit': { eq: 1 } }),
    'attribute-unknown',
    '/roles/reader/permit/0/when/subject.lmit',
  ],
  ['a path to nowhere', when({ owner: { eq: 'x' } }), 'condition-shape', '/roles/reader/permit/0/when/owner'],
  [
    'a path operand to nowhere',
    when({ 'resource.owner': { eq: '$owner' } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.owner/eq',
  ],
  [
    'exists with a text',
    when({ 'resource.owner': { exists: 'yes' } }),
    'operand-type',
    '/roles/reader/permit/0/when/resource.owner/exists',
  ],
  [
    'a list with a literal of another type',
    when({ 'resource.size': { in: [1, '2'] } }),
    'operand-type',
    `${WHEN}/resource.size/in`,
  ],
  [
    'a list with a path in it',
    when({ 'resource.owner': { in: ['$subject.id'] } }),
    'operand-type',
    `${WHEN}/resource.owner/in`,
  ],
  [
    'a bool compared with a text',
    { ...when({ 'context.on': { eq: 'true' } }), context: { on: 'bool' } },
    'operand-type',
    `${WHEN}/context.on/eq`,
  ],
  [
    'a pattern twice in a role',
    { ...minimal, roles: { reader: { permit: ['note:read', 'note:read'] } } },
    'duplicate-id',
    '/roles/reader/permit',
  ],
  [
    'a test that expects nothing',
    { ...minimal, tests: [{ name: 't', subject: { id: 'u', roles: [] }, permission: 'note:read' }] },
    'required-missing',
    '/tests/0',
  ],
  [
    'a list of 2,000,001 entries',
    { ...minimal, roles: { reader: { permit: new Array(2_000_001) } } },
    'limit-exceeded',
    '/roles/reader/permit',
  ],
  [
    'a list compared',
    { ...when({ 'subject.ids': { eq: 'x' } }), subject: { ids: 'id[]' } },
    'operand-type',
    '/roles/reader/permit/0/when/subject.ids/eq',
  ],
  [
    'an unknown operator',
    when({ 'resource.owner': { like: 'x' } }),
    'condition-shape',
    '/roles/reader/permit/0/when/resource.owner',
  ],
  [
    'an attribute that two resources declare differently',
    {
      ...minimal,
      resources: { note, memo: { actions: ['read'], attributes: { owner: 'string' } } },
      roles: { reader: { permit: [{ id: 'r', permission: '*:read', when: { 'resource.owner': { eq: 'x' } } }] } },
    },
    'attribute-type',
    '/roles/reader/permit/0/when/resource.owner',
  ],
  [
    'a timestamp past the year 9999',
    { ...when({ 'context.now': { lt: 253_402_300_800_000 } }) },
    'operand-type',
    '/roles/reader/permit/0/when/context.now/lt',
  ],
  ['an object 65 levels deep', { ...minimal, tests: nested(65) }, 'limit-exceeded', `/tests${'/0'.repeat(63)}`],
  ['a number that is not finite', { ...minimal, version: Number.NaN }, 'value-type', '/version'],
  ['a test of half a millisecond', tested({ now: 0.5 }), 'test-invalid', '/tests/0'],
  [
    "a test's subject with an attribute beside attributes",
    tested({ subject: { id: 'u', roles: [], limit: 5 } }),
    'key-unknown',
    '/tests/0/subject/limit',
  ],
  ['a test that activates a text', tested({ activeRoles: 'reader' }), 'test-invalid', '/tests/0'],
  ['a test on a resource that is a text', tested({ resource: 'note' }), 'test-invalid', '/tests/0'],
  [
    'a test that is no request',
    { ...minimal, tests: [{ name: 't', subject: 'u', permission: 'note:read', expect: 'deny' }] },
    'test-invalid',
    '/tests/0',
  ],
]

describe('compilePolicy', () => {
  it.each(REFUSED)('refuses %s, naming the place', (_name, document, code, pointer) => {
    expect(issuesOf(document).map((issue) => ({ code: issue.code, pointer: issue.pointer }))).toContainEqual({
      code,
      pointer,
    })
  })

  it('accepts the smallest document', () => {
    expect(compilePolicy(minimal).permissions).toEqual(['note:read', 'note:write'])
  })

  it("says where an attribute of a test's subject belongs", () => {
    const hintsOf = (key: string) =>
      issuesOf({ ...tested({ subject: { id: 'u', roles: [], [key]: 5 } }), subject: { limit: 'int?' } }).map(
        (issue) => issue.hint,
      )
    expect(hintsOf('limit')).toEqual(['limit belongs into attributes'])
    expect(hintsOf('tenent')).toEqual(['did you mean "tenant"?'])
    expect(hintsOf('department')).toEqual(['known: id, roles, tenant, assurance, attributes, ceilings'])
  })

  it('does not let the hint for a type read as if there were lists of a row', () => {
    const hintOf = (over: object) => issuesOf({ ...minimal, ...over })[0]?.hint
    const typed = { note: { actions: ['read', 'write'], attributes: { size: 'number' } } }
    expect(hintOf({ resources: typed, roles: {} })).toBe(
      'id, string, int, bool, timestamp, with ? if it may be absent, or the list of its allowed texts, e.g. ["open","paid"]',
    )
    expect(hintOf({ subject: { size: 'number' } })).toContain('timestamp, id[], string[], int[], with ?')
  })

  it('names every key that an object may have where it has an unknown one', () => {
    expect(issuesOf({ ...minimal, conditions: {} })[0]?.hint).toBe(
      'known: policy, version, resources, roles, $schema, description, subject, context, deny, ceilings, constraints, tests',
    )
  })

  it('prints the path of a cycle', () => {
    const issues = issuesOf({
      ...minimal,
      roles: { a: { inherits: ['b'] }, b: { inherits: ['c'] }, c: { inherits: ['a'] } },
    })
    expect(issues.map((issue) => issue.message).join()).toContain('a > b > c > a')
  })

  it('reports every mistake at once, in document order, with the nearest known name', () => {
    const issues = issuesOf({
      ...minimal,
      roles: { reader: { permit: ['note:raed'] }, writer: { inherits: ['reeder'] } },
      deny: [{ id: 'd', permission: 'nope:read' }],
    })
    expect(issues.map((issue) => issue.pointer)).toEqual([
      '/roles/reader/permit/0',
      '/roles/writer/inherits/0',
      '/deny/0/permission',
    ])
    expect(issues[0]?.hint).toBe('did you mean "note:read"?')
    expect(issues[1]?.hint).toBe('did you mean "reader"?')
  })

  it('refuses a role that no one could hold because its own juniors conflict', () => {
    const roles = { a: {}, b: {}, both: { inherits: ['a', 'b'] } }
    const constraints = [{ id: 'sod', kind: 'ssd', roles: ['a', 'b'], atMost: 1 }]
    expect(issuesOf({ ...minimal, roles, constraints })).toMatchObject([
      { code: 'constraint-unsatisfiable', pointer: '/roles/both' },
    ])
  })

  it('refuses a document that contains itself, and one with an accessor, without running it', () => {
    const cyclic: Record<string, unknown> = { ...minimal }
    cyclic['resources'] = cyclic
    expect(issuesOf(cyclic)).toMatchObject([{ code: 'value-type', pointer: '/resources' }])
    const accessor = Object.defineProperty({ ...minimal }, 'deny', {
      enumerable: true,
      get: () => expect.unreachable(),
    })
    expect(issuesOf(accessor)).toMatchObject([{ code: 'value-type', pointer: '' }])
  })

  it('inherits through twenty thousand roles', () => {
    const roles = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, index) => [
        `r${index}`,
        index === 19_999 ? { permit: ['note:read'] } : { inherits: [`r${index + 1}`] },
      ]),
    )
    expect(
      compilePolicy({ ...minimal, roles })
        .session({ id: 'u', roles: ['r0'] })
        .can('note:read'),
    ).toBe(true)
  })

  it('throws a PolicyError that isRbacError knows, and TypeError or RangeError for wrong options', () => {
    const caught = (): unknown => {
      try {
        return compilePolicy({ ...minimal, policy: '' })
      } catch (error) {
        return error
      }
    }
    expect(caught()).toBeInstanceOf(PolicyError)
    expect(isRbacError(caught())).toBe(true)
    expect(isRbacError(new Error('x'))).toBe(false)
    expect(() => compilePolicy(minimal, { maxRoleSets: 0 })).toThrow(RangeError)
    expect(() => compilePolicy(minimal, { maxRoleSets: 65_537 })).toThrow(RangeError)
    expect(() => compilePolicy(minimal, { clock: {} as { now(): number } })).toThrow(TypeError)
  })

  it('is not changed by a change of the document afterwards', () => {
    const permit = ['note:read']
    const policy = compilePolicy({ ...minimal, roles: { reader: { permit } } } as PolicyDocument)
    permit.push('note:write')
    expect(policy.session({ id: 'u', roles: ['reader'] }).can('note:write')).toBe(false)
  })
})

describe('parsePolicy', () => {
  it('reads text only, of at most 64 Mi code units', () => {
    expect(() => parsePolicy({} as never)).toThrow(TypeError)
    const codes = (text: string): readonly string[] => {
      try {
        parsePolicy(text)
      } catch (error) {
        if (error instanceof PolicyError) return error.issues.map((issue) => issue.code)
      }
      return []
    }
    expect(codes(`{}${' '.repeat(67_108_862)}`)).toEqual([])
    expect(codes(`{}${' '.repeat(67_108_863)}`)).toEqual(['limit-exceeded'])
  })

  it('refuses a key that occurs twice, so that a second deny cannot replace the first', () => {
    const text = '{"deny":[1],"a":{"b~/":1,"b~/":2},"deny":[]}'
    expect(() => parsePolicy(text)).toThrow(PolicyError)
    try {
      parsePolicy(text)
    } catch (error) {
      expect(
        isRbacError(error) && 'issues' in error && error.issues.map((issue) => [issue.code, issue.pointer]),
      ).toEqual([
        ['duplicate-key', '/a/b~0~1'],
        ['duplicate-key', '/deny'],
      ])
    }
  })

  it('reads what JSON.parse reads, __proto__ included', () => {
    const text = ' {"a":[1,-2.5e3,true,false,null,"\\u0041\\"\\\\",{}],"__proto__":{"x":[]},"":" "} '
    expect(parsePolicy(text)).toEqual(JSON.parse(text))
    expect(Object.getPrototypeOf(parsePolicy(text))).toBe(Object.prototype)
  })

  it.each(['', '{', '[1,]', "{'a':1}", '{"a":1}x', '// no', '{"a":01}'])('refuses %j as json-syntax', (text) => {
    try {
      parsePolicy(text)
      expect.unreachable()
    } catch (error) {
      expect(isRbacError(error) && 'issues' in error && error.issues[0]?.code).toBe('json-syntax')
    }
  })

  it('accepts 64 levels and refuses 65', () => {
    expect(() => parsePolicy('['.repeat(64) + ']'.repeat(64))).not.toThrow()
    expect(() => parsePolicy('['.repeat(65) + ']'.repeat(65))).toThrow(PolicyError)
  })
})
