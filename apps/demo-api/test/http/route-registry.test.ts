import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import type { AnyRoute } from '../../src/http/route.js'
import { checkRoutes, RouteRefusedError } from '../../src/http/route-registry.js'
import { closed, sampleRoutes, testApi } from './api.js'

const body = Type.Object({ id: Type.String() }, closed)
const complete: AnyRoute = {
  method: 'GET',
  url: '/v1/things',
  summary: 'Lists things',
  permission: 'thing:read',
  limit: 'read',
  schema: { response: { 200: body } },
  handler: () => ({ status: 200, body: {} }),
}

function without(member: keyof AnyRoute): Partial<AnyRoute> {
  const { [member]: _left, ...rest } = complete
  return rest
}

describe('a start', () => {
  it('takes a route with permission, limit and schema', () => {
    expect(() => checkRoutes([complete], ['thing:read'])).not.toThrow()
  })

  it.each([
    ['no permission', without('permission')],
    ['no limit', without('limit')],
    ['no schema', without('schema')],
    ['no schema for an answer', { ...complete, schema: { response: {} } }],
    ['a permission that the policy does not know', { ...complete, permission: 'thing:destroy' as const }],
    ['a limit that is none', { ...complete, limit: 'none' as 'read' }],
    ['an open object in an answer', { ...complete, schema: { response: { 200: Type.Object({}) } } }],
    ['an open object inside a list', { ...complete, schema: { response: { 200: Type.Array(Type.Object({})) } } }],
    ['an open body', { ...complete, method: 'POST' as const, schema: { ...complete.schema, body: Type.Object({}) } }],
    ['parameters without a schema', { ...complete, url: '/v1/things/:id' as const }],
    ['a change without a schema for its body', { ...complete, method: 'PATCH' as const }],
    ['a login limit and nobody to count', { ...complete, permission: 'public' as const, limit: 'login' as const }],
    ['a guarded route that counts nobody', { ...complete, limit: 'edge' as const }],
  ])('is refused by a route with %s', (_what, route) => {
    expect(() => checkRoutes([route], ['thing:read'])).toThrow(RouteRefusedError)
  })

  it('is refused by a route that is declared twice', () => {
    expect(() => checkRoutes([complete, complete], ['thing:read'])).toThrow(/GET \/v1\/things: is declared twice/)
  })

  it('is refused by a permission that no route asks for', () => {
    expect(() => checkRoutes([complete], ['thing:read', 'thing:create'])).toThrow(/thing:create/)
  })

  it('opens no listener when it is refused', async () => {
    const routes = [...sampleRoutes(), without('permission') as AnyRoute]
    await expect(testApi({ routes })).rejects.toThrow(RouteRefusedError)
  })
})
