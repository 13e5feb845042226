import {
  type AnyPolicy,
  type Assignment,
  type Change,
  compilePolicy,
  type DecisionRequest,
  type PolicyDocument,
} from '@coffer/rbac'
import { applyChanges } from '@coffer/rbac/testing'
import { describe, expect, it } from 'vitest'
import { compiledOrNone, minimal, payment, policy } from './fixtures.js'
import { anyPermission, context, document, INSTANTS, Random, resource, subject } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const DENIALS = process.env['COFFER_DEEP'] === '1' ? 10_000 : 150

function decides(compiled: AnyPolicy, request: DecisionRequest): boolean {
  const { activeRoles, now = 0 } = request
  const session = compiled.session(request.subject, { now, ...(activeRoles !== undefined && { activeRoles }) })
  return session.can(request.permission as never, request.resource, request.context)
}

const subsets = <T>(items: readonly T[]): T[][] =>
  items.reduce<T[][]>((sets, item) => sets.concat(sets.map((set) => set.concat([item]))), [[]])

describe('why not', () => {
  const checker = { id: 'checker-1', tenant: 't1', roles: ['checker'], assurance: 1, attributes: { limit: 50_000 } }
  const whyNot = (subject: object, row: object = payment): readonly (readonly Change[])[] =>
    policy.session({ ...checker, ...subject }, { now: 0 }).explain('payment:approve', { ...payment, ...row }).whyNot

  it('names the level of assurance that a deny asks for', () => {
    expect(whyNot({})).toEqual([[{ kind: 'assurance', atLeast: 2 }]])
  })

  it('proposes to raise the limit or to lower the amount, without saying what they are', () => {
    expect(whyNot({ assurance: 2 }, { amount: 50_001 })).toEqual([
      [{ kind: 'attribute', path: 'resource.amount', op: 'lte', operand: '$subject.limit' }],
      [{ kind: 'attribute', path: 'subject.limit', op: 'gte', operand: '$resource.amount' }],
    ])
  })

  it('joins what is needed together', () => {
    expect(whyNot({ roles: [] })).toEqual([
      [
        { kind: 'assign', role: 'checker' },
        { kind: 'assurance', atLeast: 2 },
      ],
    ])
  })

  it('never proposes another subject or another tenant, and is empty on permit', () => {
    expect(whyNot({ assurance: 2, id: 'maker-1' }).flat()).not.toContainEqual(
      expect.objectContaining({ path: 'subject.id' }),
    )
    expect(whyNot({ assurance: 2, tenant: 't2' })).toEqual([])
    expect(whyNot({ assurance: 2 })).toEqual([])
  })

  it('distinguishes a role to activate from one that starts later and one to assign', () => {
    const compiled = compilePolicy(minimal)
    const ask = (roles: readonly unknown[], activeRoles?: readonly string[]) =>
      compiled
        .session({ id: 'u', roles: roles as string[] }, { now: 5, ...(activeRoles && { activeRoles }) })
        .explain('note:read').whyNot
    expect(ask(['reader'], [])).toEqual([[{ kind: 'activate', role: 'reader' }]])
    expect(ask([{ role: 'reader', notBefore: 10 }])).toEqual([
      [{ kind: 'assign', role: 'reader' }],
      [{ kind: 'wait', role: 'reader', until: 10 }],
    ])
    expect(ask([])).toEqual([[{ kind: 'assign', role: 'reader' }]])
  })

  it('lifts no ceiling, drops no role and undoes no deny without condition', () => {
    const roles = { reader: { permit: ['*'] } } as const
    const ask = (over: object, ceilings?: readonly string[]) =>
      compilePolicy({ ...minimal, roles, ...over })
        .session({ id: 'u', roles: ['reader'], ...(ceilings && { ceilings }) } as never)
        .explain('note:read').whyNot
    expect(ask({ ceilings: { free: ['note:write'] } }, ['free'])).toEqual([])
    expect(ask({ deny: [{ id: 'd', permission: 'note:read' }] })).toEqual([])
    expect(policy.session({ ...checker, roles: ['maker', 'checker'] }).explain('payment:read', payment).whyNot).toEqual(
      [],
    )
  })

  it('activates a platform role that the subject has itself, where it is active by inheritance only', () => {
    const compiled = compilePolicy({
      ...minimal,
      resources: { note: { actions: ['read'], tenant: 'owner', attributes: { owner: 'id' } } },
      roles: { auditor: { scope: 'platform', permit: ['note:read'] }, chief: { inherits: ['auditor'] } },
    })
    const who = { id: 'u', tenant: 't1', roles: ['chief', 'auditor'] }
    const ask = (activeRoles: readonly string[]) =>
      compiled.session(who, { now: 0, activeRoles }).explain('note:read', { owner: 't2' }).whyNot
    expect(ask(['chief'])).toEqual([[{ kind: 'activate', role: 'auditor' }]])
    expect(ask(['chief', 'auditor'])).toEqual([])
  })

  it('asks for a level above the one that a rule names with gt', () => {
    const strict = compilePolicy({
      ...minimal,
      roles: { reader: { permit: [{ id: 'r', permission: 'note:read', when: { 'subject.assurance': { gt: 1 } } }] } },
    })
    const ask = (assurance: number) => strict.session({ id: 'u', roles: ['reader'], assurance }).explain('note:read')
    expect(ask(1).whyNot).toEqual([[{ kind: 'assurance', atLeast: 2 }]])
    expect(ask(2).decision).toBe('permit')
  })

  it('proposes for "not a" of a closed list the others, a member that starts with $ among them, and nothing for the only one', () => {
    const notThe = (members: readonly [string, ...string[]], operand: string) =>
      compilePolicy({
        ...minimal,
        resources: { note: { actions: ['read'], attributes: { tag: members } } },
        roles: {
          reader: { permit: [{ id: 'r', permission: 'note:read', when: { 'resource.tag': { ne: operand } } }] },
        },
      })
        .session({ id: 'u', roles: ['reader'] })
        .explain('note:read', { tag: members[0] } as never).whyNot
    const change = { kind: 'attribute', path: 'resource.tag', op: 'in' }
    expect(notThe(['$5', '$6', 'b'], '$$5')).toEqual([[{ ...change, operand: ['$6', 'b'] }]])
    expect(notThe(['a'], 'a')).toEqual([])
  })

  it('changes what it names and nothing else', () => {
    const later = [
      { role: 'a', notBefore: 5 },
      { role: 'b', notBefore: 9 },
    ]
    const request = { subject: { id: 'u', roles: later }, permission: 'note:read' }
    expect(applyChanges(request, [{ kind: 'wait', role: 'b', until: 9 }]).subject.roles).toEqual([
      { role: 'a', notBefore: 5 },
      { role: 'b' },
    ])
    // Without a choice every assigned role is active already: naming one would deactivate the others.
    expect(applyChanges(request, [{ kind: 'activate', role: 'a' }])).toEqual(request)
    expect(applyChanges({ ...request, activeRoles: ['b'] }, [{ kind: 'activate', role: 'a' }]).activeRoles).toEqual([
      'b',
      'a',
    ])
  })

  it('stops at sixteen entries and says that it did', () => {
    const roles = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`r${index}`, { permit: ['note:read'] }]))
    const ask = (count: number) =>
      compilePolicy({ ...minimal, roles: roles(count) } as PolicyDocument)
        .session({ id: 'u', roles: [] })
        .explain('note:read')
    expect([ask(16).whyNot.length, ask(16).complete]).toEqual([16, true])
    expect([ask(17).whyNot.length, ask(17).complete]).toEqual([16, false])
    expect([ask(60).whyNot.length, ask(60).complete]).toEqual([16, false])
  })

  it('waits for an assignment that lifts the tenant, and takes a number apart from those of a list', () => {
    const compiled = compilePolicy({
      ...minimal,
      resources: { note: { actions: ['read'], tenant: 'owner', attributes: { owner: 'id', size: 'int' } } },
      roles: {
        auditor: {
          scope: 'platform',
          permit: [{ id: 'odd', permission: 'note:read', when: { not: { 'resource.size': { in: [1, 2, 3] } } } }],
        },
        chief: { inherits: ['auditor'] },
      },
    })
    const explain = (roles: readonly (string | Assignment)[]) =>
      compiled.session({ id: 'u', tenant: 't1', roles }, { now: 5 }).explain('note:read', { owner: 't2', size: 2 })
    const apart = { kind: 'attribute', path: 'resource.size', op: 'notIn', operand: [1, 2, 3] }
    expect(explain(['chief', { role: 'auditor', notBefore: 9 }]).whyNot).toEqual([
      [{ kind: 'assign', role: 'auditor' }, apart],
      [apart, { kind: 'wait', role: 'auditor', until: 9 }],
    ])
    expect(explain(['auditor']).whyNot).toEqual([[apart]])
    const request = { subject: { id: 'u', roles: [] }, permission: 'note:read', resource: { size: 2 } }
    expect(applyChanges(request, [apart as Change]).resource).toEqual({ size: 4 })
  })

  it(`is sound and minimal by deciding again, on ${DENIALS} random denials (seed ${SEED})`, () => {
    let denials = 0
    let proposed = 0
    for (let round = 0; denials < DENIALS; round++) {
      const random = new Random(SEED + round)
      const source = document(random)
      const compiled = compiledOrNone(source)
      if (compiled === undefined) continue
      const who = subject(random, source)
      const request: DecisionRequest = {
        subject: who,
        permission: anyPermission(random),
        resource: resource(random),
        context: context(random),
        now: random.pick(INSTANTS),
      }
      const session = compiled.session(who, { now: request.now ?? 0 })
      const explanation = session.explain(request.permission as never, request.resource, request.context)
      expect(explanation).toMatchObject(session.decide(request.permission as never, request.resource, request.context))
      if (explanation.decision === 'permit') {
        expect([explanation.whyNot, explanation.complete]).toEqual([[], true])
        continue
      }
      denials++
      for (const changes of explanation.whyNot) {
        proposed++
        for (const subset of subsets(changes))
          expect([SEED + round, subset, decides(compiled, applyChanges(request, subset))]).toEqual([
            SEED + round,
            subset,
            subset.length === changes.length,
          ])
      }
      for (const entry of explanation.whyNot)
        expect(explanation.whyNot.filter((other) => other.every((change) => entry.includes(change)))).toEqual([entry])
    }
    expect(proposed).toBeGreaterThan(DENIALS / 4)
  }, 3_600_000)

  it(`finds every set of roles that would do, on ${DENIALS} random policies without conditions (seed ${SEED})`, {
    timeout: 3_600_000,
  }, () => {
    for (let round = 0; round < DENIALS; round++) {
      const random = new Random(SEED + round)
      const names = ['r0', 'r1', 'r2', 'r3']
      const roles = Object.fromEntries(
        names.map((name, index) => [
          name,
          { inherits: random.some(names.slice(index + 1), 0.3), permit: random.some(['note:read', 'note:write'], 0.4) },
        ]),
      )
      const compiled = compilePolicy({ ...minimal, roles })
      const { whyNot, complete } = compiled.session({ id: 'u', roles: [] }, { now: 0 }).explain('note:read')
      const stating = names.filter((name) => roles[name]?.permit.includes('note:read'))
      expect([complete, whyNot]).toEqual([true, stating.map((role) => [{ kind: 'assign', role }])])
    }
  })
})
