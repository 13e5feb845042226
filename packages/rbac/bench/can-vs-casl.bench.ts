import { subject as asSubject, createMongoAbility } from '@casl/ability'
import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { measure } from 'mitata'

/** A check on a policy of 1,000 rules, beside CASL's `can` on a prebuilt ability of 1,000 rules. */
const TYPES = 250
const ACTIONS = ['read', 'create', 'update', 'delete'] as const
const names = Array.from({ length: TYPES }, (_, index) => `type${index}`)

const document: PolicyDocument = {
  policy: 'bench',
  version: '1',
  resources: Object.fromEntries(names.map((name) => [name, { actions: ACTIONS, attributes: { owner: 'id' } }])),
  roles: { clerk: { permit: names.flatMap((name) => ACTIONS.map((action) => `${name}:${action}`)) } },
}
const policy = compilePolicy(document)
const session = policy.session({ id: 'u1', roles: ['clerk'] })
const handle = policy.permission('type125:update')
const ability = createMongoAbility(names.flatMap((name) => ACTIONS.map((action) => ({ action, subject: name }))))

const row = { owner: 'u1' }
for (const name of names)
  for (const action of [...ACTIONS, 'approve']) {
    const expected = action !== 'approve'
    if (session.can(`${name}:${action}`, row) !== expected || ability.can(action, name) !== expected)
      throw new Error(`wrong answer for ${name}:${action}`)
  }
if (!ability.can('update', asSubject('type125', { owner: 'u1' }))) throw new Error('wrong answer for an instance')

const sink = { permitted: 0 }
const count = (answer: boolean): void => {
  if (answer) sink.permitted++
}
const time = async (check: () => boolean): Promise<number> => (await measure(() => count(check()))).avg
const casl = await time(() => ability.can('update', 'type125'))
const report = (bench: string, ours: number, target: string): void =>
  console.log(
    JSON.stringify({ bench, ours_ns: ours, peer: '@casl/ability 7.0.1', peer_ns: casl, ratio: casl / ours, target }),
  )
report('check by handle, 1,000 rules', await time(() => session.can(handle, row)), '>= 5')
report('check by string, 1,000 rules', await time(() => session.can('type125:update', row)), '>= 1')
if (sink.permitted === 0) throw new Error('nothing was permitted')
