import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { Guards } from './guards.js'
import { Problem } from './problem.js'
import type { AnyRoute, RouteMethod, RouteRequest, RouteSchema } from './route.js'

/** A route that may not be served. It stops the start: a guard that is missing cannot be missed at run time. */
export class RouteRefusedError extends Error {
  override readonly name = 'RouteRefusedError'
  constructor(route: Partial<AnyRoute>, fault: string) {
    super(`${route.method ?? '(no method)'} ${route.url ?? '(no URL)'}: ${fault}`)
  }
}

const limitClasses = new Set<unknown>(['bulk', 'edge', 'login', 'money', 'read', 'sensitive', 'token', 'write'])
const bulkTimeoutMs = 60_000
const allMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'] as const

/**
 * Refuses the list unless every route has a permission that the policy knows, a limit and a schema for each of its
 * answers, and unless every permission of the policy is used.
 *
 * @throws {RouteRefusedError}
 */
export function checkRoutes(
  routes: readonly Partial<AnyRoute>[],
  permissions: readonly string[],
): asserts routes is readonly AnyRoute[] {
  const known = new Set<unknown>([...permissions, 'public', 'self'])
  const seen = new Set<string>()
  for (const route of routes) {
    const fault = faultOf(route, known)
    if (fault !== undefined) throw new RouteRefusedError(route, fault)
    const place = `${route.method} ${route.url}`
    if (seen.has(place)) throw new RouteRefusedError(route, 'is declared twice')
    seen.add(place)
  }
  const asked = new Set<unknown>(routes.map(({ permission }) => permission))
  const unused = permissions.find((permission) => !asked.has(permission))
  if (unused !== undefined) throw new RouteRefusedError({}, `no route asks for the permission ${unused}`)
}

function faultOf(route: Partial<AnyRoute>, known: ReadonlySet<unknown>): string | undefined {
  if (route.permission === undefined) return 'has no permission'
  if (!known.has(route.permission)) return 'has a permission that the policy does not know'
  if (!limitClasses.has(route.limit)) return 'has no limit'
  const { schema } = route
  if (schema === undefined) return 'has no schema'
  const statuses = Object.keys(schema.response ?? {})
  if (statuses.length === 0) return 'has no schema for an answer'
  for (const [name, part] of Object.entries({ ...schema, ...schema.response })) {
    if (name !== 'response' && name !== 'headers' && !isClosed(part))
      return `has a schema with an open object (${name})`
  }
  if (/:\w/.test(route.url ?? '') && schema.params === undefined) return 'has no schema for its parameters'
  if (/^(?:PATCH|PUT)$/.test(route.method ?? '') && schema.body === undefined) return 'has no schema for its body'
  if ((route.limit === 'login' || route.limit === 'token') && route.account === undefined)
    return 'has no account to limit'
  if (route.permission !== 'public' && (route.limit === 'edge' || route.limit === 'login' || route.limit === 'token')) {
    return 'is guarded but counts nobody'
  }
  return undefined
}

/** Every object of a schema says which members it has: what is not named neither comes in nor goes out. Headers are open by nature. */
function isClosed(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return true
  if (Array.isArray(schema)) return schema.every(isClosed)
  const { type, additionalProperties, patternProperties } = schema as Readonly<Record<string, unknown>>
  if (type === 'object' && additionalProperties !== false && patternProperties === undefined) return false
  return Object.values(schema).every(isClosed)
}

/** Registers the routes with their guards, and answers 405 with `Allow` for the other methods of their paths. */
export function registerRoutes(instance: FastifyInstance, routes: readonly AnyRoute[], guards: Guards): void {
  const methods = new Map<string, string[]>()
  for (const route of routes) {
    const served = servedMethods(route.method)
    methods.set(route.url, [...(methods.get(route.url) ?? []), ...served])
    for (const method of served) {
      instance.route({
        method,
        url: route.url,
        // HEAD is GET without its body (RFC 9110 §9.3.2): the same guards, and no operation of its own to describe.
        schema: { summary: route.summary, ...route.schema, hide: method === 'HEAD' },
        config: { route },
        ...(route.limit === 'bulk' ? { handlerTimeout: bulkTimeoutMs } : {}),
        handler: (request, reply) => answer(request, reply, route, guards),
      })
    }
  }
  for (const [url, served] of methods) {
    const others = allMethods.filter((method) => !served.includes(method))
    instance.route({
      method: others,
      url,
      schema: { hide: true },
      handler: (_request, reply) => {
        reply.header('allow', served.sort().join(', '))
        throw new Problem('method-not-allowed')
      },
    })
  }
}

function servedMethods(method: RouteMethod): readonly (RouteMethod | 'HEAD')[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method]
}

async function answer(request: FastifyRequest, reply: FastifyReply, route: AnyRoute, guards: Guards): Promise<unknown> {
  const input = {
    params: part(route.schema.params, request.params),
    query: part(route.schema.querystring, request.query),
    headers: part(route.schema.headers, request.headers),
    body: part(route.schema.body, request.body),
    authorization: request.headers.authorization,
  } as RouteRequest<RouteSchema>
  if (request.body !== undefined) await guards.afterBody(request, route)
  if (route.account !== undefined) await guards.account(request, route.account(input), route)
  const context = route.permission === 'public' ? guards.publicContext(request) : guards.requestContext(request)
  const result: unknown = await route.handler(input, context as never)
  const { status, body, headers } = readAnswer(result, route.schema.response)
  if (route.permission !== 'public') reply.header('cache-control', 'no-store')
  if (route.produces !== undefined) reply.type(route.produces)
  reply.code(status).headers(headers)
  return reply.send(body)
}

/** Only a part with a schema was validated, so only such a part is handed on. */
function part(schema: TSchema | undefined, value: unknown): unknown {
  return schema === undefined ? undefined : value
}

function readAnswer(
  result: unknown,
  response: RouteSchema['response'],
): { readonly status: number; readonly body: unknown; readonly headers: Record<string, string> } {
  const { status, body, headers } = result as { status: number; body: unknown; headers?: Record<string, string> }
  if (!Object.hasOwn(response, status)) throw new Problem('internal')
  return { status, body, headers: headers ?? {} }
}
