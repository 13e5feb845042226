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

/** The best of five, taken in turns: what else runs on the machine then weighs on both. Each is measured by itself. */
const makers = {
  ours: () => do_not_optimize(policy.session(subject)),
  system: () => do_not_optimize(onSystemClock.session(subject)),
  casl: () => do_not_optimize(createMongoAbility(rules)),
}
const best = { ours: Number.POSITIVE_INFINITY, system: Number.POSITIVE_INFINITY, casl: Number.POSITIVE_INFINITY }
for (let round = 0; round < 5; round++)
  for (const name of ['ours', 'system', 'casl'] as const)
    best[name] = Math.min(best[name], (await measure(makers[name])).p50)
const report = (bench: string, ns: number, target?: string): void =>
  console.log(
    JSON.stringify({
      bench,
      ours_ns: ns,
      peer: '@casl/ability 7.0.1',
      peer_ns: best.casl,
      ratio: best.casl / ns,
      target,
    }),
  )
report('session on a warm role set, injected clock', best.ours, '>= 50')
report('session on a warm role set, system clock', best.system)
