import { compilePolicy } from '@coffer/rbac'
import { runPolicyTests } from '@coffer/rbac/testing'
import { expect, it } from 'vitest'
import { minimal } from './fixtures.js'

const subject = { id: 'u', roles: ['reader'] }
const run = (tests: readonly object[], over: object = {}) =>
  runPolicyTests(
    compilePolicy({
      ...minimal,
      deny: [{ id: 'big', permission: 'note:read', when: { 'resource.size': { gt: 9 } } }],
      ...over,
      tests: tests as never,
    }),
  )

it('a test passes by decision, and by reason and rule where it names them', () => {
  const report = run([
    {
      name: 'small',
      subject,
      permission: 'note:read',
      resource: { size: 9 },
      expect: 'permit',
      ruleId: 'reader/note:read',
    },
    {
      name: 'big',
      subject,
      permission: 'note:read',
      resource: { size: 10 },
      expect: 'deny',
      reason: 'denied',
      ruleId: 'big',
    },
  ])
  expect(report).toEqual({
    passed: 2,
    failed: [],
    rules: [
      { id: 'reader/note:read', hits: 2 },
      { id: 'big', hits: 1 },
    ],
  })
})

it('a failing test is reported with what was expected and what was decided', () => {
  const [failure] = run([
    { name: 'wrong reason', subject, permission: 'note:read', expect: 'deny', reason: 'denied' },
  ]).failed
  expect(failure).toMatchObject({
    name: 'wrong reason',
    expected: { decision: 'deny', reason: 'denied' },
    decision: { decision: 'deny', reason: 'deny-unknown', ruleId: 'big' },
  })
})

it('a rule that no test reaches has no hits, and a subject that is refused is a failure', () => {
  const report = run([{ name: 'refused', subject: { id: '', roles: [] }, permission: 'note:read', expect: 'deny' }])
  expect(report.failed).toMatchObject([{ name: 'refused', decision: null }])
  expect(report.rules.map((rule) => rule.hits)).toEqual([0, 0])
})

it('a test activates the roles that it names', () => {
  const test = { subject: { id: 'u', roles: ['reader'] }, permission: 'note:read', resource: { size: 1 } }
  const report = run([
    { name: 'none', ...test, activeRoles: [], expect: 'deny', reason: 'no-permit' },
    { name: 'all', ...test, activeRoles: ['reader'], expect: 'permit' },
  ])
  expect(report.failed).toEqual([])
})

it('a test without now runs at instant 0', () => {
  const roles = [{ role: 'reader', expiresAt: 1 }]
  const test = { subject: { id: 'u', roles }, permission: 'note:read', resource: { size: 1 } }
  const report = run([
    { name: 'at 0', ...test, expect: 'permit' },
    { name: 'at 1', ...test, now: 1, expect: 'deny' },
  ])
  expect(report.failed).toEqual([])
})
