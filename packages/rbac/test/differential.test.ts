import { expect, it } from 'vitest'
import { breathe, compiledOrNone } from './fixtures.js'
import { anyPermission, context, document, INSTANTS, Random, resource, subject } from './generate.js'
import { reference } from './reference.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const TRIPLES = process.env['COFFER_DEEP'] === '1' ? 1_000_000 : 10_000
const SUBJECTS = 6
const ROWS = 12

it(`the engine and the plain interpreter agree on ${TRIPLES} random triples (seed ${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const reasons = new Map<string, number>()
  let triples = 0
  for (let round = 0; triples < TRIPLES; round++) {
    await breathe(round)
    const random = new Random(SEED + round)
    const source = document(random)
    const policy = compiledOrNone(source)
    if (policy === undefined) continue
    for (let s = 0; s < SUBJECTS; s++) {
      const who = subject(random, source)
      const now = random.pick(INSTANTS)
      const all = policy.session(who, { now })
      const activeRoles = random.chance(0.3) ? random.some(all.activeRoles, 0.5) : undefined
      const session = activeRoles === undefined ? all : policy.session(who, { now, activeRoles })
      for (let r = 0; r < ROWS; r++) {
        const question = {
          subject: who,
          permission: anyPermission(random),
          resource: resource(random),
          context: context(random),
          now,
        }
        const expected = reference(source, { ...question, ...(activeRoles && { activeRoles }) })
        const { permission, resource: row, context: surroundings } = question
        const { decision, reason, ruleId } = session.decide(permission as never, row, surroundings)
        const fields = session.fields(permission as never, row, surroundings)
        const actual = { decision, reason, ruleId, clear: [...fields.clear], masked: [...fields.masked] }
        const can = session.can(permission as never, row, surroundings)
        if (can !== (decision === 'permit') || JSON.stringify(actual) !== JSON.stringify(expected))
          expect({ round: SEED + round, can, ...actual }, 'print the seed with COFFER_SEED').toEqual({
            round: SEED + round,
            can: expected.decision === 'permit',
            ...expected,
          })
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        triples++
      }
    }
  }
  // A comparison proves nothing about a reason that never came up.
  for (const reason of [
    'unknown-permission',
    'separation-of-duty',
    'no-permit',
    'outside-ceiling',
    'denied',
    'deny-unknown',
    'permit-unknown',
    'permit-not-met',
    'permitted',
  ])
    expect(reasons.get(reason) ?? 0, reason).toBeGreaterThan(TRIPLES / 1000)
})
