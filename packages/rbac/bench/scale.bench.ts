import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { do_not_optimize, measure } from 'mitata'

/** 10^5 roles over 10^4 permissions, 50 effective each: how long it compiles, what it holds, what a check costs. */
const PERMISSIONS = 10_000
const ACTIONS = 10
const permission = (index: number): string => `res${Math.floor((index % PERMISSIONS) / ACTIONS)}:act${index % ACTIONS}`

/** A senior inherits four juniors; each states ten permissions: 50 in the closure of a senior. */
function document(roles: number): PolicyDocument {
  const juniors = Math.min(roles / 2, 50_000)
  const entries = Array.from({ length: roles }, (_, index) => {
    const permit = Array.from({ length: 10 }, (_, place) => permission(index * 37 + place * 1009))
    const inherits = index < juniors ? [] : [0, 1, 2, 3].map((place) => `role${(index * 7 + place * 11) % juniors}`)
    return [`role${index}`, { inherits, permit }] as const
  })
  const actions = Array.from({ length: ACTIONS }, (_, index) => `act${index}`) as [string, ...string[]]
  const resources = Array.from({ length: PERMISSIONS / ACTIONS }, (_, index) => [`res${index}`, { actions }] as const)
  return { policy: 'scale', version: '1', resources: Object.fromEntries(resources), roles: Object.fromEntries(entries) }
}

const heap = (): number => {
  for (let index = 0; index < 4; index++) globalThis.gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

interface Built {
  readonly policy: ReturnType<typeof compilePolicy>
  readonly ms: number
  readonly bytes: number
}

function build(roles: number): Built {
  const before = heap()
  const { policy, ms } = compiled(roles)
  return { policy, ms, bytes: heap() - before }
}

/** In a frame of its own, so that the document is gone when the heap is looked at. */
function compiled(roles: number): Omit<Built, 'bytes'> {
  const source: PolicyDocument = JSON.parse(JSON.stringify(document(roles)))
  const start = performance.now()
  const policy = compilePolicy(source)
  return { policy, ms: performance.now() - start }
}

const small = build(100)
const large = build(100_000)
const sessions = [small, large].map(({ policy }) => policy.session({ id: 'u', roles: [policy.roles.at(-1) ?? ''] }))
const last = (policy: typeof small.policy): string => policy.roles.at(-1) ?? ''
for (const [index, { policy }] of [small, large].entries()) {
  const permitted = policy.permissions.filter((name) => sessions[index]?.can(name) === true)
  if (permitted.length < 10 || permitted.length > 50)
    throw new Error(`${last(policy)} has ${permitted.length} permissions`)
}

const cost = async (index: number): Promise<number> => {
  const { policy } = [small, large][index] ?? small
  const handles = policy.permissions.slice(0, 1024).map((permission) => policy.permission(permission))
  const session = sessions[index]
  let turn = 0
  return (await measure(() => do_not_optimize(session?.can(handles[turn++ & 1023] ?? 'none:none')))).avg
}
const [hundred = 0, hundredThousand = 0] = [await cost(0), await cost(1)]

const growth = (check: () => boolean): number => {
  for (let index = 0; index < 10_000; index++) check()
  const before = heap()
  let permitted = 0
  for (let index = 0; index < 1_000_000; index++) if (check()) permitted++
  if (permitted > 1_000_000) throw new Error('more answers than questions')
  return Math.max(0, heap() - before)
}
const [name = 'none:none', session] = [large.policy.permissions[5], sessions[1]]
const handle = large.policy.permission(name)

const line = (bench: string, value: object): void => console.log(JSON.stringify({ bench, ...value }))
line('check at 100,000 roles, beside 100 roles', {
  ours_ns: hundredThousand,
  peer: 'ourselves, 100 roles',
  peer_ns: hundred,
  ratio: hundred / hundredThousand,
  target: '>= 0.67',
})
line(`compile 100,000 roles, 1,000,000 permits: ${large.ms.toFixed(0)} ms`, {
  ours_ns: large.ms * 1e6,
  peer: '2 s',
  peer_ns: 2e9,
  ratio: 2000 / large.ms,
  target: '>= 1',
})
line(`held by them: ${(large.bytes / 1e6).toFixed(1)} MB`, {
  ours_ns: null,
  peer: '100 MB',
  peer_ns: null,
  ratio: 100e6 / large.bytes,
  target: '>= 1',
})
line(
  `heap growth over 10^6 checks: by handle ${growth(() => session?.can(handle) === true)} B, by name ${growth(() => session?.can(name) === true)} B`,
  {},
)
