import { subject as asSubject, createMongoAbility } from '@casl/ability'
import { rulesToAST } from '@casl/ability/extra'
import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { toPostgres } from '@coffer/rbac/sql'
import { do_not_optimize, measure } from 'mitata'

/** What has no target: a condition of three comparisons, a role set never seen before, explain and where. */
const source: PolicyDocument = {
  policy: 'bench',
  version: '1',
  resources: {
    payment: { actions: ['read', 'approve'], attributes: { owner: 'id', amount: 'int', state: ['open', 'done'] } },
  },
  roles: {
    clerk: {
      permit: [
        {
          id: 'own',
          permission: 'payment:approve',
          when: {
            all: [
              { 'resource.owner': { ne: '$subject.id' } },
              { 'resource.amount': { lte: 10_000 } },
              { 'resource.state': { eq: 'open' } },
            ],
          },
        },
      ],
    },
  },
}
const clock = { now: () => 0 }
const policy = compilePolicy(source, { clock })
const session = policy.session({ id: 'u1', roles: ['clerk'] })
const handle = policy.permission('payment:approve')
const conditions = { owner: { $ne: 'u1' }, amount: { $lte: 10_000 }, state: 'open' }
const ability = createMongoAbility([{ action: 'approve', subject: 'payment', conditions }])
const rows = [
  { owner: 'u2', amount: 10_000, state: 'open' },
  { owner: 'u1', amount: 10_000, state: 'open' },
  { owner: 'u2', amount: 10_001, state: 'open' },
  { owner: 'u2', amount: 1, state: 'done' },
]
// Marked once: what the peer needs to tell a payment from another object is not in the ratio.
const marked = rows.map((row) => asSubject('payment', { ...row }))
for (const [index, row] of rows.entries())
  if (session.can(handle, row) !== (index === 0) || ability.can('approve', marked[index] ?? '') !== (index === 0))
    throw new Error(`wrong answer for row ${index}`)

const line = (bench: string, ours: number, value: object = {}): void =>
  console.log(JSON.stringify({ bench, ours_ns: ours, ...value }))
const beside = (ours: number, peer: number): object => ({
  peer: '@casl/ability 7.0.1',
  peer_ns: peer,
  ratio: peer / ours,
})

let turn = 0
const three = (await measure(() => do_not_optimize(session.can(handle, rows[turn++ & 3] ?? {})))).p50
const theirs = (await measure(() => do_not_optimize(ability.can('approve', marked[turn++ & 3] ?? '')))).p50
line('check of a condition of three comparisons', three, beside(three, theirs))

const filter = (await measure(() => do_not_optimize(session.where('payment:approve')))).p50
const text = (await measure(() => do_not_optimize(toPostgres(session.where('payment:approve'))))).p50
const ast = (await measure(() => do_not_optimize(rulesToAST(ability, 'approve', 'payment')))).p50
const sql = toPostgres(session.where('payment:approve'))
if (sql.text !== '("owner" <> $1::text AND "amount" <= $2::bigint AND "state" IN ($3))') throw new Error(sql.text)
line('where, three comparisons (the peer: rulesToAST)', filter, beside(filter, ast))
line('where and its SQL, three comparisons', text)

const denied = rows[2] ?? {}
const { whyNot } = session.explain('payment:approve', denied)
if (whyNot.length !== 1) throw new Error('wrong explanation')
line('decide on a denied row', (await measure(() => do_not_optimize(session.decide(handle, denied)))).p50)
line(
  'explain a denied row, why-not included',
  (await measure(() => do_not_optimize(session.explain('payment:approve', denied)))).p50,
)

/** Every session holds three roles of 1,000 that were never held together; beside an ability of as many rules. */
const names = Array.from({ length: 1000 }, (_, index) => `role${index}`)
const types = Array.from({ length: 100 }, (_, index) => `type${index}`)
const permit = (index: number) =>
  Array.from({ length: 10 }, (_, place) => ({ type: types[(index * 13 + place * 7) % 100] ?? '', action: 'read' }))
const wide = compilePolicy(
  {
    policy: 'cold',
    version: '1',
    resources: Object.fromEntries(types.map((type) => [type, { actions: ['read', 'write'] as const }])),
    roles: Object.fromEntries(
      names.map((name, index) => [name, { permit: permit(index).map(({ type, action }) => `${type}:${action}`) }]),
    ),
  } as PolicyDocument,
  { clock },
)
let seen = 0
const trio = (): readonly number[] => {
  seen++
  return [seen % 1000, (seen * 7 + Math.floor(seen / 1000)) % 1000, (seen * 31 + Math.floor(seen / 7000)) % 1000]
}
const coldSession = () => wide.session({ id: 'u', roles: trio().map((index) => names[index] ?? '') })
const coldAbility = () =>
  createMongoAbility(trio().flatMap((index) => permit(index).map(({ type, action }) => ({ action, subject: type }))))
if (!coldSession().can('type13:read') || !coldAbility().can('read', 'type26')) throw new Error('wrong answer when cold')
const cold = (await measure(() => do_not_optimize(coldSession()))).p50
const built = (await measure(() => do_not_optimize(coldAbility()))).p50
line('session on a cold role set of three roles, 30 permits', cold, beside(cold, built))
