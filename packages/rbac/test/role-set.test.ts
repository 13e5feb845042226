import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'

const ACTIONS: [string, ...string[]] = ['act0', ...Array.from({ length: 39 }, (_, index) => `act${index + 1}`)]
const LAST = 'note:act39'
const document = (over: object): PolicyDocument => ({
  policy: 'rows',
  version: '1',
  resources: {
    file: { actions: ['read', 'act0'], tenant: 'org', attributes: { org: 'id', size: 'int' } },
    note: { actions: ACTIONS, attributes: { org: 'id', size: 'int', at: 'timestamp?' } },
  },
  roles: {},
  ...over,
})
const small = { 'resource.size': { lt: 5 } }
const SMALL = { org: 't1', size: 4 }
const LARGE = { org: 't1', size: 5 }
const FOREIGN = { org: 't2', size: 4 }

/** What a check says of a row, held against the decision that says why. */
function ask(over: object, subject: object, permission: string, row: object): string {
  const session = compilePolicy(document(over)).session({ id: 'u', tenant: 't1', roles: [], ...subject } as never)
  const { decision, reason, ruleId } = session.decide(permission as never, row as never)
  expect(session.can(permission as never, row as never)).toBe(decision === 'permit')
  return ruleId === null ? reason : `${reason} ${ruleId}`
}

describe('the row of a role set', () => {
  const roles = {
    all: { permit: ['*'] },
    some: { permit: [{ id: 'some', permission: '*', when: small }] },
    free: { scope: 'platform', permit: ['*'] },
    last: { permit: [LAST] },
  }

  it('has the verdict of the last permission as of the first, and of none that is not permitted', () => {
    const says = (permission: string) => ask({ roles }, { roles: ['last'] }, permission, SMALL)
    expect([says(LAST), says('note:act38'), says('note:act0'), says('file:read')]).toEqual([
      `permitted last/${LAST}`,
      'no-permit',
      'no-permit',
      'no-permit',
    ])
  })

  it('takes the same wildcard from several roles for what each of them says', () => {
    const says = (held: readonly string[], permission: string, row: object) =>
      ask({ roles }, { roles: held }, permission, row)
    for (const held of [
      ['all', 'some'],
      ['some', 'all'],
    ])
      expect([
        says(held, LAST, LARGE),
        says(held, 'file:read', LARGE),
        says(held, 'file:read', { ...FOREIGN, size: 5 }),
      ]).toEqual(['permitted all/*', 'permitted all/*', 'permit-not-met all/*'])
    expect([says(['some'], LAST, SMALL), says(['some'], LAST, LARGE)]).toEqual([
      'permitted some',
      'permit-not-met some',
    ])
    expect([says(['all'], 'file:read', SMALL), says(['all'], 'file:read', FOREIGN)]).toEqual([
      'permitted all/*',
      'permit-not-met all/*',
    ])
    expect([says(['all', 'free'], 'file:read', FOREIGN), says(['free'], LAST, FOREIGN)]).toEqual([
      'permitted free/*',
      'permitted free/*',
    ])
    expect([says(['some', 'free'], 'file:read', LARGE), says(['all'], LAST, FOREIGN)]).toEqual([
      'permitted free/*',
      'permitted all/*',
    ])
  })

  it('keeps apart what many wildcards say, with a condition and without', () => {
    const wide = ['*', 'file:*', '*:act0', 'note:*', '*:read']
    const mixed = {
      plain: { scope: 'platform', permit: ['note:*'] },
      bound: { permit: wide.map((permission, index) => ({ id: `c${index}`, permission, when: small })) },
      free: { permit: wide },
    }
    const says = (held: readonly string[], permission: string, row: object) =>
      ask({ roles: mixed }, { roles: held }, permission, row)
    expect(says(['bound', 'plain'], LAST, LARGE)).toBe('permitted plain/note:*')
    expect([says(['bound'], LAST, LARGE), says(['bound'], LAST, SMALL)]).toEqual(['permit-not-met c0', 'permitted c0'])
    for (const permission of ['note:act0', LAST, 'file:read', 'file:act0'])
      expect(says(['bound', 'free'], permission, LARGE)).toMatch(/^permitted free\//)
  })

  it('takes no wildcard for another that was stated four patterns before', () => {
    const apart = {
      a: { permit: [{ id: 'a', permission: 'note:*', when: small }] },
      idle: { permit: ['*', 'file:*', '*:read'] },
      z: { permit: ['*:act0'] },
    }
    expect(ask({ roles: apart }, { roles: ['a', 'z'] }, 'file:act0', LARGE)).toBe('permitted z/*:act0')
  })

  it('names denies of fields by id', () => {
    const deny = ['c', 'a', 'b'].map((id) => ({ id, permission: LAST, fields: ['size'] }))
    const session = compilePolicy(document({ roles, deny })).session({ id: 'u', roles: ['last'] })
    expect(session.explain(LAST as never, SMALL as never).rules.map(({ id }) => id)).toEqual([
      `last/${LAST}`,
      'a',
      'b',
      'c',
    ])
  })

  it('is evaluated where a conditional deny stands over a permit, denied where an unconditional one does', () => {
    const deny = (...rules: object[]) => ({ roles, deny: rules })
    const big = { id: 'big', permission: 'note:*', when: { 'resource.size': { gte: 5 } } }
    const never = { id: 'never', permission: [LAST] }
    const says = (over: object, row: object, permission = LAST) => ask(over, { roles: ['all'] }, permission, row)
    expect([says(deny(big), SMALL), says(deny(big), LARGE), says(deny(big), {})]).toEqual([
      'permitted all/*',
      'denied big',
      'deny-unknown big',
    ])
    expect([says(deny(big, never), SMALL), says(deny(never, big), LARGE)]).toEqual(['denied never', 'denied big'])
    expect(says(deny(big, never), SMALL, 'note:act0')).toBe('permitted all/*')
    // A deny makes nothing of what no role permits.
    expect(ask(deny(big), { roles: ['last'] }, 'note:act0', SMALL)).toBe('no-permit')
    const fields = { id: 'fields', permission: '*', fields: ['size'] }
    expect([says(deny(fields), SMALL), says(deny({ ...fields, when: small }), SMALL)]).toEqual([
      'permitted all/*',
      'permitted all/*',
    ])
  })

  it('is bound by a deny on any one of several roles', () => {
    const deny = [{ id: 'either', permission: '*', roles: ['last', 'some'] }]
    expect(ask({ roles, deny }, { roles: ['all', 'last'] }, LAST, SMALL)).toBe('denied either')
    expect(ask({ roles, deny }, { roles: ['all'] }, LAST, SMALL)).toBe('permitted all/*')
  })

  it('has the least id of several that decide alike', () => {
    const twice = (id: string) => ({ id, permission: LAST, when: small })
    const over = (permit: readonly object[], deny: readonly object[]) => ({ roles: { r: { permit } }, deny })
    const [a, b, c] = ['a', 'b', 'c'].map(twice)
    const [x, y, z] = ['x', 'y', 'z'].map(twice)
    for (const order of [
      [a, b, c],
      [b, c, a],
      [c, b, a],
    ] as const) {
      expect(ask(over(order as never, []), { roles: ['r'] }, LAST, SMALL)).toBe('permitted a')
      expect(ask(over(order as never, []), { roles: ['r'] }, LAST, LARGE)).toBe('permit-not-met a')
    }
    for (const order of [
      [x, y, z],
      [y, z, x],
      [z, y, x],
    ] as const)
      expect(ask(over([a] as never, order as never), { roles: ['r'] }, LAST, SMALL)).toBe('denied x')
  })
})

describe('ceilings', () => {
  const ceilings = { notes: ['note:*'], reads: ['*:act0', 'file:read'], all: ['*'] }
  const over = { roles: { r: { permit: ['*'] } }, ceilings }
  const says = (named: readonly string[] | undefined, permission: string) =>
    ask(over, { roles: ['r'], ...(named && { ceilings: named }) }, permission, SMALL)

  it('leave what all of them name, and of those that leave it out the least decides', () => {
    expect([says(['notes'], LAST), says(['notes'], 'file:read'), says(['all'], 'file:read')]).toEqual([
      'permitted r/*',
      'outside-ceiling notes',
      'permitted r/*',
    ])
    expect([says(['reads', 'notes'], 'note:act0'), says(['reads', 'notes'], LAST)]).toEqual([
      'permitted r/*',
      'outside-ceiling reads',
    ])
    const two = { ...over, ceilings: { z: ['note:*'], m: ['note:*'], a: ['*'] } }
    for (const named of [
      ['z', 'm', 'a'],
      ['a', 'm', 'z'],
    ])
      expect(ask(two, { roles: ['r'], ceilings: named }, 'file:read', SMALL)).toBe('outside-ceiling m')
  })

  it('deny everything where none or an unknown one is named', () => {
    expect([says(undefined, LAST), says(['ghost'], LAST), says(['all', 'ghost'], LAST)]).toEqual([
      'outside-ceiling',
      'outside-ceiling',
      'outside-ceiling',
    ])
    expect(says(['notes', 'ghost'], 'file:read')).toBe('outside-ceiling notes')
  })
})

describe('the time until which a session holds', () => {
  it('is the instant in a deny or a permit that it knows, not one that stands in a row', () => {
    const until = (when: object, deny: readonly object[] = []) =>
      compilePolicy(document({ roles: { r: { permit: [{ id: 'p', permission: LAST, when }] } }, deny })).session(
        { id: 'u', roles: ['r'] },
        { now: 0 },
      ).validUntil
    expect(until({ 'context.now': { lt: 9 } })).toBe(9)
    expect(until(small, [{ id: 'd', permission: LAST, when: { 'context.now': { gte: 7 } } }])).toBe(7)
    expect(until({ 'context.now': { lt: '$resource.at' } })).toBe(null)
    expect(until({ any: [{ 'resource.at': { gt: '$context.now' } }, { 'context.now': { lt: 9 } }] })).toBe(9)
  })
})

describe('a permit in a tenant', () => {
  const over = { roles: { r: { permit: [{ id: 'p', permission: 'file:read', when: small }] } } }

  it.each<[string, object, object, string]>([
    ['true and true', { org: 't1' }, { size: 4 }, 'permitted p'],
    ['true and false', { org: 't1' }, { size: 5 }, 'permit-not-met p'],
    ['true and unknown', { org: 't1' }, {}, 'permit-unknown p'],
    ['false and true', { org: 't2' }, { size: 4 }, 'permit-not-met p'],
    ['false and false', { org: 't2' }, { size: 5 }, 'permit-not-met p'],
    ['false and unknown', { org: 't2' }, {}, 'permit-not-met p'],
    ['unknown and true', {}, { size: 4 }, 'permit-unknown p'],
    ['unknown and false', {}, { size: 5 }, 'permit-not-met p'],
    ['unknown and unknown', {}, {}, 'permit-unknown p'],
  ])('of tenancy and condition that are %s is the lesser of the two', (_name, org, size, expected) => {
    expect(ask(over, { roles: ['r'] }, 'file:read', { ...org, ...size })).toBe(expected)
  })
})
