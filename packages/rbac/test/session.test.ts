import { inspect } from 'node:util'
import { compilePolicy, isRbacError, type PolicyDocument } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { minimal, payment, policy } from './fixtures.js'

const codeOf = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return isRbacError(error) ? error.code : error
  }
}
const document = (over: object): PolicyDocument => ({ ...minimal, ...over })
const reader = (over: object = {}) => ({ id: 'u1', roles: ['reader'], ...over })

describe('the form of a subject', () => {
  it.each([
    ['an empty id', { id: '' }],
    ['an id of 1,025 code units', { id: 'x'.repeat(1025) }],
    ['an id that is a number', { id: 7 }],
    ['an empty tenant', { tenant: '' }],
    ['roles that are no list', { roles: 'reader' }],
    ['1,025 roles', { roles: Array.from({ length: 1025 }, () => 'reader') }],
    ['a role that is a number', { roles: [7] }],
    ['an assignment without role', { roles: [{ tenant: 't1' }] }],
    ['an assignment that ends when it starts', { roles: [{ role: 'reader', notBefore: 5, expiresAt: 5 }] }],
    ['an expiry that is NaN', { roles: [{ role: 'reader', expiresAt: Number.NaN }] }],
    ['an expiry in half milliseconds', { roles: [{ role: 'reader', expiresAt: 0.5 }] }],
    ['assurance 4', { assurance: 4 }],
    ['assurance 1.5', { assurance: 1.5 }],
    ['attributes that are a text', { attributes: 'limit' }],
    ['no ceiling in the list', { ceilings: [] }],
    ['a ceiling that is a number', { ceilings: [1] }],
  ])('%s is refused', (_name, over) => {
    const plain = compilePolicy(minimal)
    expect(codeOf(() => plain.session(reader(over)))).toBe('COFFER_RBAC_SUBJECT_INVALID')
  })

  it.each([
    ['nothing', null],
    ['a text', 'u1'],
  ])('%s is no subject', (_name, subject) => {
    expect(codeOf(() => compilePolicy(minimal).session(subject as never))).toBe('COFFER_RBAC_SUBJECT_INVALID')
  })

  it('a refusal names the field and shows no value of the subject', () => {
    try {
      compilePolicy(minimal).session(reader({ roles: [{ role: 'canary-role', expiresAt: 'canary-value' }] }))
      expect.unreachable()
    } catch (error) {
      expect(inspect(error)).toContain('subject.roles[0].expiresAt')
      expect(inspect(error)).not.toContain('canary')
    }
  })

  it('an id and a tenant of 1,024 code units are accepted', () => {
    const long = 'x'.repeat(1024)
    expect(
      compilePolicy(minimal)
        .session(reader({ id: long, tenant: long }))
        .can('note:read'),
    ).toBe(true)
  })

  it('an unknown role grants nothing and is listed', () => {
    const session = compilePolicy(minimal).session(reader({ roles: ['ghost', 'constructor', '__proto__', 'reader'] }))
    expect(session.unknownRoles).toEqual(['__proto__', 'constructor', 'ghost'])
    expect(session.activeRoles).toEqual(['reader'])
  })
})

describe('broken separations of duty', () => {
  it('are listed by id, and the first decides', () => {
    const apart = (id: string, kind: 'ssd' | 'dsd') => ({ id, kind, roles: ['reader', 'writer'] as const, atMost: 1 })
    const compiled = compilePolicy(
      document({
        roles: { reader: { permit: ['note:read'] }, writer: { permit: ['note:write'] } },
        constraints: [apart('b', 'ssd'), apart('c', 'dsd'), apart('a', 'dsd')],
      }),
    )
    const session = compiled.session({ id: 'u', roles: ['reader', 'writer'] })
    expect(session.violations.map(({ constraint }) => constraint)).toEqual(['a', 'b', 'c'])
    expect(session.decide('note:read')).toMatchObject({ reason: 'separation-of-duty', ruleId: 'a' })
  })
})

describe('activation', () => {
  const compiled = compilePolicy(
    document({
      roles: {
        reader: { permit: ['note:read'] },
        writer: { inherits: ['reader'], permit: ['note:write'] },
        intern: {},
      },
      deny: [{ id: 'interns', permission: 'note:write', roles: ['intern'] }],
    }),
  )

  it('takes permits from the active roles only, which may be juniors of the assigned ones', () => {
    const session = compiled.session({ id: 'u', roles: ['writer'] }, { activeRoles: ['reader'] })
    expect([session.can('note:read'), session.can('note:write')]).toEqual([true, false])
    expect(session.decide('note:write').reason).toBe('no-permit')
  })

  it('does not let a subject escape a deny by leaving the role inactive', () => {
    const session = compiled.session({ id: 'u', roles: ['writer', 'intern'] }, { activeRoles: ['writer'] })
    expect(session.decide('note:write')).toMatchObject({ reason: 'denied', ruleId: 'interns' })
  })

  it('refuses a role that is not authorised', () => {
    expect(codeOf(() => compiled.session({ id: 'u', roles: ['reader'] }, { activeRoles: ['writer'] }))).toBe(
      'COFFER_RBAC_ROLE_NOT_ASSIGNED',
    )
  })
})

describe('tenants', () => {
  it('an assignment with a tenant counts in a session of that tenant only', () => {
    const held = { id: 'u', roles: [{ role: 'viewer', tenant: 't1' }] }
    expect(policy.session({ ...held, tenant: 't1' }).can('payment:read', payment)).toBe(true)
    expect(policy.session({ ...held, tenant: 't2' }).can('payment:read', { ...payment, tenantId: 't2' })).toBe(false)
    expect(policy.session(held).activeRoles).toEqual([])
  })

  it('a platform role crosses tenants with what it states itself, not with what it inherits', () => {
    const session = policy.session({ id: 'u', tenant: 't9', roles: ['operator'] })
    expect(session.can('payment:export', payment, {})).toBe(true)
    expect(session.can('payment:read', payment)).toBe(false)
  })

  describe('a platform role that another role inherits', () => {
    const note = { actions: ['read'], tenant: 'owner', attributes: { owner: 'id' } } as const
    const crossing = compilePolicy(
      document({
        resources: { note },
        roles: {
          auditor: { scope: 'platform', permit: ['note:read'] },
          senior: { inherits: ['auditor'] },
          chief: { scope: 'platform', inherits: ['auditor'] },
        },
      }),
    )
    const asks = (roles: readonly string[], activeRoles?: readonly string[]) => {
      const who = { id: 'u', tenant: 't1', roles }
      const session = crossing.session(who, { now: 0, ...(activeRoles && { activeRoles }) })
      return [session.can('note:read', { owner: 't1' }), session.can('note:read', { owner: 't2' })]
    }

    it.each(['senior', 'chief'])('gives %s its permits in the own tenant only', (role) => {
      expect(asks([role])).toEqual([true, false])
      const session = crossing.session({ id: 'u', tenant: 't1', roles: [role] }, { now: 0 })
      expect(session.where('note:read')).toMatchObject({ kind: 'if' })
      expect(session.explain('note:read', { owner: 't2' })).toMatchObject({
        whyNot: [[{ kind: 'assign', role: 'auditor' }]],
        complete: true,
      })
    })

    it('crosses tenants where the subject has it itself', () => {
      expect(asks(['auditor'])).toEqual([true, true])
      expect(asks(['senior', 'auditor'])).toEqual([true, true])
    })

    it('crosses no tenant by being activated without being assigned, nor while it is assigned and not active', () => {
      expect(asks(['senior'], ['auditor'])).toEqual([true, false])
      expect(asks(['senior', 'auditor'], ['senior'])).toEqual([true, false])
    })
  })

  it('a resource without a tenant is open to every session', () => {
    expect(policy.session({ id: 'u', tenant: 't9', roles: ['auditor'] }).can('report:read', { title: 'x' })).toBe(true)
  })
})

describe('ceilings', () => {
  const compiled = compilePolicy(
    document({ roles: { all: { permit: ['*'] } }, ceilings: { free: ['note:read'], full: ['*'] } }),
  )
  const session = (ceilings?: readonly string[]) =>
    compiled.session({ id: 'u', roles: ['all'], ...(ceilings && { ceilings }) })

  it('bound the session by their intersection', () => {
    expect(session(['full']).can('note:write')).toBe(true)
    expect(session(['full', 'free']).decide('note:write')).toMatchObject({ reason: 'outside-ceiling', ruleId: 'free' })
    expect(session(['full', 'free']).can('note:read')).toBe(true)
  })

  it('deny everything where none or an unknown one is named', () => {
    expect(session().decide('note:read')).toMatchObject({ reason: 'outside-ceiling', ruleId: null })
    expect(session(['full', 'toString']).decide('note:read')).toMatchObject({ reason: 'outside-ceiling', ruleId: null })
  })

  it('that are unknown are listed, sorted and once, and none where all are declared', () => {
    expect(session(['toString', 'full', 'ghost', 'ghost']).unknownCeilings).toEqual(['ghost', 'toString'])
    expect(session(['full']).unknownCeilings).toEqual([])
    expect(session().unknownCeilings).toEqual([])
    const open = compilePolicy(minimal).session({ id: 'u', roles: ['reader'], ceilings: ['ghost'] })
    expect([open.unknownCeilings, open.can('note:read')]).toEqual([['ghost'], true])
  })
})

describe('separation of duty', () => {
  it('a session that breaks SSD is denied everything and says by which roles', () => {
    const session = policy.session({ id: 'u', tenant: 't1', roles: ['maker', 'checker'] })
    expect(session.violations).toEqual([
      { constraint: 'sod', kind: 'ssd', subjects: ['u'], tenant: 't1', members: ['checker', 'maker'], atMost: 1 },
    ])
    expect(session.decide('payment:read', payment)).toMatchObject({ reason: 'separation-of-duty', ruleId: 'sod' })
    expect(session.can('payment:read', payment)).toBe(false)
  })

  it('under DSD the subject chooses with activeRoles', () => {
    const compiled = compilePolicy(
      document({
        roles: { a: { permit: ['note:read'] }, b: { permit: ['note:write'] } },
        constraints: [{ id: 'dsd', kind: 'dsd', permissions: ['note:read', 'note:write'], atMost: 1 }],
      }),
    )
    expect(compiled.session({ id: 'u', roles: ['a', 'b'] }).can('note:read')).toBe(false)
    expect(compiled.session({ id: 'u', roles: ['a', 'b'] }, { activeRoles: ['a'] }).can('note:read')).toBe(true)
  })
})

describe('time', () => {
  const clock = { time: 0, now: () => clock.time }
  const compiled = compilePolicy(minimal, { clock })
  const at = (time: number, roles: readonly unknown[]) => {
    clock.time = time
    return compiled.session({ id: 'u', roles: roles as string[] })
  }

  it('an assignment is valid from notBefore on and gone at exactly expiresAt', () => {
    const roles = [{ role: 'reader', notBefore: 100, expiresAt: 200 }]
    const answers = [99, 100, 199, 200].map((time) => at(time, roles).can('note:read'))
    expect(answers).toEqual([false, true, true, false])
    expect([99, 100, 200].map((time) => at(time, roles).validUntil)).toEqual([100, 200, null])
  })

  it('a session denies from its boundary on, and when the clock breaks', () => {
    const session = at(100, [{ role: 'reader', expiresAt: 200 }])
    clock.time = 199
    expect(session.can('note:read')).toBe(true)
    clock.time = 200
    expect(session.can('note:read')).toBe(false)
    expect(session.decide('note:read')).toMatchObject({ reason: 'session-expired', validUntil: null })
    clock.time = Number.NaN
    expect(session.can('note:read')).toBe(false)
  })

  it('a pinned session does not read the clock again', () => {
    const session = compiled.session({ id: 'u', roles: [{ role: 'reader', expiresAt: 200 }] }, { now: 199 })
    clock.time = 10_000
    expect(session.can('note:read')).toBe(true)
    expect(session.validUntil).toBe(200)
  })

  it('a clock that yields NaN starts no session', () => {
    clock.time = Number.NaN
    expect(() => compiled.session({ id: 'u', roles: [] })).toThrow(TypeError)
    expect(() => compiled.session({ id: 'u', roles: [] }, { now: 0.5 })).toThrow(TypeError)
  })

  it('a decision holds until a row that a rule compares with now changes it', () => {
    const timed = compilePolicy(
      document({
        resources: { note: { actions: ['read'], attributes: { opensAt: 'timestamp?' } } },
        roles: {
          reader: {
            permit: [{ id: 'r', permission: 'note:read', when: { 'resource.opensAt': { lte: '$context.now' } } }],
          },
        },
      }),
    )
    const decide = (now: number, opensAt?: number | Date) =>
      timed.session(reader(), { now }).decide('note:read', { opensAt })
    expect(decide(4, 5)).toMatchObject({ decision: 'deny', validUntil: 5 })
    expect(decide(5, new Date(5))).toMatchObject({ decision: 'permit' })
    expect(decide(6, 5)).toMatchObject({ decision: 'permit', validUntil: null })
    expect(decide(6)).toMatchObject({ reason: 'permit-unknown', ruleId: 'r', validUntil: null })
  })
})

describe('permissions and handles', () => {
  it('an unknown permission denies and does not throw', () => {
    const session = compilePolicy(minimal).session(reader())
    expect(session.decide('note:burn')).toMatchObject({ decision: 'deny', reason: 'unknown-permission', ruleId: null })
  })

  it('an explanation names the permission of a handle, and none for what is neither', () => {
    const compiled = compilePolicy(minimal)
    const session = compiled.session(reader())
    const handle = compiled.permission('note:read')
    expect(session.explain(handle as never)).toEqual(session.explain('note:read'))
    expect(session.explain(7 as never)).toMatchObject({ permission: '', reason: 'unknown-permission' })
  })

  it('an id that is no text, having half a surrogate pair, is of no use to a condition', () => {
    const own = { id: 'own', permission: 'note:read', when: { 'resource.owner': { eq: '$subject.id' } } }
    const compiled = compilePolicy(document({ roles: { reader: { permit: [own] } } }))
    const decide = (id: string) => compiled.session(reader({ id })).decide('note:read', { owner: id })
    expect(decide('u\u{1F600}').reason).toBe('permitted')
    expect(decide('u\uD83D').reason).toBe('permit-unknown')
  })

  it('a handle answers like its name, and one of another policy is looked up again by name', () => {
    const first = compilePolicy(minimal)
    const other = compilePolicy(document({ resources: { memo: { actions: ['read'] }, ...minimal.resources } }))
    const session = first.session(reader())
    expect(session.can(first.permission('note:read'))).toBe(true)
    expect(session.can(other.permission('note:read'))).toBe(true)
    expect(session.can(other.permission('memo:read'))).toBe(false)
    expect(() => first.permission('memo:read')).toThrow(RangeError)
  })

  it('lists permissions and roles in code unit order, and what it returns is frozen', () => {
    expect(policy.permissions).toEqual([
      'payment:approve',
      'payment:create',
      'payment:export',
      'payment:read',
      'report:read',
    ])
    expect(policy.roles).toEqual(['auditor', 'branch', 'checker', 'maker', 'operator', 'viewer'])
    const session = policy.session({ id: 'u', roles: ['viewer'] })
    for (const value of [policy, policy.permissions, session.activeRoles, session.decide('payment:read', payment)])
      expect(Object.isFrozen(value)).toBe(true)
    expect(() => Object.assign(session, { can: () => true })).toThrow(TypeError)
    expect(() => Object.assign(session, { tenant: 't9' })).toThrow(TypeError)
  })
})
