import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compilePolicy, definePolicy } from '@coffer/rbac'
import { expect, it } from 'vitest'

const guide = readFileSync(fileURLToPath(new URL('../MIGRATION.md', import.meta.url)), 'utf8')
const own = readFileSync(fileURLToPath(import.meta.url), 'utf8').replaceAll(/\s+/g, '')

/** The two policies of MIGRATION.md, here compiled and asked. */
const fromCasl = compilePolicy(
  definePolicy({
    policy: 'from-casl',
    version: '1',
    resources: { article: { actions: ['read', 'update'], attributes: { author: 'id', published: 'bool' } } },
    roles: {
      author: {
        permit: [
          'article:read',
          { id: 'own-article', permission: 'article:update', when: { 'resource.author': { eq: '$subject.id' } } },
        ],
      },
    },
    deny: [{ id: 'published', permission: 'article:update', when: { 'resource.published': { eq: true } } }],
  }),
)
const fromCasbin = compilePolicy(
  definePolicy({
    policy: 'from-casbin',
    version: '1',
    resources: { payment: { tenant: 'tenantId', actions: ['create', 'read'], attributes: { tenantId: 'id' } } },
    roles: { clerk: { permit: ['payment:read'] }, maker: { inherits: ['clerk'], permit: ['payment:create'] } },
  }),
)

it('every policy that the migration guide shows stands here too, and compiles', () => {
  const shown = [...guide.matchAll(/definePolicy\(\{([\s\S]*?)\n {2}\}\),/g)].map((match) =>
    (match[1] ?? '').replaceAll(/\s+/g, ''),
  )
  expect(shown).toHaveLength(2)
  for (const document of shown) expect(own).toContain(document)
})

it('the guide from CASL permits the own draft and neither a published nor a stranger’s article', () => {
  const session = fromCasl.session({ id: 'u1', roles: ['author'] })
  const update = (author: string, published: boolean): boolean => session.can('article:update', { author, published })
  expect([update('u1', false), update('u1', true), update('u2', false)]).toEqual([true, false, false])
})

it('the guide from casbin permits in the domain of the assignment only', () => {
  const alice = (tenant: string) =>
    fromCasbin.session({ id: 'alice', tenant, roles: [{ role: 'maker', tenant: 't1' }] })
  expect([
    alice('t1').can('payment:create', { tenantId: 't1' }),
    alice('t2').can('payment:create', { tenantId: 't2' }),
  ]).toEqual([true, false])
})
