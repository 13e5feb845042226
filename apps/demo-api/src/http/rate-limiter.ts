import fastifyRateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from './problem.js'
import type { Limit } from './rate-limits.js'
import type { Clock } from './request-context.js'

/** Counts requests. */
export interface RateLimiter {
  /**
   * Counts this request under the key.
   *
   * @throws {Problem} `rate-limited` with the seconds until the window ends.
   */
  take(request: FastifyRequest, key: string, limit: Limit): Promise<void>
}

/** Keys kept at a time. The least recently used one goes first: it has the least left to limit. */
const maxKeys = 100_000

/**
 * Fixed windows in memory over the injected clock; the store that `@fastify/rate-limit` brings reads `Date.now` itself.
 * A clock that is set back opens no window early.
 */
function windowStore(clock: Clock) {
  const windows = new Map<string, { count: number; startedAt: number }>()
  return class WindowStore {
    incr(
      key: string,
      done: (error: Error | null, result?: { current: number; ttl: number }) => void,
      windowMs: number,
    ): void {
      const now = clock.now()
      const found = windows.get(key)
      const window = found === undefined || now >= found.startedAt + windowMs ? { count: 0, startedAt: now } : found
      window.count += 1
      windows.delete(key)
      if (windows.size >= maxKeys) windows.delete(windows.keys().next().value ?? key)
      windows.set(key, window)
      done(null, { current: window.count, ttl: Math.min(windowMs, window.startedAt + windowMs - now) })
    }

    child(): WindowStore {
      return this
    }
  }
}

/** One counter for all classes of limits; keys are prefixed by their class, so that two classes never share one. */
export async function createRateLimiter(instance: FastifyInstance, clock: Clock): Promise<RateLimiter> {
  await instance.register(fastifyRateLimit, { global: false, store: windowStore(clock) })
  const limiters = new Map<Limit, ReturnType<typeof instance.createRateLimit>>()
  const limiterOf = (limit: Limit) => {
    let limiter = limiters.get(limit)
    if (limiter === undefined) {
      limiter = instance.createRateLimit({
        max: limit.max,
        timeWindow: limit.windowMs,
        keyGenerator: (request) => request.guard.limitKey,
      })
      limiters.set(limit, limiter)
    }
    return limiter
  }
  return {
    take: async (request, key, limit) => {
      request.guard.limitKey = key
      const result = await limiterOf(limit)(request)
      if (!result.isAllowed && result.isExceeded) {
        throw new Problem('rate-limited', { retryAfterSeconds: Math.max(1, result.ttlInSeconds) })
      }
    },
  }
}
