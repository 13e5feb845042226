import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { payment, policy } from './fixtures.js'

const session = (over: object = {}) =>
  policy.session(
    { id: 'checker-1', tenant: 't1', roles: ['checker'], assurance: 1, attributes: { limit: 50_000 }, ...over },
    { now: 0 },
  )

describe('explain', () => {
  it('carries the decision and every applying rule with the verdict of each comparison', () => {
    const explanation = session().explain('payment:approve', payment)
    expect(explanation).toMatchObject({
      ...session().decide('payment:approve', payment),
      permission: 'payment:approve',
    })
    expect(explanation.roles).toEqual([{ role: 'checker', via: ['checker'] }])
    expect(explanation.rules).toEqual([
      {
        id: 'four-eyes',
        effect: 'permit',
        role: 'checker',
        pointer: '/roles/checker/permit/0',
        verdict: 'true',
        atoms: [
          {
            pointer: '/resources/payment/tenant',
            path: 'resource.tenantId',
            op: 'eq',
            operand: '$subject.tenant',
            verdict: 'true',
          },
          {
            pointer: '/roles/checker/permit/0/when/all/0/resource.createdBy',
            path: 'resource.createdBy',
            op: 'ne',
            operand: '$subject.id',
            verdict: 'true',
          },
          {
            pointer: '/roles/checker/permit/0/when/all/1/resource.amount',
            path: 'resource.amount',
            op: 'lte',
            operand: '$subject.limit',
            verdict: 'true',
          },
        ],
      },
      {
        id: 'step-up',
        effect: 'deny',
        role: null,
        pointer: '/deny/0',
        verdict: 'true',
        atoms: [
          {
            pointer: '/deny/0/when/subject.assurance',
            path: 'subject.assurance',
            op: 'lt',
            operand: 2,
            verdict: 'true',
          },
        ],
      },
    ])
  })

  it('says whether a value was missing or of the wrong type', () => {
    const missing = session({ attributes: {}, assurance: 2 }).explain('payment:approve', payment).rules[0]?.atoms[2]
    expect(missing).toMatchObject({ verdict: 'unknown', unknown: 'missing' })
    const wrong = { ...payment, amount: '50000' } as unknown as typeof payment
    expect(session().explain('payment:approve', wrong).rules[0]?.atoms[2]).toMatchObject({
      verdict: 'unknown',
      unknown: 'type',
    })
  })

  it('shows the path of inheritance to the role that states the permit', () => {
    expect(session().explain('payment:read', payment).roles).toEqual([{ role: 'viewer', via: ['checker', 'viewer'] }])
  })

  it('never shows the value of an attribute', () => {
    const row = { ...payment, createdBy: 'canary-creator', note: 'canary-note' }
    const text = inspect(session({ id: 'canary-subject' }).explain('payment:approve', row), { depth: null })
    expect(text).not.toContain('canary')
    expect(text).not.toContain('50000')
  })
})
