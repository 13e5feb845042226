import { compilePolicy, type Mask } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { minimal, payment, policy } from './fixtures.js'

const viewer = policy.session({ id: 'v', tenant: 't1', roles: ['viewer'] })
const auditor = policy.session({ id: 'a', tenant: 't1', roles: ['auditor'] })

describe('fields', () => {
  it('a permit that names none gives all, those with a mask masked, less what a deny takes', () => {
    expect(viewer.fields('payment:read', payment)).toEqual({
      clear: ['amount', 'createdBy', 'dueAt', 'note', 'status', 'tenantId'],
      masked: ['email', 'iban', 'pan'],
    })
  })

  it('a masked attribute is clear only where it is named', () => {
    const fields = auditor.fields('payment:read', payment)
    expect(fields.clear).toContain('iban')
    expect(fields.masked).toEqual(['pan'])
  })

  it('two permits together show each field as clearly as the clearer of them', () => {
    const both = policy.session({ id: 'b', tenant: 't1', roles: ['viewer', 'auditor'] })
    expect(both.fields('payment:read', payment).masked).toEqual(['email', 'pan'])
    expect(both.fields('payment:read', payment).clear).toContain('iban')
  })

  it('a denied row has no field and no mask', () => {
    const foreign = { ...payment, tenantId: 't2' }
    expect(viewer.fields('payment:read', foreign)).toEqual({ clear: [], masked: [] })
    expect(viewer.mask('payment:read', foreign)).toBeUndefined()
  })

  it('an unknown deny of fields removes them and permits the rest', () => {
    const compiled = compilePolicy({
      ...minimal,
      deny: [{ id: 'd', permission: 'note:read', fields: ['owner'], when: { 'subject.assurance': { lt: 2 } } }],
    })
    const fields = (assurance?: number) =>
      compiled
        .session({ id: 'u', roles: ['reader'], ...(assurance !== undefined && { assurance }) })
        .fields('note:read')
    expect(fields().clear).toEqual(['size', 'tag'])
    expect(fields(1).clear).toEqual(['size', 'tag'])
    expect(fields(2).clear).toEqual(['owner', 'size', 'tag'])
  })
})

describe('mask', () => {
  it('returns declared and visible attributes only, masks applied, null kept', () => {
    const row = { ...payment, note: null, secret: 'undeclared' }
    expect(viewer.mask('payment:read', row)).toEqual({
      tenantId: 't1',
      createdBy: 'maker-1',
      amount: 50_000,
      status: 'sent',
      note: null,
      iban: '****1234',
      pan: '411111******1111',
      email: 'a***@example.com',
    })
  })

  it('does not change the row', () => {
    const row = Object.freeze({ ...payment })
    expect(viewer.mask('payment:read', row)).not.toBe(row)
    expect(row).toEqual(payment)
  })

  const masked = (mask: Mask, value: unknown): unknown => {
    const compiled = compilePolicy({
      ...minimal,
      resources: { note: { actions: ['read'], attributes: { text: { type: 'string?', mask } } } },
    })
    return compiled.session({ id: 'u', roles: ['reader'] }).mask('note:read', { text: value as string })?.['text']
  }

  it.each<[Mask, unknown, string | null]>([
    ['redact', 'secret', null],
    ['last4', '12345678', '****'],
    ['last4', '123456789', '****6789'],
    ['last4', '', '****'],
    ['last4', 'ABCDE😀😁😂🤣', '****😀😁😂🤣'],
    ['last4', 123456789, null],
    ['last4', null, null],
    ['bin6last4', '123456789012', '****'],
    ['bin6last4', '1234567890123', '123456******0123'],
    ['bin6last4', '4111111111111111', '411111******1111'],
    ['email', 'ada@example.com', 'a***@example.com'],
    ['email', 'a@b', 'a***@b'],
    ['email', '😀x@b.c', '😀***@b.c'],
    ['email', '@example.com', '****'],
    ['email', 'ada@', '****'],
    ['email', 'no mail', '****'],
    ['email', '"a@b"@c.d', '"***@c.d'],
  ])('%s of %j is %j', (mask, value, expected) => {
    expect(masked(mask, value)).toBe(expected)
  })

  it('leaves out an attribute that is absent', () => {
    expect(masked('last4', undefined)).toBeUndefined()
  })
})
