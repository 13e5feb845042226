import { compilePolicy, isRbacError, type PolicyDocument } from '@coffer/rbac'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RoleSet } from '../src/role-set.js'
import { RoleSetCache, type TrieNode } from '../src/role-set-cache.js'
import { minimal } from './fixtures.js'

const ROLES = Array.from({ length: 100 }, (_, index) => `r${index}`)
const wide = {
  ...minimal,
  roles: Object.fromEntries(ROLES.map((name) => [name, { permit: ['note:read'] }])),
} as PolicyDocument

const nodesBelow = (node: TrieNode): number =>
  [...node.children.values()].reduce((count, child) => count + 1 + nodesBelow(child), 0)

/** Two of the roles and then a third, another three for every number below a million. */
const rolesOf = (number: number): readonly string[] =>
  [number, Math.floor(number / 100), Math.floor(number / 10_000)].map((place) => ROLES[place % 100] ?? '')

describe('the trie of a policy with maxRoleSets: 1', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** The cache that a policy walks, and the most nodes that it had after any session. */
  const watch = (): { readonly most: () => number; readonly look: () => void } => {
    const steps = vi.spyOn(RoleSetCache.prototype, 'step')
    let most = 0
    const look = (): void => {
      const cache = steps.mock.contexts.at(-1)
      if (cache instanceof RoleSetCache) most = Math.max(most, nodesBelow(cache.root))
      steps.mockClear()
    }
    return { most: () => most, look }
  }

  it.each<[string, object, object | undefined, string]>([
    ['ceilings that are malformed', { ceilings: [7] }, undefined, 'COFFER_RBAC_SUBJECT_INVALID'],
    ['active roles that it does not hold', {}, { activeRoles: ['ghost'] }, 'COFFER_RBAC_ROLE_NOT_ASSIGNED'],
  ])('has at most 8 nodes after 2,000 sessions that are refused for %s', (_why, more, options, code) => {
    const compiled = compilePolicy(wide, { maxRoleSets: 1 })
    const { most, look } = watch()
    for (let number = 0; number < 2_000; number++) {
      try {
        compiled.session({ id: 'u', roles: rolesOf(number), ...more } as never, options as never)
        expect.unreachable()
      } catch (error) {
        expect(isRbacError(error) && error.code).toBe(code)
      }
      look()
    }
    expect(most()).toBeGreaterThan(3)
    expect(most()).toBeLessThanOrEqual(8)
  })

  it('has at most 8 nodes after 2,000 sessions that begin, each with the answers of its own roles', () => {
    const roles = { ...wide.roles, r7: {} }
    const compiled = compilePolicy({ ...wide, roles }, { maxRoleSets: 1 })
    const { most, look } = watch()
    for (let number = 0; number < 2_000; number++) {
      const held = rolesOf(number)
      const session = compiled.session({ id: 'u', roles: held })
      expect([session.can('note:read'), session.activeRoles]).toEqual([
        held.some((name) => name !== 'r7'),
        [...new Set(held)].sort(),
      ])
      look()
    }
    expect(most()).toBeGreaterThan(2)
    expect(most()).toBeLessThanOrEqual(8)
  })

  it('keeps its one row for the same roles in another order', () => {
    const compiled = compilePolicy(wide, { maxRoleSets: 1 })
    const steps = vi.spyOn(RoleSetCache.prototype, 'step')
    const rootAfter = (roles: readonly string[]): TrieNode | undefined => {
      compiled.session({ id: 'u', roles })
      const cache = steps.mock.contexts.at(-1)
      return cache instanceof RoleSetCache ? cache.root : undefined
    }
    const first = rootAfter(['r1', 'r2'])
    expect(first?.children.get('r1')?.children.get('r2')?.set).toBeInstanceOf(RoleSet)
    expect(rootAfter(['r2', 'r1'])).toBe(first)
    expect(first?.children.get('r2')?.children.get('r1')?.set).toBe(first?.children.get('r1')?.children.get('r2')?.set)
    expect(rootAfter(['r3'])).not.toBe(first)
  })

  it('takes a walk that is longer than the trie may be', () => {
    const compiled = compilePolicy(wide, { maxRoleSets: 1 })
    for (const roles of [ROLES, [...ROLES].reverse(), ROLES]) {
      const session = compiled.session({ id: 'u', roles })
      expect([session.can('note:read'), session.can('note:write'), session.activeRoles]).toEqual([
        true,
        false,
        [...ROLES].sort(),
      ])
    }
  })
})
