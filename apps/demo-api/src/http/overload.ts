import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { Instance } from './fastify.js'
import { Problem } from './problem.js'

const maxHeapShare = 0.8
const sampleMs = 1_000

/**
 * Refuses what is new while the event loop is late or the heap nearly full. Every second is one sample; the first two
 * after listening are passed over, because what they hold is the work of the start and not the load.
 */
export async function installOverload(instance: Instance, maxEventLoopDelayMs: number): Promise<void> {
  let countsFrom = Number.POSITIVE_INFINITY
  instance.addHook('onListen', (done) => {
    countsFrom = performance.now() + 2 * sampleMs
    done()
  })
  await instance.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    maxHeapUsedBytes: getHeapStatistics().heap_size_limit * maxHeapShare,
    sampleInterval: sampleMs,
    pressureHandler: () =>
      performance.now() < countsFrom ? undefined : Promise.reject(new Problem('overloaded', { retryAfterSeconds: 2 })),
  })
}
