/**
 * What other engines answer where a deny cannot be evaluated, pinned: a claim about a peer falls with its repair.
 */
import { subject as asSubject, createMongoAbility } from '@casl/ability'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { compilePolicy, type PolicyDocument, PolicyError } from '@coffer/rbac'
import { AccessControl } from 'accesscontrol'
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin'
import { describe, expect, it } from 'vitest'

type Answer = 'permit' | 'deny'
const answer = (permitted: boolean): Answer => (permitted ? 'permit' : 'deny')

const limited = compilePolicy({
  policy: 'peers',
  version: '1',
  context: { env: 'string?' },
  resources: { payment: { actions: ['read', 'open'], attributes: { amount: 'int?' } } },
  roles: {
    clerk: {
      permit: ['payment:read', { id: 'gate', permission: 'payment:open', when: { 'context.env': { ne: 'dev' } } }],
    },
  },
  deny: [{ id: 'large', permission: 'payment:read', when: { 'resource.amount': { gt: 10_000 } } }],
})
const ours = (row: object): Answer =>
  limited.session({ id: 'u', roles: ['clerk'] }).decide('payment:read', row as { amount?: number }).decision

const casl = createMongoAbility([
  { action: 'read', subject: 'payment' },
  { action: 'read', subject: 'payment', inverted: true, conditions: { amount: { $gt: 10_000 } } },
])
const caslOn = (row: object): Answer => answer(casl.can('read', asSubject('payment', { ...row })))

function cedarOn(
  policies: string,
  attributes: Record<string, cedar.CedarValueJson>,
  context: Record<string, cedar.CedarValueJson> = {},
): Answer {
  const resource = { type: 'payment', id: 'p1' }
  const result = cedar.isAuthorized({
    principal: { type: 'user', id: 'u' },
    action: { type: 'Action', id: 'read' },
    resource,
    context,
    policies: { staticPolicies: policies },
    entities: [{ uid: resource, attrs: attributes, parents: [] }],
  })
  if (result.type !== 'success') throw new Error(JSON.stringify(result.errors))
  return answer(result.response.decision === 'allow')
}
const CEDAR =
  'permit(principal, action, resource); forbid(principal, action, resource) when { resource.amount > 10000 };'

async function casbinOn(
  matcher: string,
  policy: string,
  request: readonly unknown[],
  effect = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
): Promise<Answer> {
  const model = newModelFromString(
    `[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act, eft\n[role_definition]\ng = _, _\n[policy_effect]\ne = ${effect}\n[matchers]\nm = ${matcher}\n`,
  )
  const enforcer = await newEnforcer(model, new StringAdapter(policy))
  return answer(await enforcer.enforce(...request))
}

describe('permit all, deny a large amount', () => {
  it('with the amount missing: only ours denies', async () => {
    const abac = 'r.sub == p.sub && r.act == p.act && (p.eft == "allow" || r.obj.amount > 10000)'
    const policy = 'p, u, payment, read, allow\np, u, payment, read, deny'
    expect({
      ours: ours({}),
      casl: caslOn({}),
      casbin: await casbinOn(abac, policy, ['u', {}, 'read']),
      cedar: cedarOn(CEDAR, {}),
    }).toEqual({ ours: 'deny', casl: 'permit', casbin: 'permit', cedar: 'permit' })
  })

  it('with the amount as a text: ours denies without coercion, CASL by it, Cedar permits', () => {
    expect({
      ours: ours({ amount: '20000' }),
      casl: caslOn({ amount: '20000' }),
      cedar: cedarOn(CEDAR, { amount: '20000' }),
    }).toEqual({
      ours: 'deny',
      casl: 'deny',
      cedar: 'permit',
    })
  })

  it('with a good amount all agree', () => {
    for (const [amount, expected] of [
      [10_000, 'permit'],
      [10_001, 'deny'],
    ] as const)
      expect([ours({ amount }), caslOn({ amount }), cedarOn(CEDAR, { amount })]).toEqual([expected, expected, expected])
  })
})

describe('a gate on env other than dev, env missing', () => {
  it('is closed by ours and Cedar, and open in CASL and accesscontrol', () => {
    const gate = createMongoAbility([{ action: 'open', subject: 'payment', conditions: { env: { $ne: 'dev' } } }])
    const control = new AccessControl()
    control.grant('clerk').readAny('payment')
    control.require('$.env != "dev"')
    const permission = control.can('clerk').readAny('payment')
    expect({
      ours: limited.session({ id: 'u', roles: ['clerk'] }).decide('payment:open', undefined, {}).decision,
      casl: answer(gate.can('open', asSubject('payment', {}))),
      cedar: cedarOn('permit(principal, action, resource) when { context.env != "dev" };', {}),
      accesscontrol: answer(permission.granted),
    }).toEqual({ ours: 'deny', casl: 'permit', cedar: 'deny', accesscontrol: 'permit' })
  })
})

describe('a deny written before a permit of everything', () => {
  it('is undone in CASL, where the last rule wins', async () => {
    const document: PolicyDocument = {
      policy: 'order',
      version: '1',
      resources: { payment: { actions: ['read'] } },
      deny: [{ id: 'never', permission: 'payment:read' }],
      roles: { clerk: { permit: ['*'] } },
    }
    const late = createMongoAbility([
      { action: 'read', subject: 'payment', inverted: true },
      { action: 'manage', subject: 'all' },
    ])
    expect({
      ours: compilePolicy(document)
        .session({ id: 'u', roles: ['clerk'] })
        .decide('payment:read').decision,
      casl: answer(late.can('read', 'payment')),
      casbin: await casbinOn(
        'r.sub == p.sub && r.obj == p.obj && r.act == p.act',
        'p, u, payment, read, deny\np, u, payment, read, allow',
        ['u', 'payment', 'read'],
      ),
      cedar: cedarOn('forbid(principal, action, resource); permit(principal, action, resource);', {}),
    }).toEqual({ ours: 'deny', casl: 'permit', casbin: 'deny', cedar: 'deny' })
  })
})

describe('inheritance', () => {
  const roles = (depth: number) =>
    Object.fromEntries(
      Array.from({ length: depth + 1 }, (_, index) => [
        `r${index}`,
        index === depth ? { permit: ['payment:read'] } : { inherits: [`r${index + 1}`] },
      ]),
    )
  const document = (entries: object) =>
    ({ policy: 'deep', version: '1', resources: { payment: { actions: ['read'] } }, roles: entries }) as PolicyDocument
  const deepCasbin = (depth: number) => {
    const chain = Array.from({ length: depth }, (_, index) => `g, r${index}, r${index + 1}`).join('\n')
    return casbinOn(
      'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act',
      `p, r${depth}, payment, read, allow\n${chain}`,
      ['r0', 'payment', 'read'],
    )
  }

  it('ten deep is found by both, eleven deep is lost in casbin', async () => {
    const deep = (depth: number): Answer =>
      compilePolicy(document(roles(depth)))
        .session({ id: 'u', roles: ['r0'] })
        .decide('payment:read').decision
    expect([deep(10), deep(11), await deepCasbin(10), await deepCasbin(11)]).toEqual([
      'permit',
      'permit',
      'permit',
      'deny',
    ])
  })

  it('in a circle is refused by ours and accepted by casbin', async () => {
    expect(() => compilePolicy(document({ a: { inherits: ['b'] }, b: { inherits: ['a'] } }))).toThrow(PolicyError)
    const circle = 'p, b, payment, read, allow\ng, a, b\ng, b, a'
    expect(
      await casbinOn('g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act', circle, ['a', 'payment', 'read']),
    ).toBe('permit')
  })
})

describe('asked without the instance where only a conditional rule exists', () => {
  it('ours denies, and CASL permits', () => {
    const conditional = createMongoAbility([{ action: 'read', subject: 'payment', conditions: { owner: 'u' } }])
    const own = compilePolicy({
      policy: 'own',
      version: '1',
      resources: { payment: { actions: ['read'], attributes: { owner: 'id' } } },
      roles: {
        clerk: {
          permit: [{ id: 'own', permission: 'payment:read', when: { 'resource.owner': { eq: '$subject.id' } } }],
        },
      },
    })
    const session = own.session({ id: 'u', roles: ['clerk'] })
    // @ts-expect-error the compiler asks for the row already
    expect({ ours: session.decide('payment:read').decision, casl: answer(conditional.can('read', 'payment')) }).toEqual(
      { ours: 'deny', casl: 'permit' },
    )
  })
})
