import { describe, expect, it } from 'vitest'
import { testApi, unlimited } from './api.js'
import { call } from './client.js'

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('an event loop that is late', () => {
  it('is not held against the start, then refuses what is new with 503, and ends', { timeout: 30_000 }, async () => {
    await using api = await testApi({ limits: unlimited, listener: { maxEventLoopDelayMs: 100 } })
    const status = async () => (await call(api, { path: '/v1/nothing' })).status
    block(900)
    expect(await status()).toBe(404)
    const busy = setInterval(() => block(300), 1)
    await expect.poll(status, { timeout: 15_000, interval: 50 }).toBe(503)
    clearInterval(busy)
    await expect.poll(status, { timeout: 15_000, interval: 200 }).toBe(404)
    expect(api.entries()).toContainEqual(expect.objectContaining({ problem: 'overloaded', status: 503 }))
  })
})
