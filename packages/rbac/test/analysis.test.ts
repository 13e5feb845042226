import { compilePolicy, type PolicyDocument, parsePolicy } from '@coffer/rbac'
import { diffPolicies, formatPolicy, permissionMatrix } from '@coffer/rbac/analysis'
import { describe, expect, it } from 'vitest'
import { runCommand } from '../src/cli/commands.js'
import { compiledOrNone, minimal, payments } from './fixtures.js'
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
  it(`formats to what it formats to itself, and keeps the hash (seed ${SEED})`, () => {
    for (let round = 0; round < 50; round++) {
      const source = document(new Random(SEED + round))
      const text = formatPolicy(source)
      expect(formatPolicy(parsePolicy(text))).toBe(text)
      expect(compiledOrNone(parsePolicy(text))?.hash).toBe(compiledOrNone(source)?.hash)
    }
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

describe('coffer-rbac', () => {
  const written = new Map<string, string>()
  const files: Record<string, string> = {
    'good.json': formatPolicy({
      ...minimal,
      tests: [{ name: 't', subject: { id: 'u', roles: ['reader'] }, permission: 'note:read', expect: 'permit' }],
    }),
    'bad.json': JSON.stringify({
      ...minimal,
      roles: { reader: { permit: ['note:*', 'note:read'] } },
      tests: [{ name: 't', subject: { id: 'u', roles: [] }, permission: 'note:read', expect: 'permit' }],
    }),
    'wrong.json': JSON.stringify({ ...minimal, roles: { reader: { permit: ['note:raed'] } } }),
    'ask.json': JSON.stringify({ subject: { id: 'u', roles: ['reader'] }, permission: 'note:read' }),
    'refused.json': JSON.stringify({ subject: { id: 'u', roles: [] }, permission: 'note:read' }),
    'people.json': JSON.stringify([{ subject: 'u', roles: ['reader'] }]),
  }
  const run = (...args: string[]) =>
    runCommand(args, {
      read: (path) => {
        const text = files[path]
        if (text === undefined) throw new Error('no such file')
        return text
      },
      write: (path, text) => written.set(path, text),
      now: () => 0,
    })

  it('exits 0 where nothing is found, 1 on findings, 2 on what it cannot use', () => {
    const code = (...args: string[]) => run(...args).code
    expect([code('fmt', '--check', 'good.json'), code('fmt', '--check', 'bad.json'), code('fmt', 'none.json')]).toEqual(
      [0, 1, 2],
    )
    expect([code('lint', 'good.json'), code('lint', 'bad.json'), code('lint', 'wrong.json')]).toEqual([0, 1, 2])
    expect([code('lint', '--fail-on', 'info', 'good.json'), code('lint', '--fail-on', 'error', 'bad.json')]).toEqual([
      1, 0,
    ])
    expect([code('test', 'good.json'), code('test', 'bad.json')]).toEqual([0, 1])
    expect([code('explain', 'good.json', 'ask.json'), code('explain', 'good.json', 'refused.json')]).toEqual([0, 1])
    expect([code('diff', 'good.json', 'good.json'), code('diff', 'good.json', 'bad.json')]).toEqual([0, 1])
    expect([
      code('diff', '--no-new-access', 'bad.json', 'good.json'),
      code('diff', '--no-new-access', 'good.json', 'bad.json'),
    ]).toEqual([0, 1])
    expect([code('diff', '--assignments', 'people.json', 'good.json', 'bad.json')]).toEqual([1])
    for (const args of [
      [],
      ['nope'],
      ['lint'],
      ['lint', '--what', 'good.json'],
      ['lint', '--fail-on', 'loud', 'good.json'],
      ['diff', 'good.json'],
      ['explain', 'good.json', 'people.json'],
    ])
      expect([args, code(...args)]).toEqual([args, 2])
  })

  it('prints its usage on --help, JSON where it is asked for, and issues with their place', () => {
    expect(run('--help')).toMatchObject({ code: 0, output: expect.stringContaining('fmt [--check] FILE') })
    expect(JSON.parse(run('lint', '--json', 'bad.json').output)).toContainEqual(
      expect.objectContaining({ rule: 'duplicate-permit' }),
    )
    expect(JSON.parse(run('explain', 'good.json', 'refused.json').output)).toMatchObject({
      reason: 'no-permit',
      whyNot: [[{ kind: 'assign', role: 'reader' }]],
    })
    expect(run('test', '--coverage', 'good.json').output).toBe('tested   reader/note:read\n1 passed, 0 failed\n')
    expect(run('lint', 'wrong.json').errors).toContain('/roles/reader/permit/0: permission-unknown')
  })

  it('writes a document only where its layout differs', () => {
    expect(run('fmt', 'good.json').output).toBe('')
    expect(run('fmt', 'bad.json').output).toBe('bad.json\n')
    expect([...written.keys()]).toEqual(['bad.json'])
  })
})
