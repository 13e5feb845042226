import { createHash } from 'node:crypto'
import { compilePolicy } from '@coffer/rbac'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../src/canonical.js'
import { Sha256 } from '../src/sha256.js'
import { minimal } from './fixtures.js'

const deep = process.env['COFFER_DEEP'] === '1'

const sha256Hex = (text: string): string => new Sha256().update(text).hex()

describe('SHA-256', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])('of the FIPS 180-4 example %j', (text, digest) => {
    expect(sha256Hex(text)).toBe(digest)
  })

  it('agrees with node:crypto', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(sha256Hex(text)).toBe(createHash('sha256').update(text).digest('hex'))
      }),
      { numRuns: deep ? 10_000 : 100 },
    )
  })
})

describe('the hash of a policy', () => {
  const hash = compilePolicy(minimal).hash

  it('is SHA-256 over the RFC 8785 form', () => {
    expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(canonicalJson({ b: [1, 'é\n'], a: { d: null, c: 1e21 } })).toBe('{"a":{"c":1e+21,"d":null},"b":[1,"é\\n"]}')
  })

  it('is not changed by key order, layout, description, $schema or tests', () => {
    const { policy, ...rest } = minimal
    const tests = [{ name: 't', subject: { id: 'u', roles: [] }, permission: 'note:read', expect: 'deny' as const }]
    const roles = { reader: { description: 'reads', ...minimal.roles['reader'] } }
    const resources = Object.fromEntries(
      Object.entries(minimal.resources).map(([name, resource]) => [name, { description: 'd', ...resource }]),
    )
    expect(compilePolicy({ $schema: 's', description: 'd', ...rest, resources, roles, policy, tests }).hash).toBe(hash)
    const hashWith = (idle: object) => compilePolicy({ ...minimal, roles: { ...minimal.roles, idle } }).hash
    expect(hashWith({ description: 'permits nothing' })).toBe(hashWith({}))
  })

  it('is changed by a version, a rule, or an attribute that is named description', () => {
    const attributes = { description: 'string' } as const
    const changed = [
      { ...minimal, version: '2' },
      { ...minimal, deny: [{ id: 'd', permission: 'note:read' }] },
      { ...minimal, resources: { note: { actions: ['read', 'write'] as const, attributes } } },
    ].map((document) => compilePolicy(document).hash)
    expect(new Set([hash, ...changed]).size).toBe(4)
  })
})
