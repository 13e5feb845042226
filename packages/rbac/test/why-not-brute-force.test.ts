/**
 * Why-not held against a search that knows nothing of rules: it tries every set of up to three changes out of all that the
 * policy's roles and comparisons can mean, by deciding each. Every attribute stands in one comparison only, so that no
 * change can undo another and the sets are the same however an attribute comes to its value.
 */
import {
  type AnyPolicy,
  type Assignment,
  type Change,
  type Condition,
  compilePolicy,
  type DecisionRequest,
  type PolicyDocument,
  PolicyError,
} from '@coffer/rbac'
import { applyChanges } from '@coffer/rbac/testing'
import { expect, it } from 'vitest'
import { breathe } from './fixtures.js'
import { Random } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const CASES = process.env['COFFER_DEEP'] === '1' ? 10_000 : 60
const PERMISSION = 'note:read'
const NOW = 5

interface Comparison {
  readonly condition: Condition
  /** What makes it true, and what makes it false; `null` where nothing may be proposed. */
  readonly holds: Change | null
  readonly fails: Change | null
}

const attribute = (path: string, op: (Change & { kind: 'attribute' })['op'], operand: string | number | boolean) =>
  ({ kind: 'attribute', path, op, operand }) as const
const COMPARISONS: readonly Comparison[] = [
  {
    condition: { 'resource.owner': { eq: 'u1' } },
    holds: attribute('resource.owner', 'eq', 'u1'),
    fails: attribute('resource.owner', 'ne', 'u1'),
  },
  {
    condition: { 'resource.size': { lte: 10 } },
    holds: attribute('resource.size', 'lte', 10),
    fails: attribute('resource.size', 'gt', 10),
  },
  {
    condition: { 'resource.tag': { eq: 'a' } },
    holds: attribute('resource.tag', 'eq', 'a'),
    fails: { kind: 'attribute', path: 'resource.tag', op: 'in', operand: ['b', 'c'] },
  },
  {
    condition: { 'context.channel': { exists: true } },
    holds: attribute('context.channel', 'exists', true),
    fails: attribute('context.channel', 'exists', false),
  },
  {
    condition: { 'subject.limit': { gt: 3 } },
    holds: attribute('subject.limit', 'gt', 3),
    fails: attribute('subject.limit', 'lte', 3),
  },
  { condition: { 'subject.assurance': { gte: 2 } }, holds: { kind: 'assurance', atLeast: 2 }, fails: null },
]

interface Case {
  readonly document: PolicyDocument
  readonly request: DecisionRequest
  /** Everything that could be proposed. */
  readonly universe: readonly Change[]
}

/** Deals each comparison at most once. */
class Dealer {
  readonly dealt: Comparison[] = []
  readonly #random: Random
  readonly #left = [...COMPARISONS]

  constructor(random: Random) {
    this.#random = random
  }

  condition(depth: number): { readonly when?: Condition } {
    const when = this.#condition(depth)
    return when === undefined ? {} : { when }
  }

  #condition(depth: number): Condition | undefined {
    const shape = depth === 0 ? 0 : this.#random.below(5)
    if (shape === 1) {
      const inner = this.#condition(depth - 1)
      return inner === undefined ? undefined : { not: inner }
    }
    if (shape === 2 || shape === 3) {
      const items = [this.#condition(depth - 1), this.#condition(depth - 1)].filter((item) => item !== undefined)
      return items.length === 0 ? undefined : shape === 2 ? { all: items } : { any: items }
    }
    const [comparison] = this.#left.splice(this.#random.below(this.#left.length), 1)
    if (comparison !== undefined) this.dealt.push(comparison)
    return comparison?.condition
  }
}

function caseOf(random: Random): Case {
  const names = Array.from({ length: 2 + random.below(3) }, (_, index) => `r${index}`)
  const dealer = new Dealer(random)
  const roles = Object.fromEntries(
    names.map((name, index) => [
      name,
      {
        inherits: random.some(names.slice(index + 1), 0.3),
        permit: random.chance(0.6)
          ? [
              random.chance(0.3)
                ? PERMISSION
                : { id: `p${index}`, permission: PERMISSION, ...(random.chance(0.8) && dealer.condition(2)) },
            ]
          : ['note:write'],
      },
    ]),
  )
  const deny = Array.from({ length: random.below(3) }, (_, index) => ({
    id: `d${index}`,
    permission: PERMISSION,
    ...(random.chance(0.4) && { roles: [random.pick(names)] as [string] }),
    ...dealer.condition(1),
  }))
  const document: PolicyDocument = {
    policy: 'small',
    version: '1',
    subject: { limit: 'int?' },
    context: { channel: 'string?' },
    resources: {
      note: { actions: ['read', 'write'], attributes: { owner: 'id?', size: 'int?', tag: ['a', 'b', 'c', '?'] } },
    },
    roles,
    deny,
    ...(random.chance(0.3) && {
      constraints: [
        { id: 'sod', kind: random.pick(['ssd', 'dsd']), roles: [names[0] ?? '', names[1] ?? ''], atMost: 1 },
      ],
    }),
  }
  const held = random.some(names, 0.3).map((role): string | Assignment => {
    if (random.chance(0.7)) return role
    return { role, notBefore: random.pick([0, 9]) }
  })
  const valid = held.filter((entry) => typeof entry === 'string' || entry.notBefore === 0)
  const authorised = closure(document, valid.map(roleOf))
  const activeRoles = random.chance(0.4) ? random.some([...authorised], 0.4) : undefined
  const maybe = (name: string, value: unknown): object => (random.chance(0.7) ? { [name]: value } : {})
  const request: DecisionRequest = {
    subject: {
      id: 'u',
      roles: held,
      attributes: { ...maybe('limit', random.pick([1, 9, 'nine'])) },
      ...(random.chance(0.5) && { assurance: random.below(4) }),
    },
    permission: PERMISSION,
    resource: {
      ...maybe('owner', random.pick(['u1', 'u2', 7])),
      ...maybe('size', random.pick([5, 15, 'big'])),
      ...maybe('tag', random.pick(['a', 'b', 'zz'])),
    },
    context: { ...maybe('channel', 'web') },
    now: NOW,
    ...(activeRoles !== undefined && { activeRoles }),
  }
  const active = closure(document, activeRoles ?? valid.map(roleOf))
  const stating = names.filter((name) =>
    roles[name]?.permit.some((entry) => (typeof entry === 'string' ? entry : entry.permission) === PERMISSION),
  )
  const upcoming = held.filter((entry) => typeof entry !== 'string').filter((entry) => entry.notBefore === 9)
  const universe: Change[] = [
    ...stating.flatMap((role): Change[] => {
      if (active.has(role)) return []
      if (authorised.has(role)) return [{ kind: 'activate', role }]
      const starting = upcoming.filter((entry) => closure(document, [entry.role]).has(role))
      return [
        { kind: 'assign', role },
        ...starting.map((entry): Change => ({ kind: 'wait', role: entry.role, until: 9 })),
      ]
    }),
    ...dealer.dealt.flatMap(({ holds, fails }) => [holds, fails].filter((change) => change !== null)),
  ]
  const unlike = new Map(universe.map((change) => [JSON.stringify(change), change]))
  return { document, request, universe: [...unlike].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change) }
}

const roleOf = (entry: string | Assignment): string => (typeof entry === 'string' ? entry : entry.role)

function closure(document: PolicyDocument, roles: readonly string[]): Set<string> {
  const found = new Set(roles)
  for (const role of found) for (const junior of document.roles[role]?.inherits ?? []) found.add(junior)
  return found
}

function permits(policy: AnyPolicy, { subject, activeRoles, permission, resource, context, now = 0 }: DecisionRequest) {
  try {
    const session = policy.session(subject, { now, ...(activeRoles !== undefined && { activeRoles }) })
    return session.can(permission as never, resource, context)
  } catch {
    return false
  }
}

/** Every set of up to three changes that leads to a permit and of which no proper subset does. */
function bruteForce(policy: AnyPolicy, { request, universe }: Case): readonly (readonly Change[])[] {
  const found: (readonly Change[])[] = []
  let sets: readonly (readonly Change[])[] = [[]]
  for (let size = 1; size <= 3; size++) {
    sets = sets.flatMap((set) => {
      const from = universe.indexOf(set.at(-1) as Change) + 1
      return universe.slice(from).map((change) => [...set, change])
    })
    for (const set of sets)
      if (!found.some((smaller) => smaller.every((change) => set.includes(change))))
        if (permits(policy, applyChanges(request, set))) found.push(set)
  }
  return found
}

const sorted = (sets: readonly (readonly Change[])[]): readonly string[] =>
  sets
    .map((set) =>
      set
        .map((change) => JSON.stringify(change))
        .sort()
        .join(' + '),
    )
    .sort()

it(`finds the sets that brute force finds, on ${CASES} random denials (seed ${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const seen = { complete: 0, withSets: 0, joined: 0 }
  for (let round = 0; seen.complete < CASES; round++) {
    await breathe(round)
    const found = caseOf(new Random(SEED + round))
    let policy: AnyPolicy
    try {
      policy = compilePolicy(found.document)
    } catch (error) {
      if (error instanceof PolicyError && error.issues.every(({ code }) => code === 'constraint-unsatisfiable'))
        continue
      throw error
    }
    const { subject, activeRoles, resource, context } = found.request
    const session = policy.session(subject, { now: NOW, ...(activeRoles !== undefined && { activeRoles }) })
    const { decision, reason, whyNot, complete } = session.explain(PERMISSION as never, resource, context)
    // A set that breaks a constraint is not mended: dropping a role is never proposed.
    if (decision === 'permit' || reason === 'separation-of-duty' || !complete) continue
    expect([SEED + round, sorted(whyNot)]).toEqual([SEED + round, sorted(bruteForce(policy, found))])
    seen.complete++
    if (whyNot.length > 0) seen.withSets++
    if (whyNot.some((set) => set.length > 1)) seen.joined++
  }
  expect(seen.withSets).toBeGreaterThan(CASES / 4)
  expect(seen.joined).toBeGreaterThan(CASES / 20)
})
