import { type ChildProcess, fork } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TourGreeting, TourReply, TourRequest } from '../../src/tour-protocol.js'
import { call } from '../http/client.js'
import { builtEntry } from './built.js'

type Ask<R = TourRequest> = R extends TourRequest ? Omit<R, 'id'> : never
type Ready = Extract<TourGreeting, { kind: 'ready' }>

let child: ChildProcess
let ready: Ready
let lastId = 0

function next<M>(accept: (message: M) => boolean): Promise<M> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the server ended with ${code}`))
    const look = (message: M) => {
      if (!accept(message)) return
      child.off('message', look).off('exit', ended)
      resolve(message)
    }
    child.on('message', look).on('exit', ended)
  })
}

function ask(question: Ask): Promise<TourReply> {
  lastId += 1
  const id = lastId
  const reply = next<TourReply>((message) => 'id' in message && message.id === id)
  child.send({ id, ...question })
  return reply
}

beforeAll(async () => {
  child = fork(builtEntry('main-tour'), { stdio: 'inherit', execArgv: [] })
  const greeting = await next<TourGreeting>(() => true)
  if (greeting.kind !== 'ready') throw new Error(greeting.message)
  ready = greeting
}, 300_000)
afterAll(() => child?.kill())

describe("the tour's server", () => {
  it('serves on a port of its own under an authority of its own', async () => {
    const port = Number(new URL(ready.baseUrl).port)
    expect((await call({ port, ca: ready.ca }, { path: '/health/ready' })).json).toEqual({ status: 'ready' })
  })

  it('shows one raw row by its ID on the wire', async () => {
    const token = ready.credentials.find((sample) => sample.kind === 'api-token')
    const reply = await ask({
      ask: 'row',
      table: 'api_tokens',
      rowId: token?.kind === 'api-token' ? token.tokenId : '',
    })
    expect(reply).toMatchObject({ kind: 'reply', value: { token_hash: expect.stringMatching(/^[0-9a-f]{64}$/) } })
  })

  it.each([
    ['pg_catalog.pg_authid', 'usr_01jqqabn00fsp8y2e5wmsnwd38'],
    ['users; DROP TABLE app.users', 'usr_01jqqabn00fsp8y2e5wmsnwd38'],
    ['users', 'not an ID'],
    ['users', 'usr_00000000000000000000000000'],
  ])('refuses the table %s with the ID %s', async (table, rowId) => {
    expect(await ask({ ask: 'row', table, rowId })).toMatchObject({ kind: 'refused' })
  })

  it('shows every row, in which no sample password, token or card number is readable', async () => {
    const reply = await ask({ ask: 'dump' })
    const numbers = await ask({ ask: 'card-numbers' })
    if (reply.kind !== 'reply' || numbers.kind !== 'reply') throw new Error('refused')
    const dump = (reply.value as readonly string[]).join('\n')
    expect(dump.length).toBeGreaterThan(100_000)
    const planted = [
      ...(numbers.value as readonly string[]),
      ...ready.credentials.flatMap((sample) =>
        sample.kind === 'user' ? [sample.email, sample.password] : [sample.apiToken],
      ),
    ]
    expect(planted.filter((value) => dump.includes(value))).toEqual([])
  })

  it('moves its clock forward, never back', async () => {
    const port = Number(new URL(ready.baseUrl).port)
    const user = ready.credentials.find((sample) => sample.kind === 'user')
    const body = JSON.stringify(user?.kind === 'user' ? { email: user.email, password: user.password } : {})
    const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    const login = await call({ port, ca: ready.ca }, { method: 'POST', path: '/v1/auth/login', headers, body })
    const me = () =>
      call(
        { port, ca: ready.ca },
        { path: '/v1/me', headers: { authorization: `Bearer ${String(login.json['access_token'])}` } },
      )
    expect((await me()).status).toBe(200)
    expect(await ask({ ask: 'forward', ms: -1 })).toMatchObject({ kind: 'refused' })
    expect(await ask({ ask: 'forward', ms: 3_700_000 })).toMatchObject({ kind: 'reply' })
    expect((await me()).json['type']).toBe(`${ready.baseUrl}/problems/token-expired`)
  })

  it('answers the stop and then ends with 0', async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    expect(await ask({ ask: 'stop' })).toMatchObject({ kind: 'reply' })
    expect(await ended).toBe(0)
  })
})
