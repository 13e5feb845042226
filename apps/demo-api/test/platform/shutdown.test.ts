import { Agent, request } from 'node:https'
import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { answer, route } from '../../src/http/route.js'
import { testApp } from '../domain/api.js'
import { closed, testApi, unlimited } from '../http/api.js'
import { call, open } from '../http/client.js'

describe('a stop', () => {
  it('lets a running request end', async () => {
    let started: () => void = () => undefined
    let finish: () => void = () => undefined
    const running = new Promise<void>((resolve) => {
      started = resolve
    })
    const slow = route({
      method: 'GET',
      url: '/v1/slow',
      summary: 'Takes as long as the test wants',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: Type.Object({ id: Type.String() }, closed) } },
      handler: async () => {
        started()
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        return answer(200, { id: 'done' })
      },
    })
    const api = await testApi({ limits: unlimited, routes: [slow] })
    const reply = call(api, { path: '/v1/slow' })
    await running
    const stopped = api.instance.close()
    await expect(open(api)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    finish()
    expect((await reply).json).toEqual({ id: 'done' })
    await stopped
  })

  it('answers what is new on an open connection with 503, then lets go of the connection', async () => {
    await using api = await testApi({ limits: unlimited })
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: api.ca, servername: 'localhost' })
    const get = () =>
      new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
        const headers = { host: `localhost:${api.port}` }
        const sent = request({ host: '127.0.0.1', port: api.port, path: '/v1/nothing', agent, headers }, (response) => {
          response.resume()
          response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
        })
        sent.on('error', reject).end()
      })
    expect(await get()).toEqual({ status: 404, connection: 'keep-alive' })
    api.state.stopping = true
    expect(await get()).toEqual({ status: 503, connection: 'close' })
    agent.destroy()
  })
})

describe('a database that is gone', () => {
  it('is 503 on routes that need it and on readiness, and liveness goes on', async () => {
    const api = await testApp()
    const { body } = await api.login('acme', 'maker')
    await api.app.source.close()
    const reply = await api.call('/v1/customers', { token: body.access_token })
    expect([reply.status, reply.body.type]).toEqual([503, `${api.publicUrl}/problems/database-unavailable`])
    expect(reply.headers['retry-after']).toBe('5')
    expect(reply.text).not.toMatch(/PGlite|closed|select/i)
    expect((await api.call('/health/ready')).status).toBe(503)
    expect((await api.call('/health/live')).status).toBe(200)
    await api.close().catch(() => undefined)
  })
})
