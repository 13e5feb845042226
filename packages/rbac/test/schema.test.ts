import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PolicyIssueCode } from '@coffer/rbac'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { issuesOf, payments } from './fixtures.js'
import { document, Random } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const MUTANTS = process.env['COFFER_DEEP'] === '1' ? 50_000 : 800

const schema: object = JSON.parse(
  readFileSync(fileURLToPath(new URL('../policy.schema.json', import.meta.url)), 'utf8'),
)
const isValid = new Ajv2020({ strict: false }).compile(schema)

/** What a schema cannot know: names that have to exist, and types that have to agree. */
const BEYOND: ReadonlySet<PolicyIssueCode> = new Set([
  'attribute-unknown',
  'operand-type',
  'pattern-empty',
  'permission-unknown',
  'role-unknown',
  'role-cycle',
  'field-unknown',
  'tenant-invalid',
  'duplicate-id',
  'constraint-unsatisfiable',
])

/** Attributes that two resources do not declare alike, and fields without a mask. */
const BEYOND_HERE = /^attribute-type .*\/when\/|^mask-unknown .*\/masked\/\d+$/

/** Some of these a schema sees (a null, a list twice), others not (a text where the attribute is an int). */
const EITHER: ReadonlySet<PolicyIssueCode> = new Set(['operand-type', 'duplicate-id'])

const EXCHANGES: readonly unknown[] = [null, 0, 1, 1.5, -1, true, '', 'x', '$x', 'a b', [], ['x'], {}, { x: 1 }]

/** One place of a document exchanged, removed, renamed or doubled. */
function mutate(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.2)) return random.pick(EXCHANGES)
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.1)) return [...value, random.pick(EXCHANGES)]
    const place = random.below(value.length)
    return value.map((entry, index) => (index === place ? mutate(random, entry) : entry))
  }
  const entries = Object.entries(value)
  if (entries.length === 0 || random.chance(0.1)) return { ...value, extra: random.pick(EXCHANGES) }
  const place = random.below(entries.length)
  if (random.chance(0.1)) return Object.fromEntries(entries.filter((_, index) => index !== place))
  return Object.fromEntries(
    entries.map(([key, entry], index) => [key, index === place ? mutate(random, entry) : entry]),
  )
}

describe('policy.schema.json', () => {
  it('accepts what compiles', () => {
    expect(isValid(payments)).toBe(true)
    for (let round = 0; round < 100; round++)
      expect([round, isValid(document(new Random(SEED + round)))]).toEqual([round, true])
  })

  it(`refuses and accepts ${MUTANTS} mutants as the structural phase does (seed ${SEED})`, {
    timeout: 3_600_000,
  }, () => {
    let refused = 0
    for (let round = 0; round < MUTANTS; round++) {
      const random = new Random(SEED + round)
      const mutant = mutate(random, JSON.parse(JSON.stringify(random.chance(0.5) ? payments : document(random))))
      const issues = issuesOf(mutant)
      const structural = issues.filter(
        (issue) => !BEYOND.has(issue.code) && !BEYOND_HERE.test(`${issue.code} ${issue.pointer}`),
      )
      const accepted = isValid(mutant)
      if (structural.length === 0 && issues.some((issue) => EITHER.has(issue.code))) continue
      if (accepted !== (structural.length === 0))
        expect([round, accepted ? structural : isValid.errors, mutant]).toEqual([
          round,
          structural.length === 0,
          mutant,
        ])
      if (!accepted) refused++
    }
    expect(refused).toBeGreaterThan(MUTANTS / 4)
  })
})
