import { createMongoAbility } from '@casl/ability'
import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { do_not_optimize, measure } from 'mitata'

/** What a request pays before its first check: a session on a warm role set, beside an ability of 30 rules. */
const types = Array.from({ length: 10 }, (_, index) => `type${index}`)
const actions = ['read', 'create', 'update'] as const
// The peer knows no time, so the clock is left out of the ratio and shown beside it.
const clock = { time: 0, now: () => clock.time }
const source: PolicyDocument = {
  policy: 'bench',
  version: '1',
  resources: Object.fromEntries(types.map((type) => [type, { actions, attributes: { owner: 'id' } }])),
  roles: { clerk: { permit: types.flatMap((type) => actions.map((action) => `${type}:${action}`)) } },
}
const policy = compilePolicy(source, { clock })
const onSystemClock = compilePolicy(source)
const subject = { id: 'user-1', tenant: 'tenant-1', roles: ['clerk'] }
const rules = types.flatMap((type) => actions.map((action) => ({ action, subject: type })))

for (const type of types)
  for (const action of [...actions, 'delete']) {
    const expected = action !== 'delete'
    if (policy.session(subject).can(`${type}:${action}` as never) !== expected) throw new Error('wrong answer of ours')
    if (createMongoAbility(rules).can(action, type) !== expected) throw new Error('wrong answer of the peer')
  }

const ours = (await measure(() => do_not_optimize(policy.session(subject)))).p50
const system = (await measure(() => do_not_optimize(onSystemClock.session(subject)))).p50
const casl = (await measure(() => do_not_optimize(createMongoAbility(rules)))).p50
const report = (bench: string, ns: number, target?: string): void =>
  console.log(
    JSON.stringify({ bench, ours_ns: ns, peer: '@casl/ability 7.0.1', peer_ns: casl, ratio: casl / ns, target }),
  )
report('session on a warm role set, injected clock', ours, '>= 50')
report('session on a warm role set, system clock', system)
