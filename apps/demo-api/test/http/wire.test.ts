import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApi, testApi, unlimited } from './api.js'
import { open, type Reply, raw, readReply, watchLateness } from './client.js'

let api: TestApi
let head: string

beforeAll(async () => {
  api = await testApi({
    limits: unlimited,
    listener: {
      headersTimeoutMs: 600,
      requestTimeoutMs: 900,
      checkIntervalMs: 50,
      handlerTimeoutMs: 700,
      maxConnectionsPerNetwork: 8,
    },
  })
  head = `Host: localhost:${api.port}\r\n`
})
afterAll(() => api[Symbol.asyncDispose]())

function problemOf(reply: Reply): [number, string] {
  return [reply.status, String(reply.json['type']).replace(`${api.publicUrl}/problems/`, '')]
}

describe('a request line', () => {
  it.each([
    ['absolute form', 'GET https://evil.example/v1/things/a HTTP/1.1'],
    ['a fragment', 'GET /v1/things/a#x HTTP/1.1'],
    ['an escape that is none', 'GET /v1/things/%zz HTTP/1.1'],
    ['no version', 'GET /'],
    ['another protocol', 'GET / HTTP/3.7'],
    ['a method that is none', 'G<T / HTTP/1.1'],
  ])('with %s is malformed', async (_what, line) => {
    expect(problemOf(await raw(api, `${line}\r\n${head}Authorization: Bearer good\r\n\r\n`))).toEqual([
      400,
      'malformed-request',
    ])
  })

  it('of 2048 characters is served, of 2049 is not', async () => {
    const target = (length: number) => `/v1/nothing?${'a'.repeat(length - 12)}`
    expect((await raw(api, `GET ${target(2048)} HTTP/1.1\r\n${head}\r\n`)).status).toBe(404)
    expect(problemOf(await raw(api, `GET ${target(2049)} HTTP/1.1\r\n${head}\r\n`))).toEqual([414, 'url-too-long'])
  })

  it.each([
    '/?access_token=a',
    '/?x=1&TOKEN=a',
    '/x?api_key=1',
    '/fc_test_abc',
    '/?a=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.x',
  ])('that carries a credential (%s) is refused', async (target) => {
    const reply = await raw(api, `GET ${target} HTTP/1.1\r\n${head}\r\n`)
    expect(problemOf(reply)).toEqual([400, 'credential-in-url'])
    expect(reply.text).not.toContain('eyJ')
  })
})

describe('the headers', () => {
  it.each(['Authorization: Bearer good', 'Content-Type: application/json', 'Idempotency-Key: a', 'Host: localhost:1'])(
    'with %s twice are malformed',
    async (line) => {
      const reply = await raw(api, `GET /v1/things/a HTTP/1.1\r\n${head}${line}\r\n${line}\r\n\r\n`)
      expect(problemOf(reply)).toEqual([400, 'malformed-request'])
    },
  )

  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n'],
    ['a length and an encoding', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n'],
    ['an encoding that is not chunked last', 'Transfer-Encoding: chunked, gzip\r\n'],
    ['a space before the colon', 'X-Header : a\r\n'],
    ['a folded line', 'X-Header: a\r\n b\r\n'],
    ['a NUL', 'X-Header: a\0b\r\n'],
  ])('with %s are malformed, and the connection is closed', async (_what, lines) => {
    const reply = await raw(api, `POST /v1/things HTTP/1.1\r\n${head}${lines}\r\n{}`)
    expect(problemOf(reply)).toEqual([400, 'malformed-request'])
    expect(reply.headers['connection']).toBe('close')
    expect(reply.headers['strict-transport-security']).toBe('max-age=63072000; includeSubDomains')
    expect(reply.json['instance']).toBe(reply.headers['request-id'])
  })

  it('are 64 at most', async () => {
    const lines = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: a\r\n`).join('')
    expect((await raw(api, `GET / HTTP/1.1\r\n${head}${lines(63)}\r\n`)).status).toBe(404)
    expect(problemOf(await raw(api, `GET / HTTP/1.1\r\n${head}${lines(64)}\r\n`))).toEqual([431, 'headers-too-large'])
  })

  it('over 8 KiB are too large', async () => {
    expect(problemOf(await raw(api, `GET / HTTP/1.1\r\n${head}X: ${'a'.repeat(9000)}\r\n\r\n`))).toEqual([
      431,
      'headers-too-large',
    ])
  })

  it('without Host are malformed, with another host are not served', async () => {
    expect(problemOf(await raw(api, 'GET / HTTP/1.1\r\n\r\n'))).toEqual([400, 'malformed-request'])
    expect(problemOf(await raw(api, 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'))).toEqual([421, 'host-not-served'])
    expect(problemOf(await raw(api, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))).toEqual([421, 'host-not-served'])
  })

  it('that claim another client change neither address nor network', async () => {
    await raw(
      api,
      `GET /v1/nothing HTTP/1.1\r\n${head}X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n\r\n`,
    )
    expect(api.entries().at(-1)).toMatchObject({ network: '127.0.0.0/24' })
  })

  it('cannot choose the request ID', async () => {
    const reply = await raw(api, `GET / HTTP/1.1\r\n${head}Request-Id: mine\r\nX-Request-Id: mine\r\n\r\n`)
    expect(reply.headers['request-id']).toMatch(/^req_/)
  })
})

describe('a slow client', () => {
  it('that trickles its head is answered 408 and cut off, soon after the time is over', async () => {
    const socket = await open(api)
    const lateness = watchLateness()
    const began = Date.now()
    socket.write('GET / HTTP/1.1\r\n')
    const drip = setInterval(() => socket.write('X: a\r\n'), 100)
    const reply = await readReply(socket)
    clearInterval(drip)
    expect(problemOf(reply)).toEqual([408, 'request-timeout'])
    expect(Date.now() - began).toBeGreaterThanOrEqual(550)
    expect(Date.now() - began).toBeLessThan(600 + 1500 + lateness())
    expect(socket.destroyed).toBe(true)
  })

  it('that trickles its body is answered 408 and cut off', async () => {
    const socket = await open(api)
    const lateness = watchLateness()
    const began = Date.now()
    socket.write(
      `POST /v1/things HTTP/1.1\r\n${head}Authorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
    )
    const drip = setInterval(() => socket.write('{'), 100)
    const reply = await readReply(socket)
    clearInterval(drip)
    expect(problemOf(reply)).toEqual([408, 'request-timeout'])
    expect(reply.headers['connection']).toBe('close')
    expect(Date.now() - began).toBeLessThan(900 + 1500 + lateness())
  })

  it('that sends nothing after the handshake is cut off', async () => {
    const socket = await open(api)
    const reply = await readReply(socket, 3000)
    expect([0, 408]).toContain(reply.status)
  })
})

describe('a slow handler', () => {
  it('is answered for with 503 when its time is over, and others go on', async () => {
    const stuck = raw(api, `GET /v1/stuck HTTP/1.1\r\n${head}\r\n`)
    expect((await raw(api, `GET /v1/nothing HTTP/1.1\r\n${head}\r\n`)).status).toBe(404)
    const reply = await stuck
    expect(problemOf(reply)).toEqual([503, 'overloaded'])
    expect(reply.headers['retry-after']).toBe('5')
  })
})

describe('guards that take longer than the handler has', () => {
  it('are answered for with 503 while the body waits to be read: the client was not slow', async () => {
    const limits = { limits: unlimited, listener: { handlerTimeoutMs: 300 } }
    await using stuck = await testApi({
      ...limits,
      ports: { findPrincipal: () => new Promise<never>(() => undefined) },
    })
    const reply = await raw(
      stuck,
      `POST /v1/things HTTP/1.1\r\nHost: localhost:${stuck.port}\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
    )
    expect([reply.status, reply.json['type']]).toEqual([503, `${stuck.publicUrl}/problems/overloaded`])
    expect(reply.headers['retry-after']).toBe('5')
  })
})

describe('connections of one network', () => {
  it('are 8 here; the ninth is closed before its handshake', async () => {
    const sockets = await Promise.all(Array.from({ length: 8 }, () => open(api)))
    await expect(open(api)).rejects.toThrow()
    for (const socket of sockets) socket.destroy()
    const status = async () => (await raw(api, `GET /v1/nothing HTTP/1.1\r\n${head}\r\n`)).status
    await expect.poll(status, { timeout: 10_000 }).toBe(404)
  })
})
