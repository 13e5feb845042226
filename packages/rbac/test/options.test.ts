import { compilePolicy } from '@coffer/rbac'
import { diffPolicies, lintPolicy } from '@coffer/rbac/analysis'
import { createPdp, type PdpOptions } from '@coffer/rbac/authzen'
import { toPostgres } from '@coffer/rbac/sql'
import { describe, expect, it } from 'vitest'
import { minimal } from './fixtures.js'

const policy = compilePolicy(minimal)
const subject = (): undefined => undefined
const asked: Record<string, (options: object) => unknown> = {
  compilePolicy: (options) => compilePolicy(minimal, options),
  'policy.session': (options) => policy.session({ id: 'u', roles: ['reader'] }, options),
  toPostgres: (options) => toPostgres({ kind: 'all' }, options),
  createPdp: (options) => createPdp(policy, { subject, ...options }),
  lintPolicy: (options) => lintPolicy(policy, options),
  diffPolicies: (options) => diffPolicies(policy, policy, options),
}

describe('an option that does not exist', () => {
  it.each(Object.entries(asked))('is refused by %s, which names it and the known ones', (place, ask) => {
    for (const name of ['active', 'firstParam', 'disclosure', 'clok', 'toString', '__proto__x'])
      expect(() => ask({ [name]: undefined })).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          message: expect.stringContaining(`${place} has no option ${JSON.stringify(name)} (known: `),
        }),
      )
    expect(() => ask({})).not.toThrow()
  })

  it('does not leave all roles active where activeRoles is misspelt', () => {
    const options = { active: [] } as object
    expect(() => policy.session({ id: 'u', roles: ['reader'] }, options)).toThrow(
      'policy.session has no option "active" (known: activeRoles, now)',
    )
    expect(policy.session({ id: 'u', roles: ['reader'] }, { activeRoles: [] }).can('note:read')).toBe(false)
  })

  it.each(Object.entries(asked).filter(([place]) => place !== 'createPdp'))(
    'and options of %s that are no object are refused',
    (_, ask) => {
      for (const options of [null, 1, 'now', true]) expect(() => ask(options as never)).toThrow(TypeError)
    },
  )
})

it('createPdp refuses functions that are none', () => {
  for (const name of ['subject', 'resource', 'context', 'onError'])
    expect(() => createPdp(policy, { subject, [name]: 'none' } as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(name) }),
    )
})

it('createPdp without options says which one is required', () => {
  for (const options of [undefined, {}])
    expect(() => createPdp(policy, options as PdpOptions)).toThrow('createPdp: the option subject is required')
  expect(() => createPdp(policy, null as never)).toThrow('createPdp: options must be an object')
})
