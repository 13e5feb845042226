import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { movableClock } from '../src/movable-clock.js'
import { countTraffic } from '../src/traffic.js'
import { connectTrusting } from '../src/trust.js'

const server = createServer((request, response) => {
  const status = Number(request.url?.slice(1)) || 200
  const size = status === 200 ? 5_000_000 : 0
  response.writeHead(status, { 'request-id': `req_${status}` }).end(Buffer.alloc(size))
})
let baseUrl = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
})

describe('the connections', () => {
  it('hand on an answer without a body', async () => {
    const { fetch, close } = connectTrusting()
    const answer = await fetch(`${baseUrl}/204`)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    await close()
  })

  it('read no more than the largest answer of the API', async () => {
    const { fetch, close } = connectTrusting()
    await expect(fetch(`${baseUrl}/200`)).rejects.toThrow(TypeError)
    await close()
  })

  it('take a URL and a text, which can be sent again after a 401, and nothing else', async () => {
    const { fetch, close } = connectTrusting()
    await expect(fetch(new Request(baseUrl))).rejects.toThrow(/not a Request/)
    await expect(fetch(baseUrl, { method: 'POST', body: new Uint8Array(1) })).rejects.toThrow(/sends text/)
    await close()
  })

  it('once closed, send nothing', async () => {
    const { fetch, close } = connectTrusting()
    await close()
    await expect(fetch(`${baseUrl}/204`)).rejects.toThrow(TypeError)
  })
})

describe('the count of traffic', () => {
  it('tells logins, token requests and others apart, and keeps the last request ID there was', async () => {
    const answer = (id?: string) =>
      new Response(null, { status: 204, headers: id === undefined ? {} : { 'request-id': id } })
    const answers = [answer('req_1'), answer('req_2'), answer('req_3'), answer()]
    const { fetch, traffic } = countTraffic(async () => answers.shift() ?? answer())
    expect(traffic.lastRequestId).toBe(null)
    for (const path of ['/v1/auth/login', '/v1/oauth/token', '/v1/me', '/v1/me?x=/v1/oauth/token'])
      await fetch(`https://localhost${path}`)
    expect({ ...traffic }).toEqual({ lastRequestId: 'req_3', logins: 1, tokenRequests: 1, otherRequests: 2 })
  })

  it('counts what was sent and never answered', async () => {
    const { fetch, traffic } = countTraffic(() => Promise.reject(new TypeError('fetch failed')))
    await expect(fetch('https://localhost/v1/oauth/token')).rejects.toThrow('fetch failed')
    expect(traffic.tokenRequests).toBe(1)
  })
})

describe('the clock', () => {
  it('moves forward in both readings by what it is told, and never back', () => {
    const clock = movableClock()
    const before = [clock.now(), clock.monotonic()]
    clock.forward(3_600_000)
    const after = [clock.now(), clock.monotonic()]
    for (const index of [0, 1]) expect((after[index] ?? 0) - (before[index] ?? 0)).toBeGreaterThanOrEqual(3_600_000)
    expect(() => clock.forward(-1)).toThrow(RangeError)
    expect(() => clock.forward(Number.NaN)).toThrow(RangeError)
  })
})
