import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newKey, type TestApp, testApp } from './api.js'

let api: TestApp
beforeAll(async () => {
  api = await testApp({ sizes: { customers: 1, cards: 1, payments: 1 } })
})
afterAll(() => api?.close())

const body = JSON.stringify({ name: 'Slow Person' })

/** A request whose head and half a body have arrived; the server has said that it wants the rest. */
async function begin(token: string): Promise<TLSSocket> {
  const { hostname, port } = new URL(api.publicUrl)
  const socket = connect({ host: '127.0.0.1', port: Number(port), servername: hostname, ca: api.ca })
  const head = [
    'POST /v1/customers HTTP/1.1',
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${token}`,
    `Idempotency-Key: ${newKey()}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Expect: 100-continue',
    'Connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`)
  await new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve())
    socket.once('error', reject)
  })
  return socket
}

function finish(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    socket.write(body.slice(5))
  })
}

test('what is taken away while the body arrives does not act: a role, a session', async () => {
  const owner = await api.as('acme', 'owner')
  const whole = await begin(await api.as('acme', 'maker'))
  expect(await finish(whole)).toMatch(/^HTTP\/1\.1 201 /)

  const revoked = (await api.login('acme', 'maker')).body
  const late = await begin(revoked.access_token)
  await api.call('/v1/oauth/revoke', { method: 'POST', form: { token: revoked.refresh_token } })
  const refused = await finish(late)
  expect(refused).toMatch(/^HTTP\/1\.1 401 /)
  expect(refused).toContain('/problems/session-revoked')

  const dropped = await begin(await api.as('acme', 'maker'))
  const assignments = (await api.call('/v1/assignments?limit=100', { token: owner })).body.data
  const { id } = assignments.find(({ role }: { role: string }) => role === 'maker')
  expect((await api.call(`/v1/assignments/${id}`, { method: 'DELETE', token: owner })).status).toBe(200)
  const denied = await finish(dropped)
  expect(denied).toMatch(/^HTTP\/1\.1 403 /)
  expect(denied).toContain('/problems/permission-denied')
})
