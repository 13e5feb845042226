import { compilePolicy, isRbacError, type PolicyDocument } from '@coffer/rbac'
import { applyChanges } from '@coffer/rbac/testing'
import { describe, expect, it } from 'vitest'
import { minimal } from './fixtures.js'
import { Random } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const ROUNDS = process.env['COFFER_DEEP'] === '1' ? 20_000 : 1_000
const codeOf = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return isRbacError(error) ? error.code : error
  }
}

const duties: PolicyDocument = {
  ...minimal,
  roles: {
    a: { permit: ['note:read'] },
    b: { inherits: ['a'], permit: [{ id: 'own', permission: 'note:write', when: { 'subject.id': { eq: 'u' } } }] },
    c: { permit: ['note:write'] },
  },
  ceilings: { full: ['*'], free: ['note:read'] },
  deny: [{ id: 'z', permission: 'note:write', roles: ['a'], when: { 'subject.tenant': { eq: 't' } } }],
  constraints: [{ id: 'dsd', kind: 'dsd', roles: ['b', 'c'], atMost: 1 }],
}

describe('the cache of role sets', () => {
  it(`gives a warm policy the answers of a cold one, whatever roles are called (seed ${SEED})`, () => {
    const warm = compilePolicy(duties)
    const random = new Random(SEED)
    const words = ['a', 'b', 'c', '>', '^', '?', 'full', 'free', 'ghost', 'active roles', 'Symbol(ceilings)'] as const
    const held = [
      { role: 'a', tenant: 't' },
      { role: 'c', expiresAt: 5 },
      { role: 'b', notBefore: 5 },
    ] as const
    let permits = 0
    for (let round = 0; round < ROUNDS; round++) {
      const subject = {
        id: random.pick(['u', 'v']),
        roles: Array.from({ length: random.below(5) }, () => random.pick([...words, ...held])),
        ...(random.chance(0.7) && { ceilings: random.pick([['full'], ['free'], ['full', 'free'], ['none'], ['?']]) }),
        ...(random.chance(0.5) && { tenant: 't' }),
      }
      const activeRoles = random.chance(0.3) ? random.pick([['a'], ['b'], ['c'], []]) : undefined
      const options = { now: random.below(10), ...(activeRoles && { activeRoles }) }
      const ask = (compiled: typeof warm): unknown =>
        codeOf(() => {
          const session = compiled.session(subject, options)
          const answers = (['note:read', 'note:write'] as const).map((name) => session.decide(name))
          permits += answers.filter(({ decision }) => decision === 'permit').length
          return [answers, session.unknownRoles, session.activeRoles, session.violations, session.validUntil]
        })
      expect([SEED, round, ask(warm)]).toEqual([SEED, round, ask(compilePolicy(duties))])
    }
    expect(permits).toBeGreaterThan(ROUNDS / 10)
  })

  it('lets no role of the name of a step past a ceiling or a dynamic separation of duty', () => {
    const warm = compilePolicy(duties)
    warm.session({ id: 'v', roles: ['c'], ceilings: ['full'] })
    warm.session({ id: 'v', roles: ['b', 'c'], ceilings: ['full'] }, { activeRoles: ['c'] })
    expect(warm.session({ id: 'v', roles: ['c', '^', 'full'] }).decide('note:write').reason).toBe('outside-ceiling')
    expect(warm.session({ id: 'v', roles: ['b', 'c', '>', 'c', '^', 'full'] }).decide('note:write').reason).toBe(
      'separation-of-duty',
    )
  })

  it('keeps no set of roles at the place of others, though a getter or a proxy answers differently each time', () => {
    const two: PolicyDocument = { ...minimal, roles: { reader: { permit: ['note:read'] }, admin: { permit: ['*'] } } }
    for (const honestReads of [1, 2, 3, 4]) {
      let reads = 0
      const role = (): string => (reads++ < honestReads ? 'reader' : 'admin')
      const liars = [
        {
          id: 'x',
          get roles() {
            return [role()]
          },
        },
        { id: 'x', roles: Object.defineProperty(['reader'], 0, { get: role }) },
        {
          id: 'x',
          roles: [
            {
              get role() {
                return role()
              },
            },
          ],
        },
      ]
      for (const liar of liars) {
        reads = 0
        const compiled = compilePolicy(two)
        compiled.session(liar)
        const honest = compiled.session({ id: 'honest', roles: ['reader'] })
        expect([honest.can('note:read'), honest.can('note:write')]).toEqual([true, false])
      }
    }
  })

  it('reads the length of a list once: one that grows while it is read comes to an end', () => {
    let lengths = 0
    const growing = (entry: string): string[] =>
      new Proxy([entry], {
        get: (target, key, receiver): unknown => {
          if (key !== 'length') return Reflect.get(target, /^\d+$/.test(String(key)) ? '0' : key, receiver)
          if (++lengths > 2_000) throw new Error('read without end')
          return (lengths % 500) + 1
        },
      })
    const listed = compilePolicy({
      ...minimal,
      subject: { ids: 'id[]?' },
      roles: {
        reader: { permit: [{ id: 'r', permission: 'note:read', when: { 'resource.owner': { in: '$subject.ids' } } }] },
      },
    })
    const who = { id: 'u', roles: growing('reader'), attributes: { ids: growing('u1') } }
    const session = listed.session(who, { activeRoles: growing('reader') })
    expect(session.can('note:read', { owner: 'u1', size: 1, tag: 'a' })).toBe(true)
    expect(lengths).toBeLessThan(10)
  })
})

describe('a subject that cannot be read', () => {
  const present = (expected: boolean): PolicyDocument => ({
    ...minimal,
    subject: { mfa: 'string?' },
    roles: {
      reader: { permit: [{ id: 'r', permission: 'note:read', when: { 'subject.mfa': { exists: expected } } }] },
    },
  })
  const throwing = {
    get mfa(): string {
      throw new Error('canary')
    },
  }

  it.each([true, false])('has an attribute that throws neither present nor absent (exists: %s)', (expected) => {
    const session = compilePolicy(present(expected)).session({ id: 'u', roles: ['reader'], attributes: throwing })
    expect(session.can('note:read')).toBe(false)
    expect(session.decide('note:read').reason).toBe('permit-unknown')
    expect(session.where('note:read')).toEqual({ kind: 'none', reason: 'permit-unknown' })
    expect(session.explain('note:read')).toMatchObject({ whyNot: [], complete: false })
  })

  it('is ill-typed, and so present, where the attribute is of another type', () => {
    const ask = (expected: boolean) =>
      compilePolicy(present(expected)).session({ id: 'u', roles: ['reader'], attributes: { mfa: 7 } } as never)
    expect([ask(true).can('note:read'), ask(false).can('note:read')]).toEqual([true, false])
  })

  it.each(['id', 'tenant', 'roles', 'assurance', 'attributes', 'ceilings'])(
    'is refused where %s is inherited or throws, and shows nothing of the fault',
    (name) => {
      const given: Record<string, unknown> = {
        id: 'u',
        tenant: 't1',
        roles: ['reader'],
        assurance: 1,
        attributes: {},
        ceilings: ['full'],
      }
      const { [name]: value, ...own } = given
      const fault = (): never => {
        throw new Error('canary')
      }
      const inherited = Object.assign(Object.create({ [name]: value }) as object, own)
      const broken = Object.defineProperty({ ...own }, name, { get: fault, enumerable: true })
      for (const who of [inherited, broken])
        try {
          compilePolicy(duties).session(who as never)
          expect.unreachable()
        } catch (error) {
          expect(error).toMatchObject({
            code: 'COFFER_RBAC_SUBJECT_INVALID',
            message: `subject.${name} is malformed`,
          })
          expect((error as Error).cause).toBeUndefined()
        }
    },
  )

  it('has no instant nor active roles from what the options of its session inherit', () => {
    const compiled = compilePolicy(minimal)
    const ended = { id: 'u', roles: [{ role: 'reader', expiresAt: 5 }] }
    const inherited = (name: string, value: unknown) => Object.create({ [name]: value }) as object
    for (const options of [inherited('now', 4), inherited('activeRoles', [])])
      expect(codeOf(() => compiled.session(ended, options))).toBe('COFFER_RBAC_SUBJECT_INVALID')
    Object.defineProperty(Object.prototype, 'now', { value: 4, configurable: true })
    try {
      expect(compiled.session(ended, {}).can('note:read')).toBe(false)
    } finally {
      delete (Object.prototype as { now?: number }).now
    }
  })

  it('is taken without prototype or below an unrelated one, and refused with a tenant above it', () => {
    const compiled = compilePolicy(minimal)
    const own = { id: 'u', roles: ['reader'] }
    const bare = Object.assign(Object.create(null) as object, own)
    const parsed = JSON.parse('{"__proto__":{"tenant":"t1"},"id":"u","roles":["reader"]}')
    const decorated = Object.assign(Object.create({ note: 'no name of a subject' }) as object, own)
    for (const who of [bare, parsed, decorated, new Proxy(own, {})])
      expect([compiled.session(who as never).tenant, compiled.session(who as never).can('note:read')]).toEqual([
        undefined,
        true,
      ])
    const above = Object.setPrototypeOf({ ...own }, { tenant: 't1' })
    const proxied = new Proxy(Object.create({ tenant: 't1' }, Object.getOwnPropertyDescriptors(own)) as object, {})
    for (const who of [above, proxied])
      expect(codeOf(() => compiled.session(who as never))).toBe('COFFER_RBAC_SUBJECT_INVALID')
  })

  it('does not escape a deny that a role of its tenant brings by having the tenant from its class', () => {
    class User {
      readonly id = 'u'
      readonly roles = ['reader', { role: 'suspended', tenant: 't1' }]
      get tenant(): string {
        return 't1'
      }
    }
    const compiled = compilePolicy({
      ...minimal,
      roles: { reader: { permit: ['note:read'] }, suspended: {} },
      deny: [{ id: 's', permission: '*', roles: ['suspended'] }],
    })
    const user = new User()
    expect(codeOf(() => compiled.session(user))).toBe('COFFER_RBAC_SUBJECT_INVALID')
    expect(compiled.session({ ...user, tenant: user.tenant }).decide('note:read').ruleId).toBe('s')
  })
})

describe('a session that has expired', () => {
  it.each([5, 10, Number.NEGATIVE_INFINITY, Number.NaN])('stays so when the clock then yields %s', (later) => {
    const clock = { time: 0, now: () => clock.time }
    const session = compilePolicy(minimal, { clock }).session({ id: 'u', roles: [{ role: 'reader', expiresAt: 10 }] })
    clock.time = 9
    expect(session.can('note:read')).toBe(true)
    clock.time = 10
    expect(session.can('note:read')).toBe(false)
    clock.time = later
    expect(session.can('note:read')).toBe(false)
    expect(session.decide('note:read').reason).toBe('session-expired')
    expect(session.where('note:read')).toEqual({ kind: 'none', reason: 'session-expired' })
  })

  it.each([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN])('denies on a clock at %s', (time) => {
    const clock = { time: 0, now: () => clock.time }
    const session = compilePolicy(minimal, { clock }).session({ id: 'u', roles: [{ role: 'reader', expiresAt: 10 }] })
    clock.time = time
    expect(session.can('note:read')).toBe(false)
  })
})

describe('a session takes any data without throwing', () => {
  const compared = compilePolicy({
    ...minimal,
    resources: { note: { actions: ['read'], attributes: { a: 'int?', b: 'int?', c: 'string?', d: 'string?' } } },
    roles: {
      reader: {
        permit: [
          { id: 'n', permission: 'note:read', when: { 'resource.a': { ne: '$resource.b' } } },
          { id: 's', permission: 'note:read', when: { 'resource.c': { ne: '$resource.d' } } },
        ],
      },
    },
  })
  const revoked = (): object => {
    const { proxy, revoke } = Proxy.revocable([], {})
    revoke()
    return proxy
  }
  const canary = (): never => {
    throw new Error('canary')
  }

  it.each<[string, () => unknown]>([
    ['an object without prototype', () => Object.create(null)],
    ['a revoked proxy', revoked],
    ['a text that throws', () => ({ toString: canary, valueOf: canary })],
    ['a list of what throws', () => [{ toString: canary }, revoked()]],
    ['a proxied date', () => new Proxy(new Date(0), {})],
    ['a symbol', () => Symbol('x')],
    ['a fraction beside a bigint', () => [1n, 1.5]],
  ])('%s', (_name, value) => {
    const session = compared.session({ id: 'u', roles: ['reader'] })
    for (const row of [{ a: 1, b: value() }, { a: value(), b: 1 }, { c: 'x', d: value() }, value()]) {
      const target = row as never
      expect(session.can('note:read', target)).toBe(false)
      expect(session.explain('note:read', target).decision).toBe('deny')
      expect(session.decide('note:read', target).decision).toBe('deny')
      expect(session.fields('note:read', target).clear).toEqual([])
      expect(session.mask('note:read', target)).toBeUndefined()
    }
    const change = { kind: 'attribute', path: 'resource.a', op: 'ne', operand: '$resource.b' } as const
    const request = { subject: { id: 'u', roles: [] }, permission: 'note:read', resource: { b: value() } }
    expect(() => applyChanges(request, [change])).not.toThrow()
  })

  it('nor is it disturbed by what becomes of the subject after it began', () => {
    const roles: unknown[] = ['reader', { role: 'ghost' }]
    const ceilings = ['full']
    const activeRoles: string[] = []
    const compiled = compilePolicy({ ...minimal, ceilings: { full: ['*'] } })
    const session = compiled.session({ id: 'u', roles, ceilings } as never, { activeRoles })
    roles.push(null)
    ceilings.length = 0
    activeRoles.push('ghost')
    expect(session.explain('note:read').whyNot).toEqual([[{ kind: 'activate', role: 'reader' }]])
  })
})
