import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { maker, type TestApi, testApi } from './api.js'
import { call, postJson } from './client.js'

const good = { authorization: 'Bearer good' }
let api: TestApi

beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

describe('a guarded route', () => {
  it('answers with the members its schema declares and no other', async () => {
    const reply = await call(api, { path: '/v1/things/a', headers: good })
    expect(reply.status).toBe(200)
    expect(reply.text).toBe('{"id":"a"}')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.headers['request-id']).toMatch(/^req_[0-7][0-9a-hjkmnp-tv-z]{25}$/)
    expect(reply.headers['strict-transport-security']).toBe('max-age=63072000; includeSubDomains')
    expect(reply.headers['x-content-type-options']).toBe('nosniff')
    expect(reply.headers['content-security-policy']).toBe("default-src 'none';frame-ancestors 'none'")
    expect(reply.headers['server']).toBeUndefined()
    expect(reply.headers['x-powered-by']).toBeUndefined()
    expect(reply.headers['access-control-allow-origin']).toBeUndefined()
  })

  it.each([
    [{}, 401, 'authentication-required'],
    [{ authorization: 'Bearer expired' }, 401, 'token-expired'],
    [{ authorization: 'Bearer forged' }, 401, 'token-invalid'],
  ])('refuses the credentials %j with %d %s', async (headers, status, code) => {
    const reply = await call(api, { path: '/v1/things/a', headers })
    expect(reply.status).toBe(status)
    expect(reply.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(reply.json).toEqual({
      type: `${api.publicUrl}/problems/${code}`,
      title: expect.any(String),
      status,
      instance: reply.headers['request-id'],
    })
    expect(reply.headers['www-authenticate']).toBe('Bearer realm="api"')
  })

  it('is behind the same guards when its path is spelled with escapes', async () => {
    expect((await call(api, { path: '/v1/%74hings/a' })).json['type']).toMatch(/authentication-required$/)
  })

  it('refuses a principal who may not act any more', async () => {
    api.state.principal = null
    const reply = await call(api, { path: '/v1/things/a', headers: good })
    api.state.principal = maker
    expect([reply.status, reply.json['type']]).toEqual([401, `${api.publicUrl}/problems/session-revoked`])
  })

  it('refuses an address that the networks do not admit', async () => {
    api.state.admits = false
    const reply = await call(api, { path: '/v1/things/a', headers: good })
    api.state.admits = true
    expect([reply.status, reply.json['type']]).toEqual([403, `${api.publicUrl}/problems/network-not-allowed`])
  })

  it('refuses an API token without the scope, and names the scope in the challenge', async () => {
    api.state.principal = { ...maker, kind: 'api-token', scope: ['thing:create'] }
    const reply = await call(api, { path: '/v1/things/a', headers: good })
    api.state.principal = maker
    expect([reply.status, reply.json['type']]).toEqual([403, `${api.publicUrl}/problems/scope-insufficient`])
    expect(reply.headers['www-authenticate']).toBe('Bearer realm="api", error="insufficient_scope", scope="thing:read"')
  })

  it('gives an API token without any scope nothing', async () => {
    api.state.principal = { ...maker, kind: 'api-token', scope: [] }
    const reply = await call(api, { path: '/v1/things/a', headers: good })
    api.state.principal = maker
    expect(reply.status).toBe(403)
  })

  it('answers 405 with the methods of the path', async () => {
    for (const method of ['PUT', 'DELETE', 'TRACE', 'OPTIONS']) {
      const reply = await call(api, { method, path: '/v1/things/a', headers: good })
      expect([method, reply.status, reply.headers['allow']]).toEqual([method, 405, 'GET, HEAD'])
    }
  })

  it('answers HEAD through the guards and without a body', async () => {
    expect((await call(api, { method: 'HEAD', path: '/v1/things/a' })).status).toBe(401)
    const reply = await call(api, { method: 'HEAD', path: '/v1/things/a', headers: good })
    expect([reply.status, reply.text]).toEqual([200, ''])
  })

  it('answers a path that no route has with 404', async () => {
    const reply = await call(api, { path: '/v1/nothing', headers: { 'x-http-method-override': 'DELETE' } })
    expect([reply.status, reply.json['type']]).toEqual([404, `${api.publicUrl}/problems/not-found`])
  })

  it('answers a parameter longer than any ID like an ID that was never issued', async () => {
    const reply = await call(api, { path: `/v1/things/${'a'.repeat(65)}`, headers: good })
    expect([reply.status, reply.json['type']]).toEqual([404, `${api.publicUrl}/problems/not-found`])
    expect(reply.headers['request-id']).toBe(reply.json['instance'])
    expect(reply.headers['strict-transport-security']).toBe('max-age=63072000; includeSubDomains')
  })

  it('answers 503 and closes the connection while the process stops', async () => {
    api.state.stopping = true
    const reply = await call(api, { path: '/v1/things/a', headers: good })
    api.state.stopping = false
    expect([reply.status, reply.json['type']]).toEqual([503, `${api.publicUrl}/problems/shutting-down`])
    expect(reply.headers['connection']).toBe('close')
    expect(reply.headers['retry-after']).toBe('5')
  })
})

describe('a decision', () => {
  it('that refuses whatever the row is comes before the body is read', async () => {
    await using refusing = await testApi({
      decide: () => ({ decision: 'deny', reason: 'no-permit', ruleId: null, policyHash: 'sha256:0' }),
    })
    const reply = await postJson(refusing, '/v1/things', 'not JSON at all', good)
    expect([reply.status, reply.json['type']]).toEqual([403, `${refusing.publicUrl}/problems/permission-denied`])
    expect(reply.json['decision_id']).toBe(refusing.decisions[0]?.id)
    expect(refusing.decisions[0]).toMatchObject({ permission: 'thing:create', decision: 'deny' })
  })

  it('that depends on the row is taken on the row, and its ID is in the answer and the log', async () => {
    await using refusing = await testApi({
      decide: (_permission, resource) => ({
        decision: 'deny',
        reason: resource === undefined ? 'deny-unknown' : 'denied',
        ruleId: 'four-eyes',
        policyHash: 'sha256:0',
      }),
    })
    const reply = await call(refusing, { path: '/v1/things/a', headers: good })
    expect(reply.status).toBe(403)
    expect(refusing.decisions).toHaveLength(1)
    expect(refusing.decisions[0]).toMatchObject({ resource: { id: 'a' }, ruleId: 'four-eyes' })
    expect(reply.text).not.toContain('four-eyes')
    expect(refusing.entries()).toContainEqual(
      expect.objectContaining({ decision_id: reply.json['decision_id'], status: 403 }),
    )
  })
})
