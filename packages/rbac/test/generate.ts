import type {
  AnySubject,
  Condition,
  Constraint,
  DenyRule,
  PermitRule,
  PolicyDocument,
  RoleDefinition,
} from '@coffer/rbac'

/** mulberry32: small, seeded and good enough to choose test cases. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
  chance(probability: number): boolean {
    return this.next() < probability
  }
  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new RangeError('nothing to pick from')
    return value
  }
  some<T>(values: readonly T[], probability: number): T[] {
    return values.filter(() => this.chance(probability))
  }
}

const ACTIONS = ['read', 'write', 'approve'] as const
export const TAGS = ['a', 'b', 'c'] as const
/** Two uuids, and one of them as PostgreSQL does not print it. */
export const UUIDS = ['6f1c2d3e-0000-4000-8000-00000000000a', '6f1c2d3e-0000-4000-8000-00000000000b'] as const
export const IDS = ['u1', 'u2', 'T1', ...UUIDS, UUIDS[0].toUpperCase()] as const
export const TEXTS = ['', 'x', '$y', 'é', 'e\u0301', '😀', 'X'] as const
export const INTS = [-1, 0, 1, 2, 10] as const
/** Instants around the sessions' own. */
export const INSTANTS = [0, 999, 1000, 1001, 2000] as const

/** What both resources declare alike, so that a rule may span them. */
const COMMON = {
  tenantId: 'id',
  owner: 'id',
  other: { type: 'id?', column: 'other_id', columnType: 'uuid' },
  amount: 'int',
  floor: 'int?',
  tag: TAGS,
  tag2: [...TAGS, '?'],
  note: { type: 'string?', mask: 'last4' },
  mail: { type: 'string?', mask: 'email' },
  open: 'bool?',
  dueAt: 'timestamp?',
  madeAt: 'timestamp',
} as const

const SUBJECT = {
  limit: 'int?',
  level: 'int',
  friends: 'id[]?',
  marks: 'int[]?',
  words: 'string[]?',
  word: 'string?',
  kind: TAGS,
  vip: 'bool?',
  since: 'timestamp?',
} as const
const CONTEXT = { channel: [...TAGS, '?'], amount: 'int?', friend: 'id?', at: 'timestamp?', ids: 'id[]?' } as const

type Kind = 'id' | 'string' | 'int' | 'bool' | 'timestamp' | 'tag'
const PATHS: Readonly<Record<Kind, readonly string[]>> = {
  id: ['resource.tenantId', 'resource.owner', 'resource.other', 'subject.id', 'subject.tenant', 'context.friend'],
  string: ['resource.note', 'resource.mail', 'subject.word'],
  int: ['resource.amount', 'resource.floor', 'subject.limit', 'subject.level', 'subject.assurance', 'context.amount'],
  bool: ['resource.open', 'subject.vip'],
  timestamp: ['resource.dueAt', 'resource.madeAt', 'subject.since', 'context.at', 'context.now'],
  tag: ['resource.tag', 'resource.tag2', 'subject.kind', 'context.channel'],
}
const LISTS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  id: ['subject.friends', 'context.ids'],
  int: ['subject.marks'],
  string: ['subject.words'],
}
const LITERALS: Readonly<Record<Kind, readonly (string | number | boolean)[]>> = {
  id: IDS,
  string: TEXTS,
  int: INTS,
  bool: [true, false],
  timestamp: INSTANTS,
  tag: TAGS,
}

const escaped = (value: string | number | boolean): string | number | boolean =>
  typeof value === 'string' && value.startsWith('$') ? `$${value}` : value

export function condition(random: Random, depth: number): Condition {
  const shape = depth <= 0 ? 0 : random.below(6)
  if (shape === 1) return { all: list(random, depth) }
  if (shape === 2) return { any: list(random, depth) }
  if (shape === 3) return { not: condition(random, depth - 1) }
  return comparison(random)
}

function list(random: Random, depth: number): Condition[] {
  return Array.from({ length: 1 + random.below(3) }, () => condition(random, depth - 1))
}

function comparison(random: Random): Condition {
  const kind = random.pick(['id', 'string', 'int', 'bool', 'timestamp', 'tag'] as const)
  const path = random.pick(random.chance(0.5) ? PATHS[kind].filter((name) => name.startsWith('resource')) : PATHS[kind])
  if (random.chance(0.08)) return { [path]: { exists: random.chance(0.5) } }
  const ordered = kind === 'int' || kind === 'timestamp'
  const op = random.pick(
    ordered ? (['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in'] as const) : (['eq', 'ne', 'in'] as const),
  )
  if (op === 'in') {
    const lists = LISTS[kind]
    if (lists !== undefined && random.chance(0.5)) return { [path]: { in: `$${random.pick(lists)}` } }
    return { [path]: { in: Array.from({ length: 1 + random.below(3) }, () => escaped(random.pick(LITERALS[kind]))) } }
  }
  return {
    [path]: { [op]: random.chance(0.5) ? `$${random.pick(PATHS[kind])}` : escaped(random.pick(LITERALS[kind])) },
  }
}

const PERMISSIONS = ['doc:read', 'doc:write', 'doc:approve', 'memo:read', 'memo:write', 'memo:approve'] as const
const PATTERNS = [...PERMISSIONS, 'doc:*', 'memo:*', '*:read', '*:write', '*'] as const
const FIELDS = ['*', ...Object.keys(COMMON)] as const

function permission(random: Random): string | [string, ...string[]] {
  return random.chance(0.8) ? random.pick(PATTERNS) : [random.pick(PERMISSIONS), random.pick(PATTERNS)]
}

function fields(random: Random): { fields?: [string, ...string[]]; masked?: [string, ...string[]] } {
  if (random.chance(0.7)) return {}
  return {
    ...(random.chance(0.7) && { fields: [random.pick(FIELDS), random.pick(FIELDS)] }),
    ...(random.chance(0.4) && { masked: [random.pick(['*', 'note', 'mail'])] }),
  }
}

/** A random document that compiles, or at worst has a role that breaks a constraint by itself. */
export function document(random: Random): PolicyDocument {
  const names = Array.from({ length: 2 + random.below(5) }, (_, index) => `r${index}`)
  const roles: Record<string, RoleDefinition> = {}
  for (const [index, name] of names.entries()) {
    const rules = Array.from({ length: random.below(4) }, (_, place): string | PermitRule => {
      if (random.chance(0.35)) return random.pick(PATTERNS)
      const when = random.chance(0.8) ? { when: condition(random, 3) } : {}
      return { id: `${name}.${place}`, permission: permission(random), ...when, ...fields(random) }
    })
    const permit = rules.filter((rule, place) => typeof rule !== 'string' || rules.indexOf(rule) === place)
    roles[name] = {
      inherits: random.some(names.slice(index + 1), 0.3),
      permit,
      ...(random.chance(0.2) && { scope: 'platform' }),
    }
  }
  const deny = Array.from({ length: random.below(4) }, (_, place): DenyRule => {
    const bound = random.some(names, 0.4)
    const [first, ...rest] = bound
    return {
      id: `deny.${place}`,
      permission: permission(random),
      ...(first !== undefined && random.chance(0.5) && { roles: [first, ...rest] }),
      ...(random.chance(0.85) && { when: condition(random, 3) }),
      ...(random.chance(0.25) && { fields: [random.pick(FIELDS)] }),
    }
  })
  return {
    policy: 'random',
    version: '1',
    subject: SUBJECT,
    context: CONTEXT as PolicyDocument['context'] & object,
    resources: {
      doc: {
        actions: ACTIONS,
        attributes: COMMON as unknown as Record<string, 'id'>,
        ...(random.chance(0.6) && { tenant: 'tenantId' }),
      },
      memo: { actions: ACTIONS, attributes: COMMON as unknown as Record<string, 'id'> },
    },
    roles,
    deny,
    ...(random.chance(0.25) && { ceilings: { low: [random.pick(PATTERNS), random.pick(PATTERNS)], high: ['*'] } }),
    ...(random.chance(0.3) && { constraints: constraints(random, names) }),
  }
}

function constraints(random: Random, names: readonly string[]): Constraint[] {
  return Array.from({ length: 1 + random.below(2) }, (_, index): Constraint => {
    const kind = random.pick(['ssd', 'dsd'] as const)
    if (random.chance(0.5)) return { id: `c${index}`, kind, roles: [random.pick(names), random.pick(names)], atMost: 1 }
    return { id: `c${index}`, kind, permissions: [random.pick(PERMISSIONS), random.pick(PERMISSIONS)], atMost: 1 }
  })
}

/** What is neither of the declared type nor absent, or is at an edge. */
const STRANGE: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => '5',
  () => 1.5,
  () => Number.NaN,
  () => -0,
  () => 2 ** 53,
  () => 1n,
  () => 2n ** 63n,
  () => -(2n ** 63n),
  () => 'u1\0',
  () => '\ud800',
  () => ({}),
  () => [],
  () => ['u1', 7],
  () => new Date(Number.NaN),
  () => new Date(1000),
  () => 253_402_300_800_000,
  () => true,
  () => 'c',
  () => Object('u1'),
]

function value(random: Random, type: unknown): unknown {
  if (random.chance(0.25)) return random.pick(STRANGE)()
  const base = typeof type === 'object' && type !== null && 'type' in type ? type.type : type
  if (Array.isArray(base)) return random.pick(TAGS)
  const name = String(base).replace('?', '')
  if (name.endsWith('[]')) return Array.from({ length: random.below(4) }, () => value(random, name.slice(0, -2)))
  if (name === 'timestamp' && random.chance(0.3)) return new Date(random.pick(INSTANTS))
  if (name === 'int' && random.chance(0.2)) return BigInt(random.pick(INTS))
  return random.pick(LITERALS[name as Kind])
}

function attributes(random: Random, types: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [name, type] of Object.entries(types)) if (random.chance(0.9)) result[name] = value(random, type)
  return result
}

export function resource(random: Random): Record<string, unknown> {
  return attributes(random, COMMON)
}

export function context(random: Random): Record<string, unknown> {
  return attributes(random, CONTEXT)
}

export function anyPermission(random: Random): string {
  return random.chance(0.02) ? 'doc:burn' : random.pick(PERMISSIONS)
}

export function subject(random: Random, document: PolicyDocument): AnySubject {
  const names = [...Object.keys(document.roles), 'ghost']
  const roles = random.some(names, 0.35).map((role) => {
    if (random.chance(0.7)) return role
    const notBefore = random.pick(INSTANTS)
    return {
      role,
      ...(random.chance(0.4) && { tenant: random.pick(IDS) }),
      ...(random.chance(0.4) && { notBefore }),
      ...(random.chance(0.4) && { expiresAt: notBefore + random.pick([1, 999, 1000, 1001]) }),
    }
  })
  const ceilings = random.chance(0.9)
    ? { ceilings: random.pick([['high'], ['low'], ['low', 'high'], ['none', 'high']]) }
    : {}
  return {
    id: random.pick(IDS),
    ...(random.chance(0.9) && { tenant: random.pick(IDS) }),
    roles,
    ...(random.chance(0.7) && { assurance: random.below(4) }),
    attributes: attributes(random, SUBJECT),
    ...ceilings,
  }
}

/** Attributes of which every one is there and well typed. */
function complete(random: Random, types: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [name, type] of Object.entries(types)) {
    const base = typeof type === 'object' && type !== null && 'type' in type ? type.type : type
    const kind = String(base).replace('?', '')
    const list = kind.endsWith('[]') ? (kind.slice(0, -2) as Kind) : undefined
    if (Array.isArray(base)) result[name] = random.pick(TAGS)
    else if (list === undefined) result[name] = random.pick(LITERALS[kind as Kind])
    else result[name] = Array.from({ length: random.below(4) }, () => random.pick(LITERALS[list]))
  }
  return result
}

/** A question in which nothing is missing, ill-typed or bound to a time. */
export function completeQuestion(random: Random, document: PolicyDocument) {
  return {
    subject: {
      id: random.pick(IDS),
      tenant: random.pick(IDS),
      roles: random.some(Object.keys(document.roles), 0.4),
      assurance: random.below(4),
      attributes: complete(random, SUBJECT),
    },
    resource: complete(random, COMMON),
    context: complete(random, CONTEXT),
    permission: random.pick(PERMISSIONS),
    now: random.pick(INSTANTS),
  }
}

/** Takes some of the attributes away, or exchanges them for what is ill-typed. */
export function damage(random: Random, attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(attributes).flatMap(([name, value]): [string, unknown][] => {
    if (random.chance(0.7)) return [[name, value]]
    return random.chance(0.5) ? [] : [[name, typeof value === 'string' ? 7 : 'seven']]
  })
  return Object.fromEntries(entries)
}
