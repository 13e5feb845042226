import { describe, expect, it } from 'vitest'
import { testApi, unlimited } from './api.js'
import { call, open, readReply } from './client.js'

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('an event loop that is late', () => {
  it('is not held against the start, then refuses what is new with 503, and ends', { timeout: 30_000 }, async () => {
    const began = performance.now()
    await using api = await testApi({ limits: unlimited, listener: { maxEventLoopDelayMs: 100 } })
    const status = async () => (await call(api, { path: '/v1/nothing' })).status
    block(900)
    const first = await status()
    // The start is given two seconds; a machine that needs longer for this much is late by right.
    if (performance.now() - began < 2_000) expect(first).toBe(404)
    const busy = setInterval(() => block(300), 1)
    await expect.poll(status, { timeout: 15_000, interval: 50 }).toBe(503)
    clearInterval(busy)
    await expect.poll(status, { timeout: 15_000, interval: 200 }).toBe(404)
    expect(api.entries()).toContainEqual(expect.objectContaining({ problem: 'overloaded', status: 503 }))
  })

  it('answers 503 with Retry-After, not 408, to a request whose body it has not read', {
    timeout: 30_000,
  }, async () => {
    await using api = await testApi({ limits: unlimited, listener: { maxEventLoopDelayMs: 100 } })
    const head = [
      'POST /v1/things HTTP/1.1',
      `Host: localhost:${api.port}`,
      'Authorization: Bearer good',
      'Content-Type: application/json',
      'Content-Length: 2',
    ]
    const post = async () => {
      const socket = await open(api)
      // The body is still on its way when the head is judged.
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      setTimeout(() => socket.write('{}'), 20)
      return readReply(socket)
    }
    const busy = setInterval(() => block(300), 1)
    const seen = new Set<number>()
    const refused = async () => {
      const reply = await post()
      seen.add(reply.status)
      return [reply.status, reply.headers['retry-after']]
    }
    await expect.poll(refused, { timeout: 20_000, interval: 50 }).toEqual([503, '2'])
    clearInterval(busy)
    expect([...seen].sort()).not.toContain(408)
  })
})
