import type { AnySubject, Decision, PolicyDocument } from '@coffer/rbac'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compiledOrNone } from './fixtures.js'
import { anyPermission, condition, context, document, INSTANTS, Random, resource, subject } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const RUNS = process.env['COFFER_DEEP'] === '1' ? 20_000 : 150

interface Case {
  readonly random: Random
  readonly source: PolicyDocument
  readonly who: AnySubject
  readonly now: number
  readonly permission: string
  readonly row: Record<string, unknown>
  readonly surroundings: Record<string, unknown>
}

/** Holds a law on random policies, subjects and rows; the seed of a counterexample is printed. */
function law(name: string, holds: (found: Case) => void): void {
  it(`${name} (seed ${SEED})`, { timeout: 3_600_000 }, () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), (seed) => {
        const random = new Random(seed)
        const source = document(random)
        const who = subject(random, source)
        const now = random.pick(INSTANTS)
        holds({
          random,
          source,
          who,
          now,
          permission: anyPermission(random),
          row: resource(random),
          surroundings: context(random),
        })
      }),
      { seed: SEED, numRuns: RUNS },
    )
  })
}

const ask = (
  found: Case,
  source: PolicyDocument = found.source,
  over: { who?: AnySubject; row?: object; now?: number; activeRoles?: readonly string[] } = {},
): Decision | undefined => {
  const { now = found.now, activeRoles } = over
  const session = compiledOrNone(source)?.session(over.who ?? found.who, { now, ...(activeRoles && { activeRoles }) })
  return session?.decide(found.permission as never, over.row ?? found.row, found.surroundings)
}
const permits = (decision: Decision | undefined): boolean => decision?.decision === 'permit'
const shuffle = <T>(random: Random, items: readonly T[]): T[] =>
  [...items]
    .map((item) => ({ item, key: random.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)

describe('laws', () => {
  law('adding a deny never permits', (found) => {
    const deny = [...(found.source.deny ?? []), { id: 'added', permission: '*', when: condition(found.random, 2) }]
    if (permits(ask(found, { ...found.source, deny }))) expect(permits(ask(found))).toBe(true)
  })

  law('adding a permit denies nothing where no constraint counts it', (found) => {
    const { constraints: _, ...source } = found.source
    const roles = {
      ...source.roles,
      r0: {
        ...source.roles['r0'],
        permit: [
          ...(source.roles['r0']?.permit ?? []),
          { id: 'added', permission: '*', when: condition(found.random, 2) },
        ],
      },
    }
    if (permits(ask(found, source))) expect(permits(ask(found, { ...source, roles }))).toBe(true)
  })

  law('the order of roles, rules, keys and lists does not matter', (found) => {
    const { random, source } = found
    const roles = Object.fromEntries(
      shuffle(random, Object.entries(source.roles)).map(([name, role]) => [
        name,
        { ...role, permit: shuffle(random, role.permit ?? []), inherits: shuffle(random, role.inherits ?? []) },
      ]),
    )
    const { policy, version, ...rest } = source
    const turned = { ...rest, roles, deny: shuffle(random, source.deny ?? []), version, policy }
    const who = { ...found.who, roles: shuffle(random, found.who.roles) }
    expect({ ...ask(found, turned, { who }), policyHash: '' }).toEqual({ ...ask(found), policyHash: '' })
  })

  law('inheriting twice is inheriting once', (found) => {
    const roles = Object.fromEntries(
      Object.entries(found.source.roles).map(([name, role]) => [
        name,
        { ...role, inherits: [...(role.inherits ?? []), ...(role.inherits ?? [])] },
      ]),
    )
    expect({ ...ask(found, { ...found.source, roles }), policyHash: '' }).toEqual({ ...ask(found), policyHash: '' })
  })

  law('another ceiling only takes away', (found) => {
    const ceilings = found.who.ceilings
    if (ceilings === undefined || found.source.ceilings === undefined) return
    if (permits(ask(found, found.source, { who: { ...found.who, ceilings: [...ceilings, 'low'] } })))
      expect(permits(ask(found))).toBe(true)
  })

  law('without DSD, activating fewer roles only takes away', (found) => {
    const source = {
      ...found.source,
      constraints: (found.source.constraints ?? []).filter((entry) => entry.kind !== 'dsd'),
    }
    const all = compiledOrNone(source)?.session(found.who, { now: found.now }).activeRoles
    if (all === undefined) return
    if (permits(ask(found, source, { activeRoles: found.random.some(all, 0.5) })))
      expect(permits(ask(found, source))).toBe(true)
  })

  law("another tenant's row is never permitted to tenant-scoped roles", (found) => {
    const roles = Object.fromEntries(
      Object.entries(found.source.roles).map(([name, { scope: _, ...role }]) => [name, role]),
    )
    if (!found.permission.startsWith('doc:') || found.source.resources['doc']?.tenant === undefined) return
    expect(
      permits(ask(found, { ...found.source, roles }, { row: { ...found.row, tenantId: `not-${found.who.tenant}` } })),
    ).toBe(false)
  })

  law('taking an attribute away never turns a deny into a permit, exists apart', (found) => {
    if (JSON.stringify(found.source).includes('"exists"')) return
    const { [found.random.pick(Object.keys(found.row).concat('none'))]: _, ...row } = found.row
    if (permits(ask(found, found.source, { row }))) expect(permits(ask(found))).toBe(true)
  })

  law('can, decide and explain agree', (found) => {
    const session = compiledOrNone(found.source)?.session(found.who, { now: found.now })
    const decision = session?.decide(found.permission as never, found.row, found.surroundings)
    expect(session?.can(found.permission as never, found.row, found.surroundings)).toBe(decision && permits(decision))
    if (decision !== undefined && permits(decision))
      expect(session?.explain(found.permission as never, found.row, found.surroundings)).toMatchObject({ ...decision })
  })

  law('a decision is the same at every instant until its validUntil', (found) => {
    const decision = ask(found)
    if (decision === undefined) return
    for (const later of [...INSTANTS, found.now + 1, (decision.validUntil ?? 10_000) - 1]) {
      if (later < found.now || later >= (decision.validUntil ?? Number.POSITIVE_INFINITY)) continue
      expect([later, ask(found, found.source, { now: later })]).toMatchObject([
        later,
        { decision: decision.decision, reason: decision.reason, ruleId: decision.ruleId },
      ])
    }
  })

  law('a copy of the document gives the same hash and the same answer', (found) => {
    expect(ask(found, structuredClone(found.source))).toEqual(ask(found))
  })
})
