import { compilePolicy, PolicyError } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { issuesOf, minimal } from './fixtures.js'
import { Random } from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_124)
const ROUNDS = process.env['COFFER_DEEP'] === '1' ? 20_000 : 400
const names = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const RESOURCES = ['doc', 'note'] as const
const ACTIONS = ['read', 'write', 'sign'] as const
const PERMISSIONS = RESOURCES.flatMap((resource) => ACTIONS.map((action) => `${resource}:${action}`))
const PATTERNS = [...PERMISSIONS, 'doc:*', '*:sign', '*'] as const

interface Role {
  readonly inherits: readonly string[]
  readonly permit: readonly (string | { readonly id: string; readonly permission: string })[]
}
interface Constraint {
  readonly id: string
  readonly kind: string
  readonly atMost: number
  readonly roles?: readonly string[]
  readonly permissions?: readonly string[]
}

const covers = (pattern: string, permission: string): boolean => {
  const [resource, action] = permission.split(':')
  return ['*', permission, `${resource}:*`, `*:${action}`].includes(pattern)
}

/** The conflicts by definition: the closure of every role, and of it the members of every constraint. */
function conflictsOf(roles: Readonly<Record<string, Role>>, constraints: readonly Constraint[]): readonly string[] {
  return Object.keys(roles).flatMap((role) => {
    const closure = new Set([role])
    for (const name of closure) for (const junior of roles[name]?.inherits ?? []) closure.add(junior)
    const patterns = [...closure].flatMap((name) =>
      (roles[name]?.permit ?? []).map((entry) => (typeof entry === 'string' ? entry : entry.permission)),
    )
    return constraints.flatMap(({ id, atMost, roles: listed, permissions = [] }) => {
      const members =
        listed?.filter((name) => closure.has(name)) ??
        permissions.filter((name) => patterns.some((pattern) => covers(pattern, name)))
      const text = [...new Set(members)].sort().join(', ')
      return new Set(members).size > atMost ? [`/roles/${role} ${id} allows ${atMost} of ${text},`] : []
    })
  })
}

describe('a role that breaks a constraint by itself', () => {
  it(`is found wherever the definition finds it, with its members (seed ${SEED})`, () => {
    const random = new Random(SEED)
    let found = 0
    let clean = 0
    for (let round = 0; round < ROUNDS; round++) {
      const all = names(2 + random.below(8), 'r').sort(() => random.below(3) - 1)
      const roles: Record<string, Role> = {}
      for (const [index, name] of all.entries()) {
        const inherits = all.slice(0, index).filter(() => random.chance(0.3))
        const permit = PATTERNS.filter(() => random.chance(0.1))
        const rules = random.chance(0.2) ? [{ id: `rule-${name}`, permission: random.pick(PATTERNS) }] : []
        roles[name] = { inherits, permit: [...permit, ...rules] }
      }
      const constraints = names(1 + random.below(3), 'c').map((id): Constraint => {
        const over = random.chance(0.5)
          ? { roles: all.filter((_, index) => index === 0 || random.chance(0.4)) }
          : { permissions: PERMISSIONS.filter((_, index) => index === 0 || random.chance(0.5)) }
        return { id, kind: random.pick(['ssd', 'dsd'] as const), atMost: 1 + random.below(3), ...over }
      })
      const resources = Object.fromEntries(RESOURCES.map((name) => [name, { actions: [...ACTIONS] }]))
      const document = { policy: 'p', version: '1', resources, roles, constraints }
      const expected = conflictsOf(roles, constraints)
      let issues: readonly string[] = []
      try {
        compilePolicy(document as never)
        clean++
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error
        issues = error.issues.map(({ pointer, message }) => `${pointer} ${message.replace(/,[^,]*$/, ',')}`)
        found++
      }
      expect([SEED, round, issues]).toEqual([SEED, round, expected])
    }
    expect(Math.min(found, clean)).toBeGreaterThan(ROUNDS / 10)
  })

  it('is found by the last of 64 members as by the first', () => {
    const members = names(64, 'm')
    const roles = (of: readonly string[]) => ({
      ...Object.fromEntries(members.map((name) => [name, {}])),
      top: { inherits: of },
    })
    const constraints = [{ id: 'c', kind: 'ssd', roles: members, atMost: 63 }]
    expect(issuesOf({ ...minimal, roles: roles(members), constraints }).map(({ pointer }) => pointer)).toEqual([
      '/roles/top',
    ])
    for (const left of ['m0', 'm31', 'm32', 'm63'])
      expect(() =>
        compilePolicy({ ...minimal, roles: roles(members.filter((name) => name !== left)), constraints } as never),
      ).not.toThrow()
  })

  it('is looked for in a chain of 20,000 roles in one pass', { timeout: 60_000 }, () => {
    const roles = Object.fromEntries(
      names(20_000, 'r').map((name, index) => [name, index === 0 ? {} : { inherits: [`r${index - 1}`] }]),
    )
    const constraints = [
      { id: 'c', kind: 'ssd', roles: ['r0', 'z'], atMost: 1 },
      { id: 'd', kind: 'dsd', permissions: ['note:read', 'note:write'], atMost: 1 },
    ]
    const document = { ...minimal, roles: { ...roles, r0: { permit: ['note:read'] }, z: {} }, constraints }
    const start = process.cpuUsage()
    compilePolicy(document as never)
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(4_000)
    const both = { inherits: ['r19999', 'z'], permit: ['*:write'] }
    const issues = issuesOf({ ...document, roles: { ...document.roles, both } })
    expect(issues.map(({ pointer, message }) => [pointer, message.slice(0, 1)])).toEqual([
      ['/roles/both', 'c'],
      ['/roles/both', 'd'],
    ])
  })
})
