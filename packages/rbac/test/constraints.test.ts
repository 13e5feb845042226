import {
  type Assignment,
  type Constraint,
  type ConstraintViolation,
  compilePolicy,
  type PolicyDocument,
  PolicyError,
} from '@coffer/rbac'
import { expect, it } from 'vitest'
import { compiledOrNone } from './fixtures.js'
import { Random } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const ROUNDS = process.env['COFFER_DEEP'] === '1' ? 20_000 : 400
const TENANTS = [undefined, 't1', 't2'] as const
const INSTANTS = [0, 1, 2, 3, 4, 5]

interface Held extends Assignment {
  readonly subject: string
}

/** Up to six roles with inheritance, permissions to pair and constraints of every kind. */
function policyOf(random: Random): PolicyDocument {
  const names = Array.from({ length: 2 + random.below(5) }, (_, index) => `r${index}`)
  const roles = Object.fromEntries(
    names.map((name, index) => [
      name,
      { inherits: random.some(names.slice(index + 1), 0.25), permit: random.some(['x:a', 'x:b', 'x:*'], 0.25) },
    ]),
  )
  const constraints = Array.from({ length: 1 + random.below(3) }, (_, index): Constraint => {
    const id = `c${index}`
    const atMost = 1 + random.below(2)
    const kind = random.pick(['roles', 'permissions', 'cardinality'] as const)
    if (kind === 'cardinality') return { id, kind, role: random.pick(names), atMost }
    if (kind === 'permissions') return { id, kind: 'ssd', permissions: ['x:a', 'x:b'], atMost: 1 }
    return { id, kind: 'ssd', roles: [random.pick(names), random.pick(names), random.pick(names)], atMost }
  })
  return { policy: 'c', version: '1', resources: { x: { actions: ['a', 'b'] } }, roles, constraints }
}

function heldOf(random: Random, document: PolicyDocument): Held[] {
  return Array.from({ length: 1 + random.below(10) }, () => {
    const tenant = TENANTS[random.below(TENANTS.length)]
    const notBefore = random.below(4)
    return {
      subject: random.pick(['u1', 'u2', 'u3']),
      role: random.pick([...Object.keys(document.roles), 'ghost']),
      ...(tenant !== undefined && { tenant }),
      ...(random.chance(0.5) && { notBefore }),
      ...(random.chance(0.5) && { expiresAt: notBefore + 1 + random.below(2) }),
    }
  })
}

function closure(document: PolicyDocument, roles: readonly string[]): Set<string> {
  const found = new Set(roles.filter((role) => role in document.roles))
  for (const role of found) for (const junior of document.roles[role]?.inherits ?? []) found.add(junior)
  return found
}

/** Every tenant at every instant, looked at one by one. */
function bruteForce(document: PolicyDocument, held: readonly Held[]): ConstraintViolation[] {
  const found = new Map<
    string,
    { constraint: Constraint; tenant: string | undefined; subjects: Set<string>; members: Set<string> }
  >()
  const note = (
    constraint: Constraint,
    tenant: string | undefined,
    key: string,
    subjects: readonly string[],
    members: readonly string[],
  ): void => {
    const entry = found.get(key) ?? { constraint, tenant, subjects: new Set(), members: new Set() }
    for (const subject of subjects) entry.subjects.add(subject)
    for (const member of members) entry.members.add(member)
    found.set(key, entry)
  }
  for (const tenant of TENANTS)
    for (const instant of INSTANTS) {
      const valid = held.filter(
        (entry) =>
          (entry.tenant === undefined || entry.tenant === tenant) &&
          (entry.notBefore ?? -1) <= instant &&
          instant < (entry.expiresAt ?? 99),
      )
      const authorised = new Map(
        [...new Set(held.map((entry) => entry.subject))].map((subject) => [
          subject,
          closure(
            document,
            valid.filter((entry) => entry.subject === subject).map((entry) => entry.role),
          ),
        ]),
      )
      for (const constraint of document.constraints ?? []) {
        if (constraint.kind === 'cardinality') {
          const subjects = [...authorised].filter(([, roles]) => roles.has(constraint.role)).map(([subject]) => subject)
          if (subjects.length > constraint.atMost)
            note(constraint, tenant, `${constraint.id}|${tenant}`, subjects, [constraint.role])
          continue
        }
        for (const [subject, roles] of authorised) {
          const permits = (name: string): boolean =>
            [...roles].some((role) => document.roles[role]?.permit?.some((entry) => entry === name || entry === 'x:*'))
          const members =
            'roles' in constraint
              ? [...new Set(constraint.roles)].filter((role) => roles.has(role))
              : constraint.permissions.filter(permits)
          if (members.length > constraint.atMost)
            note(constraint, tenant, `${constraint.id}|${tenant}|${subject}`, [subject], members)
        }
      }
    }
  // A tenant is reported where an assignment of the subject, or of a holder of the role, names it.
  return [...found.values()]
    .filter(({ constraint, tenant, subjects }) =>
      held.some(
        (entry) =>
          entry.tenant === tenant &&
          (constraint.kind === 'cardinality'
            ? closure(document, [entry.role]).has(constraint.role)
            : subjects.has(entry.subject)),
      ),
    )
    .map(({ constraint, tenant, subjects, members }) => ({
      constraint: constraint.id,
      kind: constraint.kind,
      subjects: [...subjects].sort(),
      tenant,
      members: [...members].sort(),
      atMost: constraint.atMost,
    }))
}

const keyOf = (entry: ConstraintViolation): string =>
  JSON.stringify([entry.constraint, entry.tenant ?? '', entry.subjects])

it(`checkAssignments finds what looking at every tenant and instant finds, on ${ROUNDS} random policies (seed ${SEED})`, {
  timeout: 3_600_000,
}, () => {
  let violations = 0
  for (let round = 0; round < ROUNDS; round++) {
    const random = new Random(SEED + round)
    const document = policyOf(random)
    const held = heldOf(random, document)
    try {
      const actual = compilePolicy(document).checkAssignments(
        held.map(({ subject, ...assignment }) => ({ subject, roles: [assignment] })),
      )
      const expected = bruteForce(document, held)
      const sorted = (entries: readonly ConstraintViolation[]) =>
        [...entries].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      expect([round, sorted(actual)]).toEqual([round, sorted(expected)])
      violations += expected.length
    } catch (error) {
      if (!(error instanceof PolicyError) || error.issues.some((issue) => issue.code !== 'constraint-unsatisfiable'))
        throw error
    }
  }
  expect(violations).toBeGreaterThan(ROUNDS / 20)
})

const POLICIES = process.env['COFFER_DEEP'] === '1' ? 400 : 12

/** Every choice of the names, the empty one included. */
const choices = (names: readonly string[]): string[][] =>
  names.reduce<string[][]>((sets, name) => sets.concat(sets.map((set) => set.concat(name))), [[]])

/** The ids of the constraints of a kind that a closure breaks. */
function brokenBy(document: PolicyDocument, kind: 'ssd' | 'dsd', roles: ReadonlySet<string>): string[] {
  const permitted = new Set(
    [...roles].flatMap((role) =>
      (document.roles[role]?.permit ?? []).flatMap((entry) => (entry === 'x:*' ? ['x:a', 'x:b'] : [String(entry)])),
    ),
  )
  return (document.constraints ?? []).flatMap((constraint) => {
    if (constraint.kind !== kind) return []
    const [members, held] =
      'roles' in constraint ? [constraint.roles, roles] : [constraint.permissions, permitted as ReadonlySet<string>]
    return [...new Set(members)].filter((name) => held.has(name)).length > constraint.atMost ? [constraint.id] : []
  })
}

it(`every assignment and every activation of up to six roles breaks what its closure breaks, on ${POLICIES} policies (seed ${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const seen = { sessions: 0, ssd: 0, dsd: 0 }
  // On until both kinds were broken, whatever the seed: twelve policies need not have an SSD that can be.
  for (let round = 0, policies = 0; policies < POLICIES || seen.ssd === 0 || seen.dsd <= POLICIES; round++) {
    const random = new Random(SEED + round)
    const source = policyOf(random)
    const document: PolicyDocument = {
      ...source,
      constraints: (source.constraints ?? []).map((constraint) =>
        constraint.kind === 'ssd' && random.chance(0.5) ? { ...constraint, kind: 'dsd' } : constraint,
      ),
    }
    const policy = compiledOrNone(document)
    if (policy === undefined) continue
    policies++
    await new Promise((resolve) => setImmediate(resolve))
    for (const roles of choices(Object.keys(document.roles))) {
      const authorised = closure(document, roles)
      const ssd = brokenBy(document, 'ssd', authorised)
      if (ssd.length > 0) seen.ssd++
      const reported = policy.checkAssignments([{ subject: 'u', roles }]).filter(({ kind }) => kind === 'ssd')
      expect([round, roles, reported.map(({ constraint }) => constraint)]).toEqual([round, roles, ssd])
      for (const activeRoles of [undefined, ...choices([...authorised])]) {
        const session = policy.session({ id: 'u', roles }, { now: 0, ...(activeRoles && { activeRoles }) })
        const dsd = brokenBy(document, 'dsd', closure(document, activeRoles ?? roles))
        if (dsd.length > 0) seen.dsd++
        seen.sessions++
        const broken = [...ssd, ...dsd].sort()
        const found = session.violations.map(({ constraint }) => constraint)
        const reasons = (['x:a', 'x:b'] as const).map((name) => session.decide(name).reason === 'separation-of-duty')
        // Compared first: building a message for each of a million is most of the time.
        if (found.join() !== broken.join() || reasons.some((reason) => reason !== broken.length > 0))
          expect([round, roles, activeRoles, found, reasons]).toEqual([round, roles, activeRoles, broken, 'reasons'])
      }
    }
  }
  expect(seen.sessions).toBeGreaterThan(POLICIES)
})
