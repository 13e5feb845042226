import { compilePolicy, type PolicyDocument, type PolicyIssue } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { issuesOf, minimal } from './fixtures.js'

/** Time of the processor: far below what a quadratic pass takes at these sizes, far above what a linear one does. */
const GENEROUS_MS = 4_000
const TIMEOUT_MS = 60_000

const names = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const timed = <T>(run: () => T): T => {
  const start = process.cpuUsage()
  const result = run()
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(GENEROUS_MS)
  return result
}

/** A valid document with parts that were generated. */
const policyOf = (parts: object): PolicyDocument => ({ ...minimal, ...parts })

const timedIssues = (document: object): readonly PolicyIssue[] => timed(() => issuesOf(document))

describe('a bad document costs no more than in proportion to its size', () => {
  it('with one mistake in each of 12,000 roles, which stay in the order of the document', {
    timeout: TIMEOUT_MS,
  }, () => {
    const roles = Object.fromEntries(names(12_000, 'role').map((name) => [name, { bogus: 1 }]))
    const issues = timedIssues({ ...minimal, roles })
    expect(issues.map((issue) => issue.pointer)).toEqual(names(1_000, '/roles/role').map((role) => `${role}/bogus`))
  })

  it('with 20,000 unknown names among 5,000, of which the first hundred are given a suggestion', {
    timeout: TIMEOUT_MS,
  }, () => {
    const roles = Object.fromEntries(names(5_000, 'role-number-').map((name) => [name, {}]))
    const inherits = names(20_000, 'role-mumber-').map((name) => `${name}z`)
    const issues = timedIssues({ ...minimal, roles: { ...roles, top: { inherits } } })
    expect(issues).toHaveLength(1_000)
    const hints = issues.map((issue) => issue.hint)
    expect(hints[0]).toBe('did you mean "role-number-0"?')
    expect(hints[99]).toBe('did you mean "role-number-99"?')
    expect(hints[100]).toMatch(/^known: role-number-0, role-number-1, .*, …$/)
    expect(new Set(hints.slice(100)).size).toBe(1)
  })

  it('with 10,000 unknown attributes in conditions', { timeout: TIMEOUT_MS }, () => {
    const subject = Object.fromEntries(names(5_000, 'attribute').map((name) => [name, 'id?']))
    const permit = names(10_000, 'p').map((id) => ({
      id,
      permission: 'note:read',
      when: { [`subject.attribute-${id}`]: { eq: 'x' } },
    }))
    const issues = timedIssues({ ...minimal, subject, roles: { reader: { permit } } })
    expect(issues).toHaveLength(1_000)
    expect(new Set(issues.map((issue) => issue.code))).toEqual(new Set(['attribute-unknown']))
  })

  it('with 12,000 roles that break a constraint by themselves', { timeout: TIMEOUT_MS }, () => {
    const seniors = Object.fromEntries(names(12_000, 'r').map((name) => [name, { inherits: ['a', 'b'] }]))
    const constraints = [{ id: 'apart', kind: 'ssd', roles: ['a', 'b'], atMost: 1 }]
    const issues = timedIssues({ ...minimal, roles: { a: {}, b: {}, ...seniors }, constraints })
    expect(issues).toHaveLength(1_000)
    expect(new Set(issues.map((issue) => issue.code))).toEqual(new Set(['constraint-unsatisfiable']))
  })

  it('with 20,000 cycles through up to 20,000 roles, of each of which the first roles are named', {
    timeout: TIMEOUT_MS,
  }, () => {
    const roles = Object.fromEntries(
      names(20_000, 'r').map((name, index) => [name, { inherits: ['r0', `r${(index + 1) % 20_000}`] }]),
    )
    const issues = timedIssues({ ...minimal, roles })
    expect(issues).toHaveLength(1_000)
    const messages = issues.map((issue) => issue.message)
    expect(messages).toContain(`a role inherits itself: ${[...names(32, 'r'), 'r0'].join(' > ')}`)
    expect(messages).toContain(`a role inherits itself: ${[...names(32, 'r'), '…', 'r0'].join(' > ')}`)
  })
})

describe('the suggestion for an unknown name', () => {
  const hintFor = (wanted: string, known: readonly string[]): string | undefined =>
    issuesOf({
      ...minimal,
      roles: { ...Object.fromEntries(known.map((name) => [name, {}])), top: { inherits: [wanted] } },
    })[0]?.hint

  it.each([
    ['reader', 'raeder', true],
    ['reader', 'eader', true],
    ['reader', 'ader', true],
    ['reader', 'der', false],
    ['reader', 'readerxx', true],
    ['reader', 'readerxxx', false],
    ['reader', 'xxreader', true],
    ['reader', 'xeadxr', true],
    ['reader', 'xexdxr', false],
    ['ab', 'xy', true],
    ['abc', 'xyz', false],
    ['abcdefgh', 'cdefghxy', false],
    ['abcdefgh', 'bcdefghx', true],
  ])('of %s for %s, two edits at most: %s', (known, wanted, isNear) => {
    expect(hintFor(wanted, [known])).toBe(isNear ? `did you mean "${known}"?` : `known: ${known}, top`)
  })

  it('is the nearest of several, the first by code unit of equals', () => {
    expect(hintFor('writer', ['waiterx', 'writter', 'writers', 'wrxterx'])).toBe('did you mean "writers"?')
  })
})

describe('a valid document costs no more than in proportion to its size', () => {
  it('with 10,000 rules over 10,000 attributes of the subject', { timeout: TIMEOUT_MS }, () => {
    const subject = Object.fromEntries(names(10_000, 'a').map((name) => [name, 'id?'] as const))
    const permit = names(10_000, 'p').map((id, index) => ({
      id,
      permission: 'note:read',
      when: { [`subject.a${index}`]: { eq: 'x' } },
    }))
    const compiled = timed(() => compilePolicy(policyOf({ subject, roles: { reader: { permit } } })))
    const ruleOf = (attribute: string) =>
      compiled
        .session({ id: 'u', roles: ['reader'], attributes: { [attribute]: 'x' } } as never)
        .decide('note:read' as never).ruleId
    expect([ruleOf('a0'), ruleOf('a7'), ruleOf('a9999')]).toEqual(['p0', 'p7', 'p9999'])
  })

  it('with 6,000 rules over 5,000 resources each', { timeout: TIMEOUT_MS }, () => {
    const attributes = { owner: 'id', state: { type: 'string', mask: 'redact' } }
    const resources = Object.fromEntries(names(5_000, 'r').map((name) => [name, { actions: ['read'], attributes }]))
    const permit = names(6_000, 'p').map((id, index) => ({
      id,
      permission: ['*', '*:read', `r${index % 5_000}:read`],
      when: { 'resource.owner': { eq: id } },
      fields: ['owner'],
      masked: ['state'],
    }))
    const compiled = timed(() => compilePolicy(policyOf({ resources, roles: { reader: { permit } } })))
    const session = compiled.session({ id: 'u', roles: ['reader'] })
    expect(session.decide('r4999:read' as never, { owner: 'p0' } as never).ruleId).toBe('p0')
  })

  it('with 3,000 comparisons of attributes that are one of the same 1,000 texts, in whatever order', {
    timeout: TIMEOUT_MS,
  }, () => {
    const texts = names(1_000, 'text')
    const attributes = { forth: texts, back: [...texts].reverse() }
    const permit = names(3_000, 'p').map((id) => ({
      id,
      permission: 'note:read',
      when: { all: [{ 'resource.forth': { eq: '$resource.back' } }, { 'resource.back': { eq: 'text0' } }] },
    }))
    const compiled = timed(() =>
      compilePolicy(
        policyOf({
          resources: { note: { actions: ['read'], attributes } },
          roles: { reader: { permit } },
        }),
      ),
    )
    const session = compiled.session({ id: 'u', roles: ['reader'] })
    expect(session.can('note:read' as never, { forth: 'text0', back: 'text0' } as never)).toBe(true)
    expect(session.can('note:read' as never, { forth: 'text1', back: 'text0' } as never)).toBe(false)
  })
})

describe('a session on a cold role set costs no more than in proportion to what its roles state', () => {
  it('with 100 roles that may do everything, under 1,000 constraints on permissions', { timeout: TIMEOUT_MS }, () => {
    const actions = names(5_000, 'act')
    const roles = names(100, 'role')
    const compiled = compilePolicy(
      policyOf({
        resources: { note: { actions } },
        roles: Object.fromEntries(roles.map((name) => [name, { permit: ['*'] }])),
        constraints: names(1_000, 'apart').map((id) => ({
          id,
          kind: 'ssd' as const,
          permissions: ['note:act0', 'note:act1'],
          atMost: 2,
        })),
      }),
    )
    expect(timed(() => compiled.session({ id: 'u', roles })).can('note:act4999' as never)).toBe(true)
  })
})
