import { compilePolicy, type PolicyDocument, PolicyError } from '@coffer/rbac'
import { createPdp } from '@coffer/rbac/authzen'
import { describe, expect, it } from 'vitest'
import { minimal, payment, policy } from './fixtures.js'

/** A permit and a deny that each read the row, so that whatever cannot be read has to end in a deny. */
const guarded = compilePolicy({
  ...minimal,
  subject: { level: 'int?', team: 'id?' },
  roles: {
    reader: {
      permit: [
        {
          id: 'own',
          permission: 'note:read',
          when: { all: [{ 'resource.owner': { eq: '$subject.id' } }, { 'resource.size': { lte: 10 } }] },
        },
        'note:write',
      ],
    },
  },
  deny: [
    { id: 'big', permission: 'note:*', when: { 'resource.size': { gt: 10 } } },
    { id: 'tagged', permission: 'note:*', when: { 'resource.tag': { eq: 'b' } } },
  ],
} as PolicyDocument)
const session = guarded.session({ id: 'u1', roles: ['reader'] }, { now: 0 })
const good = { owner: 'u1', size: 1, tag: 'a' }
const can = (row: unknown, permission = 'note:read'): boolean => session.can(permission as never, row as object)

const throwing = (name: string): object =>
  Object.defineProperty({ ...good }, name, {
    enumerable: true,
    get: () => {
      throw new Error('canary')
    },
  })
const inherited = Object.assign(Object.create(good) as object, { size: 1, tag: 'a' })

describe('the row that is right is permitted', () => {
  it('so that each probe below is denied for its one fault', () => {
    expect(can(good)).toBe(true)
    expect(can({ ...good, size: 10n })).toBe(true)
    expect(can(Object.assign(Object.create(null), good))).toBe(true)
  })
})

describe('no probe permits', () => {
  it.each<[string, unknown]>([
    ['no row', undefined],
    ['null', null],
    ['a text', 'u1'],
    ['a number', 1],
    ['an empty object', {}],
    ['a list', [good]],
    ['a function', () => good],
    ['an owner that is missing', { size: 1, tag: 'a' }],
    ['an owner that is null', { ...good, owner: null }],
    ['an owner that is a list of it', { ...good, owner: ['u1'] }],
    ['an owner that is a String object', { ...good, owner: Object('u1') }],
    ['an owner that prints as it', { ...good, owner: { toString: () => 'u1' } }],
    ['an owner with a NUL after it', { ...good, owner: 'u1\0' }],
    ['an owner in full-width letters', { ...good, owner: 'u１' }],
    ['an owner with a zero-width joiner', { ...good, owner: 'u\u200d1' }],
    ['an owner in upper case', { ...good, owner: 'U1' }],
    ['an owner that is a lone surrogate', { ...good, owner: '\ud800' }],
    ['an owner of ten million letters', { ...good, owner: 'u'.repeat(10_000_000) }],
    ['an owner from the prototype', inherited],
    ['an owner whose getter throws', throwing('owner')],
    ['a size that is missing', { owner: 'u1', tag: 'a' }],
    ['a size that is a text', { ...good, size: '1' }],
    ['a size that is NaN', { ...good, size: Number.NaN }],
    ['a size that is minus infinity', { ...good, size: Number.NEGATIVE_INFINITY }],
    ['a size that is a fraction', { ...good, size: 1.5 }],
    ['a size beyond a safe integer', { ...good, size: -(2 ** 53) }],
    ['a size beyond 64 bits', { ...good, size: -(2n ** 63n) - 1n }],
    ['a size that is a Date', { ...good, size: new Date(1) }],
    ['a size that is a boolean', { ...good, size: true }],
    ['a size that has a valueOf', { ...good, size: { valueOf: () => 1 } }],
    ['a size whose getter throws', throwing('size')],
    ['a size one over the limit, as bigint', { ...good, size: 11n }],
    ['a tag that is missing', { owner: 'u1', size: 1 }],
    ['a tag outside the choice', { ...good, tag: 'c' }],
    ['a tag of another case', { ...good, tag: 'A' }],
    [
      'a proxy that throws',
      new Proxy(good, {
        getOwnPropertyDescriptor: () => {
          throw new Error('canary')
        },
      }),
    ],
    ['a proxy without properties', new Proxy({}, { get: () => 'u1' })],
    [
      'a revoked proxy',
      (() => {
        const { proxy, revoke } = Proxy.revocable({ ...good }, {})
        revoke()
        return proxy
      })(),
    ],
  ])('a row that is %s', (_name, row) => {
    expect(can(row)).toBe(false)
    expect(session.decide('note:read', row as never).decision).toBe('deny')
    expect(session.explain('note:read', row as never).decision).toBe('deny')
    expect(session.fields('note:read', row as never)).toEqual({ clear: [], masked: [] })
    expect(session.mask('note:read', row as never)).toBeUndefined()
  })

  it.each([
    '',
    '*',
    'note:*',
    '*:read',
    'note',
    'note:',
    ':read',
    'note:read ',
    'NOTE:READ',
    'nоte:read',
    'note:read\0',
    '__proto__',
    'constructor',
    'toString',
    'note:constructor',
    'x'.repeat(1_000_000),
  ])('a permission that is %j', (permission) => {
    expect(can(good, permission.slice(0, 1_000_000))).toBe(false)
  })

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 0],
    ['a list of the name', ['note:read']],
    ['an object that prints as the name', { toString: () => 'note:read' }],
    ['a forged handle', { name: 'note:read', id: 0, owner: guarded }],
    ['a symbol', Symbol('note:read')],
  ])('a permission that is %s', (_name, permission) => {
    expect(session.can(permission as never, good as never)).toBe(false)
    expect(session.decide(permission as never, good as never).reason).toBe('unknown-permission')
    expect(session.where(permission as never)).toMatchObject({ kind: 'none' })
    expect(session.explain(permission as never, good as never).rules).toEqual([])
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'reader ', 'Reader', 'reаder', 'reader\0'])(
    'a role that is %j',
    (role) => {
      const other = guarded.session({ id: 'u1', roles: [role] })
      expect([other.can('note:read', good as never), other.unknownRoles]).toEqual([false, [role]])
    },
  )

  it('a polluted prototype gives nobody a tenant, a level or an attribute', () => {
    const polluted = { tenant: 't1', assurance: 3, limit: 1_000_000 }
    for (const [name, value] of Object.entries(polluted))
      Object.defineProperty(Object.prototype, name, { value, configurable: true })
    try {
      const checker = policy.session({ id: 'c', roles: ['checker'] }, { now: 0 })
      expect(checker.can('payment:approve', payment)).toBe(false)
      expect(checker.tenant).toBeUndefined()
      expect(checker.decide('payment:approve', payment).reason).toBe('deny-unknown')
    } finally {
      for (const name of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, name)
    }
  })

  it('a subject attribute that is changed after the session began', () => {
    const attributes = { limit: 10 }
    const checker = policy.session({ id: 'c', tenant: 't1', roles: ['checker'], assurance: 2, attributes }, { now: 0 })
    attributes.limit = 1_000_000
    expect(checker.can('payment:approve', payment)).toBe(false)
  })

  it('an unknown attribute in a list of 1,001', () => {
    const branch = (count: number) =>
      policy.session(
        {
          id: 'b',
          tenant: 't1',
          roles: ['branch'],
          attributes: { branches: Array.from({ length: count }, () => 'maker-1') },
        },
        { now: 0 },
      )
    expect(branch(1000).can('payment:export', payment, { channel: 'web' })).toBe(true)
    expect(branch(1001).can('payment:export', payment, { channel: 'web' })).toBe(false)
  })
})

describe('reloads', () => {
  const [checks, batch, reloads] = process.env['COFFER_DEEP'] === '1' ? [900_000, 100, 1000] : [20_000, 20, 100]

  it(`each of ${checks} checks and ${reloads * batch} evaluations during ${reloads} reloads is the one that its policy gives alone`, {
    timeout: 3_600_000,
  }, async () => {
    // The limit of a version is in the id of its rule, and of ten versions one is broken.
    const versionOf = (limit: number) =>
      compilePolicy({
        ...minimal,
        version: String(limit),
        roles: {
          reader: {
            permit: [
              {
                id: `upTo${limit}`,
                permission: limit % 10 === 9 ? 'note:burn' : 'note:read',
                when: { 'resource.size': { lte: limit % 7 } },
              },
            ],
          },
        },
      } as PolicyDocument)
    const limits = new Map<string, number>()
    let current = versionOf(0)
    limits.set(current.hash, 0)
    const point = createPdp(() => current, {
      // Every answer waits, so that a reload comes between the items of a batch.
      subject: async ({ id }) => ({ id, roles: ['reader'] }),
      disclose: 'reason',
    })
    const items = Array.from({ length: batch }, (_, size) => ({
      subject: { type: 'user', id: `u${size}` },
      resource: { type: 'note', id: 'n', properties: { size: size % 8 } },
    }))
    const evaluate = async (): Promise<number> => {
      const request = new Request('https://pdp.example/access/v1/evaluations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ action: { name: 'read' }, evaluations: items }),
      })
      const { evaluations } = await (await point.handle(request)).json()
      const limit = Number(String(evaluations[0].context.ruleId).slice('upTo'.length))
      const expected = items.map((_, size) => ({
        decision: size % 8 <= limit % 7,
        context: { reason: size % 8 <= limit % 7 ? 'permitted' : 'permit-not-met', ruleId: `upTo${limit}` },
      }))
      expect(evaluations).toEqual(expected)
      return evaluations.length
    }
    const subject = { id: 'u', roles: ['reader'] }
    const pending: Promise<number>[] = []
    let broken = 0
    for (let reload = 0; reload < reloads; reload++) {
      pending.push(evaluate())
      try {
        current = versionOf(reload)
        limits.set(current.hash, reload)
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyError)
        broken++
      }
      const session = current.session(subject, { now: 0 })
      for (let check = 0; check < checks / reloads; check++) {
        const size = check % 8
        const fresh = check % 2 === 0 ? session : current.session(subject, { now: 0 })
        const { decision, policyHash, ruleId } = fresh.decide('note:read', { owner: 'u', size, tag: 'a' })
        const limit = limits.get(policyHash) ?? -1
        if (ruleId !== `upTo${limit}` || decision !== (size <= limit % 7 ? 'permit' : 'deny'))
          expect([reload, size, decision, ruleId]).toEqual([reload, size, `that of ${limit}`, `upTo${limit}`])
      }
      if (reload % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(broken).toBe(reloads / 10)
    expect((await Promise.all(pending)).reduce((sum, count) => sum + count, 0)).toBe(reloads * batch)
  })

  it('a session keeps the policy that made it, and more role sets than fit change no answer', () => {
    const roles = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`r${index}`, { permit: index % 2 === 0 ? ['note:read'] : [] }]),
    )
    const small = compilePolicy({ ...minimal, roles } as PolicyDocument, { maxRoleSets: 1 })
    for (let round = 0; round < 3; round++)
      for (let index = 0; index < 50; index++)
        expect(small.session({ id: 'u', roles: [`r${index}`] }).can('note:read')).toBe(index % 2 === 0)
  })
})
