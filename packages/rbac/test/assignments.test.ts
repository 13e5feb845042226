import { compilePolicy, isRbacError } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { minimal, policy } from './fixtures.js'

const sod = (tenant: string | undefined, members: readonly string[] = ['checker', 'maker']) => ({
  constraint: 'sod',
  kind: 'ssd',
  subjects: ['u1'],
  tenant,
  members,
  atMost: 1,
})

describe('checkAssignments', () => {
  it('reports both roles of a static separation of duty before they are saved', () => {
    expect(policy.checkAssignments([{ subject: 'u1', tenant: 't1', roles: ['maker', 'checker'] }])).toEqual([sod('t1')])
  })

  it('counts what one subject holds across entries, and keeps tenants apart', () => {
    const t1 = { subject: 'u1', tenant: 't1', roles: ['maker'] }
    expect(policy.checkAssignments([t1, { subject: 'u1', tenant: 't1', roles: ['checker'] }])).toEqual([sod('t1')])
    expect(policy.checkAssignments([t1, { subject: 'u1', tenant: 't2', roles: ['checker'] }])).toEqual([])
    expect(policy.checkAssignments([t1, { subject: 'u2', tenant: 't1', roles: ['checker'] }])).toEqual([])
  })

  it('an assignment without tenant counts in every tenant', () => {
    expect(policy.checkAssignments([{ subject: 'u1', roles: ['maker', { role: 'checker', tenant: 't1' }] }])).toEqual([
      sod('t1'),
    ])
  })

  it('overlapping windows conflict and touching ones do not', () => {
    const windows = (expiresAt: number) => [
      {
        subject: 'u1',
        tenant: 't1',
        roles: [
          { role: 'maker', expiresAt },
          { role: 'checker', notBefore: 100 },
        ],
      },
    ]
    expect(policy.checkAssignments(windows(100))).toEqual([])
    expect(policy.checkAssignments(windows(101))).toEqual([sod('t1')])
  })

  it('reaches through inheritance, and through the permits for a pair of permissions', () => {
    const compiled = compilePolicy({
      ...minimal,
      roles: { a: { permit: ['note:read'] }, b: { permit: ['*:write'] }, senior: { inherits: ['a'] } },
      constraints: [{ id: 'pair', kind: 'ssd', permissions: ['note:read', 'note:write'], atMost: 1 }],
    })
    expect(compiled.checkAssignments([{ subject: 'u', roles: ['senior', 'b'] }])).toMatchObject([
      { constraint: 'pair', members: ['note:read', 'note:write'], tenant: undefined },
    ])
  })

  it('counts distinct subjects for a cardinality, per tenant and only where they overlap', () => {
    const held = (subject: string, window: object = {}, tenant = 't1') => ({
      subject,
      tenant,
      roles: [{ role: 'auditor', ...window }],
    })
    expect(policy.checkAssignments([held('u2'), held('u1'), held('u1')])).toEqual([
      {
        constraint: 'one-auditor',
        kind: 'cardinality',
        subjects: ['u1', 'u2'],
        tenant: 't1',
        members: ['auditor'],
        atMost: 1,
      },
    ])
    expect(policy.checkAssignments([held('u1', { expiresAt: 5 }), held('u2', { notBefore: 5 })])).toEqual([])
    expect(policy.checkAssignments([held('u1'), held('u2', {}, 't2')])).toEqual([])
  })

  it('refuses a malformed entry by field', () => {
    try {
      policy.checkAssignments([
        { subject: 'u', roles: [] },
        { subject: '', roles: [] },
      ])
      expect.unreachable()
    } catch (error) {
      expect(isRbacError(error) && [error.code, error.message]).toEqual([
        'COFFER_RBAC_SUBJECT_INVALID',
        'subjects[1].subject is malformed',
      ])
    }
  })
})
