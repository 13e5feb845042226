import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin'
import { do_not_optimize, measure } from 'mitata'

/** One check under 1,000 rules and 1,000 users, beside casbin's enforceSync and Cedar's stateful call. */
const ROLES = 100
const USERS = 1000
const rules = Array.from({ length: 1000 }, (_, index) => ({
  role: `role${index % ROLES}`,
  resource: `res${Math.floor(index / 4)}`,
  action: `act${index % 4}`,
}))
const roleOf = (user: number): string => `role${user % ROLES}`

const resources = Object.fromEntries(
  Array.from({ length: 250 }, (_, index) => [`res${index}`, { actions: ['act0', 'act1', 'act2', 'act3'] as const }]),
)
const roles = Object.fromEntries(
  Array.from({ length: ROLES }, (_, index) => [
    `role${index}`,
    { permit: rules.filter((rule) => rule.role === `role${index}`).map((rule) => `${rule.resource}:${rule.action}`) },
  ]),
)
const document: PolicyDocument = { policy: 'bench', version: '1', resources, roles }
const policy = compilePolicy(document)
const sessions = Array.from({ length: USERS }, (_, user) =>
  policy.session({ id: `user${user}`, roles: [roleOf(user)] }),
)

const model = newModelFromString(
  '[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n',
)
const lines = [
  ...rules.map((rule) => `p, ${rule.role}, ${rule.resource}, ${rule.action}`),
  ...Array.from({ length: USERS }, (_, user) => `g, user${user}, ${roleOf(user)}`),
]
const casbin = await newEnforcer(model, new StringAdapter(lines.join('\n')))

const staticPolicies = rules
  .map(
    (rule) =>
      `permit(principal in Role::"${rule.role}", action == Action::"${rule.action}", resource == Res::"${rule.resource}");`,
  )
  .join('\n')
const parsed = cedar.preparsePolicySet('bench', { staticPolicies })
if (parsed.type !== 'success') throw new Error('Cedar refuses the policies')
const askCedar = (user: number, resource: string, action: string): boolean => {
  const principal = { type: 'User', id: `user${user}` }
  const result = cedar.statefulIsAuthorized({
    principal,
    action: { type: 'Action', id: action },
    resource: { type: 'Res', id: resource },
    context: {},
    preparsedPolicySetId: 'bench',
    validateRequest: false,
    entities: [{ uid: principal, attrs: {}, parents: [{ type: 'Role', id: roleOf(user) }] }],
  })
  return result.type === 'success' && result.response.decision === 'allow'
}

for (const user of [0, 7, 999])
  for (const { resource, action, role } of rules.filter((_, index) => index % 97 === 0)) {
    const expected = role === roleOf(user)
    const answers = [
      sessions[user]?.can(`${resource}:${action}`),
      casbin.enforceSync(`user${user}`, resource, action),
      askCedar(user, resource, action),
    ]
    if (answers.some((answer) => answer !== expected))
      throw new Error(`wrong answer: ${answers.join(', ')} for ${role} and user ${user}`)
  }

// A rule in the middle, so that a linear search pays what it pays on average.
const wanted = rules[499] ?? { resource: '', action: '' }
const name = `${wanted.resource}:${wanted.action}` as const
let turn = 0
const next = (): number => turn++ % USERS
const ours = (await measure(() => do_not_optimize(sessions[next()]?.can(name)))).avg
const theirs = (
  await measure(() => do_not_optimize(casbin.enforceSync(`user${next()}`, wanted.resource, wanted.action)))
).avg
const cedars = (await measure(() => do_not_optimize(askCedar(next(), wanted.resource, wanted.action)))).avg
const report = (peer: string, peerNs: number, target: string): void =>
  console.log(
    JSON.stringify({
      bench: 'check by string, 1,000 rules, 1,000 users',
      ours_ns: ours,
      peer,
      peer_ns: peerNs,
      ratio: peerNs / ours,
      target,
    }),
  )
report('casbin 5.51.1 enforceSync', theirs, '>= 10000')
report('@cedar-policy/cedar-wasm 4.13.0 stateful', cedars, '>= 1000')
