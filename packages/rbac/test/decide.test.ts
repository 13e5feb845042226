import { compilePolicy, definePolicy } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'

const document = definePolicy({
  policy: 'payments',
  version: '1',
  subject: { limit: 'int?' },
  resources: {
    payment: {
      tenant: 'tenantId',
      actions: ['create', 'read', 'approve'],
      attributes: { tenantId: 'id', createdBy: 'id', amount: 'int', iban: { type: 'string?', mask: 'last4' } },
    },
  },
  roles: {
    viewer: { permit: ['payment:read'] },
    maker: { inherits: ['viewer'], permit: ['payment:create'] },
    checker: {
      inherits: ['viewer'],
      permit: [
        {
          id: 'four-eyes',
          permission: 'payment:approve',
          when: {
            all: [{ 'resource.createdBy': { ne: '$subject.id' } }, { 'resource.amount': { lte: '$subject.limit' } }],
          },
        },
      ],
    },
  },
  deny: [{ id: 'step-up', permission: 'payment:approve', when: { 'subject.assurance': { lt: 2 } } }],
})
const policy = compilePolicy(document)
const payment = { tenantId: 't1', createdBy: 'maker-1', amount: 50_000, iban: 'DE00123456781234' }
const checker = (over: object = {}) =>
  policy.session(
    { id: 'checker-1', tenant: 't1', roles: ['checker'], assurance: 2, attributes: { limit: 50_000 }, ...over },
    { now: 0 },
  )

describe('decide', () => {
  it('permits the checker a payment that somebody else made, up to the limit', () => {
    expect(checker().decide('payment:approve', payment)).toEqual({
      decision: 'permit',
      reason: 'permitted',
      ruleId: 'four-eyes',
      policyHash: policy.hash,
      validUntil: null,
    })
    expect(checker().can('payment:approve', payment)).toBe(true)
  })

  it('refuses the checker a payment one unit over the limit', () => {
    expect(checker().decide('payment:approve', { ...payment, amount: 50_001 })).toMatchObject({
      decision: 'deny',
      reason: 'permit-not-met',
    })
  })

  it('refuses the maker of the payment its approval', () => {
    expect(checker({ id: 'maker-1' }).can('payment:approve', payment)).toBe(false)
  })

  it('denies when the assurance level that a deny reads is missing', () => {
    const session = policy.session(
      { id: 'c', tenant: 't1', roles: ['checker'], attributes: { limit: 50_000 } },
      { now: 0 },
    )
    expect(session.decide('payment:approve', payment)).toMatchObject({
      decision: 'deny',
      reason: 'deny-unknown',
      ruleId: 'step-up',
    })
  })

  it('denies by the rule that asks for step-up', () => {
    expect(checker({ assurance: 1 }).decide('payment:approve', payment)).toMatchObject({
      reason: 'denied',
      ruleId: 'step-up',
    })
  })

  it('never permits another tenant a row, and permits an inherited permission on its own', () => {
    expect(checker().can('payment:read', payment)).toBe(true)
    expect(checker({ tenant: 't2' }).can('payment:read', payment)).toBe(false)
    expect(checker({ tenant: undefined }).can('payment:read', payment)).toBe(false)
  })
})
