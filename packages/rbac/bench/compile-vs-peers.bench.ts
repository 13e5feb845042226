import { createMongoAbility } from '@casl/ability'
import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { AccessControl } from 'accesscontrol'
import { RBAC } from 'fast-rbac'
import { do_not_optimize, measure } from 'mitata'

/** 10^4 rules made ready: 100 roles with four actions on 25 of 100 resources each. */
const ACTIONS = ['create', 'read', 'update', 'delete'] as const
const ROLES = Array.from({ length: 100 }, (_, index) => `role${index}`)
const RESOURCES = Array.from({ length: 100 }, (_, index) => `res${index}`)
const rules = ROLES.flatMap((role, index) =>
  Array.from({ length: 25 }, (_, place) => RESOURCES[(index * 7 + place) % RESOURCES.length] ?? '').flatMap(
    (resource) => ACTIONS.map((action) => ({ role, resource, action })),
  ),
)
if (rules.length !== 10_000) throw new Error(`${rules.length} rules`)
const of = (role: string) => rules.filter((rule) => rule.role === role)

const source: PolicyDocument = {
  policy: 'bench',
  version: '1',
  resources: Object.fromEntries(RESOURCES.map((name) => [name, { actions: ACTIONS }])),
  roles: Object.fromEntries(
    ROLES.map((role) => [role, { permit: of(role).map(({ resource, action }) => `${resource}:${action}`) }]),
  ),
}
// CASL knows no roles: an ability is the rules of one subject, here of all of them.
const caslRules = rules.map(({ role, resource, action }) => ({ action, subject: `${role}/${resource}` }))
const grants = rules.map(({ role, resource, action }) => ({ role, resource, action: `${action}:any`, attributes: '*' }))
const fastRoles = Object.fromEntries(
  ROLES.map((role) => [role, { can: of(role).map(({ resource, action }) => `${resource}:${action}`) }]),
)

const engines = {
  '@coffer/rbac': () => {
    const policy = compilePolicy(source)
    return (role: string, resource: string, action: string): boolean =>
      policy.session({ id: 'u', roles: [role] }).can(`${resource}:${action}`)
  },
  '@casl/ability 7.0.1': () => {
    const ability = createMongoAbility(caslRules)
    return (role: string, resource: string, action: string): boolean => ability.can(action, `${role}/${resource}`)
  },
  'accesscontrol 3.1.1': () => {
    const control = new AccessControl(grants)
    return (role: string, resource: string, action: string): boolean =>
      control.can(role)[`${action}Any` as 'readAny'](resource).granted
  },
  'fast-rbac 2.0.1': () => {
    const rbac = new RBAC({ roles: fastRoles })
    return (role: string, resource: string, action: string): boolean => rbac.can(role, resource, action)
  },
}

for (const [name, make] of Object.entries(engines)) {
  const can = make()
  for (const { role, resource, action } of rules.filter((_, index) => index % 97 === 0)) {
    const other = RESOURCES[(ROLES.indexOf(role) * 7 + 60) % RESOURCES.length] ?? ''
    if (!can(role, resource, action) || can(role, other, action)) throw new Error(`wrong answer of ${name}`)
  }
}

const timed: [name: string, ns: number][] = []
for (const [name, make] of Object.entries(engines))
  timed.push([name, (await measure(() => do_not_optimize(make()))).p50])
const [[, ours] = ['', 0], ...peers] = timed
for (const [peer, peerNs] of peers)
  console.log(
    JSON.stringify({ bench: 'compile 10,000 rules', ours_ns: ours, peer, peer_ns: peerNs, ratio: peerNs / ours }),
  )
