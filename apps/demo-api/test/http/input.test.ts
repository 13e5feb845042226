import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApi, testApi, unlimited } from './api.js'
import { call, postJson, type Reply } from './client.js'

const good = { authorization: 'Bearer good' }
let api: TestApi

beforeAll(async () => {
  api = await testApi({ limits: unlimited })
})
afterAll(() => api[Symbol.asyncDispose]())

function problemOf(reply: Reply): [number, string] {
  return [reply.status, String(reply.json['type']).replace(`${api.publicUrl}/problems/`, '')]
}

const create = (body: string, headers: Record<string, string> = {}) =>
  postJson(api, '/v1/things', body, { ...good, ...headers })

describe('a compressed body', () => {
  it('gets 415 that says what is taken; `identity` is no compression', async () => {
    const reply = await create('{"name":"a"}', { 'content-encoding': 'gzip' })
    expect(problemOf(reply)).toEqual([415, 'media-type-unsupported'])
    expect(reply.headers['accept-encoding']).toBe('identity')
    expect((await create('{"name":"a"}', { 'content-encoding': 'identity' })).status).toBe(201)
  })
})

describe('a JSON body', () => {
  it('that fits its schema is taken', async () => {
    const reply = await create('{"name":"a","amount":12.0,"labels":{"x":"y"}}')
    expect([reply.status, reply.json]).toEqual([201, { id: 'a' }])
  })

  it.each([
    ['cut short', '{"name":"a"'],
    ['empty', ' '],
    ['with a byte order mark', '\uFEFF{"name":"a"}'],
    ['with a member twice', '{"name":"a","name":"b"}'],
    ['with a member twice, once escaped', '{"name":"a","n\\u0061me":"b"}'],
    ['with a member twice, deep inside', '{"name":"a","labels":{"x":"1","x":"2"}}'],
    ['with __proto__', '{"name":"a","__proto__":{"admin":true}}'],
    ['with a number that is Infinity', '{"name":"a","amount":1e400}'],
    ['with minus zero', '{"name":"a","amount":-0}'],
    ['with 2^53 + 1', '{"name":"a","amount":9007199254740993}'],
    ['with more digits than a number holds', '{"name":"a","amount":1.00000000000000000001}'],
    ['with NUL', '{"name":"a\\u0000"}'],
    ['with a lone surrogate', '{"name":"\\ud800"}'],
    ['nested deeper than any schema', `{"name":${'['.repeat(17)}${']'.repeat(17)}}`],
    ['that is NaN', '{"name":NaN}'],
  ])('%s is malformed', async (_what, body) => {
    expect(problemOf(await create(body))).toEqual([400, 'malformed-request'])
  })

  it('whose bytes are not UTF-8 is malformed', async () => {
    const body = Buffer.from([0x7b, 0x22, 0x6e, 0x61, 0x6d, 0x65, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d])
    const headers = { ...good, 'content-type': 'application/json', 'content-length': String(body.length) }
    expect(problemOf(await call(api, { method: 'POST', path: '/v1/things', headers, body }))).toEqual([
      400,
      'malformed-request',
    ])
  })

  it.each([
    ['a string for a number', '{"name":"a","amount":"12"}', '/body/amount', 'type'],
    ['null for a number', '{"name":"a","amount":null}', '/body/amount', 'type'],
    ['a boolean for a string', '{"name":true}', '/body/name', 'type'],
    ['an array for an object', '[]', '/body', 'type'],
    ['null for an object', 'null', '/body', 'type'],
    ['a number below its minimum', '{"name":"a","amount":0}', '/body/amount', 'minimum'],
    ['a fraction for an integer', '{"name":"a","amount":1.5}', '/body/amount', 'type'],
    ['no member at all', '{}', '/body/name', 'required'],
    ['a member missing beside another one', '{"amount":1}', '/body/name', 'required'],
    ['an unknown member', '{"name":"a","role":"owner"}', '/body', 'additionalProperties'],
    ['an unknown member called constructor', '{"name":"a","constructor":{}}', '/body', 'additionalProperties'],
  ])('with %s fails at its place', async (_what, body, pointer, rule) => {
    const reply = await create(body)
    expect(problemOf(reply)).toEqual([400, 'validation-failed'])
    expect(reply.json['errors']).toEqual([{ pointer, rule }])
  })

  it('is not echoed: a member name that the client chose is written *', async () => {
    const reply = await create('{"name":"a","labels":{"secretname":4111111111111111}}')
    expect(reply.json['errors']).toEqual([{ pointer: '/body/labels/*', rule: 'type' }])
    expect(reply.text).not.toContain('secretname')
    expect(reply.text).not.toContain('4111')
  })

  it('of exactly 64 KiB reaches the schema, one byte more does not', async () => {
    const ofSize = (size: number) => `{"name":"${'a'.repeat(size - 11)}"}`
    expect(problemOf(await create(ofSize(65_536)))).toEqual([400, 'validation-failed'])
    expect(problemOf(await create(ofSize(65_537)))).toEqual([413, 'body-too-large'])
  })

  it('sent in chunks without a length is cut off at 64 KiB', async () => {
    const headers = { ...good, 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    const body = `{"name":"${'a'.repeat(70_000)}"}`
    expect(problemOf(await call(api, { method: 'POST', path: '/v1/things', headers, body }))).toEqual([
      413,
      'body-too-large',
    ])
  })
})

describe('the media type', () => {
  it.each([
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; q=1',
    '',
  ])('%j is not taken', async (type) => {
    expect(problemOf(await create('{"name":"a"}', { 'content-type': type }))).toEqual([415, 'media-type-unsupported'])
  })

  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
  ])('%j is taken', async (type) => {
    expect((await create('{"name":"a"}', { 'content-type': type })).status).toBe(201)
  })

  it('of a form is taken where the route names it, and nowhere else is JSON', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '32' }
    const body = 'grant_type=client_credentials&a='.slice(0, 29).padEnd(32, 'x')
    expect((await call(api, { method: 'POST', path: '/v1/oauth/token', headers, body })).status).toBe(200)
    expect((await postJson(api, '/v1/oauth/token', { grant_type: 'x' })).status).toBe(415)
  })

  it('does not matter without a body; a body that no schema asks for is refused', async () => {
    const headers = { ...good, 'content-type': 'application/json', 'content-length': '2' }
    const reply = await call(api, { path: '/v1/things/a', headers, body: '{}' })
    expect(problemOf(reply)).toEqual([400, 'validation-failed'])
    expect(reply.json['errors']).toEqual([{ pointer: '/body', rule: 'unexpected' }])
  })
})

describe('the OAuth endpoints', () => {
  it('refuse in the form of RFC 6749 §5.2', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '5' }
    const reply = await call(api, { method: 'POST', path: '/v1/oauth/token', headers, body: 'a=b&c' })
    expect(reply.status).toBe(400)
    expect(reply.json).toEqual({
      error: 'invalid_request',
      error_description: expect.any(String),
      error_uri: `${api.publicUrl}/problems/validation-failed`,
    })
    expect(reply.headers['cache-control']).toBe('no-store')
  })

  it('take no parameter twice', async () => {
    const body = 'grant_type=a&grant_type=b'
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) }
    expect((await call(api, { method: 'POST', path: '/v1/oauth/token', headers, body })).status).toBe(400)
  })
})

describe('a fault of the service', () => {
  it('answers 500 with the request ID and no message, and logs a name and places', async () => {
    const reply = await call(api, { path: '/v1/fault' })
    expect(problemOf(reply)).toEqual([500, 'internal'])
    expect(reply.text).not.toMatch(/select|4111|people/)
    const log = api.lines.join('')
    expect(log).not.toMatch(/4111111111111111|select name/)
    expect(api.entries()).toContainEqual(
      expect.objectContaining({ request_id: reply.json['instance'], failure: 'Error' }),
    )
  })
})

describe('the request log', () => {
  it('has the route pattern, the network and no value of the request', async () => {
    await call(api, {
      path: '/v1/things/visible-id?note=visible-query',
      headers: { ...good, 'user-agent': 'visible-agent' },
    })
    const entry = api.entries().at(-1)
    expect(entry).toMatchObject({ route: '/v1/things/:id', network: '127.0.0.0/24', method: 'GET' })
    expect(JSON.stringify(entry)).not.toContain('visible')
    expect(JSON.stringify(entry)).not.toContain('127.0.0.1')
  })
})
