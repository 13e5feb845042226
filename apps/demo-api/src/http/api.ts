import { createInstance, type Instance, type InstanceOptions, installGuards } from './fastify.js'
import { type AccessToken, createGuards, type GuardPorts } from './guards.js'
import { installOpenApi } from './openapi.js'
import { createRateLimiter } from './rate-limiter.js'
import type { AnyRoute } from './route.js'
import { checkRoutes, registerRoutes } from './route-registry.js'

export interface ApiOptions<T extends AccessToken>
  extends InstanceOptions,
    Omit<GuardPorts<T>, 'limiter' | 'servedHost'> {
  /** Every permission of the policy: a route may ask for no other, and each must be asked for. */
  readonly permissions: readonly string[]
  /** All routes; gets the OpenAPI document, which is complete once they are registered. */
  readonly routes: (openApi: () => object) => readonly AnyRoute[]
  readonly isStopping: () => boolean
}

/**
 * Fastify with its guards and all routes, ready to listen.
 *
 * @throws {RouteRefusedError} when a route lacks a permission, a limit or a schema.
 */
export async function createApi<T extends AccessToken>(options: ApiOptions<T>): Promise<Instance> {
  const { publicUrl, clock, permissions, routes, isStopping, ...ports } = options
  const instance = await createInstance(options)
  try {
    const declared = routes(() => instance.swagger())
    checkRoutes(declared, permissions)
    const limiter = await createRateLimiter(instance, clock)
    const guards = createGuards({ ...ports, limiter, clock, servedHost: new URL(publicUrl).host })
    installGuards(instance, guards, isStopping)
    await installOpenApi(instance, publicUrl)
    registerRoutes(instance, declared, guards)
    await instance.ready()
    return instance
  } catch (error) {
    await instance.close()
    throw error
  }
}
