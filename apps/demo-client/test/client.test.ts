import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { createFinCodeClient } from '../src/client.js'
import { FinCodeProblem } from '../src/problem.js'

interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server on loopback that answers every request alike and keeps what it got. */
async function answering(status: number, body: string, headers: Readonly<Record<string, string>> = {}) {
  const sent: Sent[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    sent.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: text })
    response.writeHead(status, { 'request-id': 'req_1', connection: 'close', ...headers }).end(body)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { client: createFinCodeClient({ baseUrl, fetch }), sent }
}

const problemOf = (answer: Promise<unknown>) =>
  answer.then(
    () => undefined,
    (error: unknown) => (error instanceof FinCodeProblem ? error : undefined),
  )

const customer = { id: 'cus_1', status: 'active', name: 'Ada Obi', masked: [], created_at: '2026-01-01T00:00:00Z' }
const payment = {
  id: 'pay_1',
  customer: 'cus_1',
  card: 'card_1',
  amount: 125_000,
  currency: 'NGN',
  status: 'requires_approval',
  description: null,
  requested_by: 'usr_1',
  decided_by: null,
}

describe('a request', () => {
  it('that makes something carries an idempotency key: its own, or the one given', async () => {
    const { client, sent } = await answering(201, JSON.stringify(payment))
    const body = { customer: 'cus_1', card: 'card_1', amount: 125_000, currency: 'NGN' }
    await client.createPayment(body)
    await client.createPayment(body)
    await client.createPayment(body, { idempotencyKey: 'once' })
    const keys = sent.map(({ headers }) => headers['idempotency-key'])
    expect(new Set(keys).size).toBe(3)
    expect(keys[2]).toBe('once')
    expect(sent[0]).toMatchObject({ method: 'POST', url: '/v1/payments', body: JSON.stringify(body) })
  })

  it('puts nothing personal into the URL of a search', async () => {
    const { client, sent } = await answering(200, JSON.stringify({ data: [customer], has_more: false }))
    await client.searchCustomers({ email: 'ada@example.com' })
    expect(sent[0]).toMatchObject({ method: 'POST', url: '/v1/customers/search', body: '{"email":"ada@example.com"}' })
  })

  it('keeps an ID within its segment of the path', async () => {
    const { client, sent } = await answering(200, JSON.stringify(customer))
    await client.getCustomer('../tenant?x=1#')
    expect(sent[0]?.url).toBe('/v1/customers/..%2Ftenant%3Fx%3D1%23')
  })

  it('asks for pages by limit and the last ID', async () => {
    const { client, sent } = await answering(200, JSON.stringify({ data: [], has_more: false }))
    await client.listCustomers()
    await client.listCustomers({ limit: 5, startingAfter: 'cus_1' })
    expect(sent.map(({ url }) => url)).toEqual(['/v1/customers', '/v1/customers?limit=5&starting_after=cus_1'])
  })

  it('does not follow a redirect', async () => {
    const { client, sent } = await answering(302, '', { location: 'http://127.0.0.1:1/' })
    expect(await problemOf(client.me())).toMatchObject({ status: 302, code: 'unreadable-answer' })
    expect(sent).toHaveLength(1)
  })

  it('for a revocation is a form (RFC 7009 §2.1), and any 200 will do', async () => {
    const { client, sent } = await answering(200, '')
    await client.revoke('refresh', 'client')
    expect(sent[0]).toMatchObject({ body: 'token=refresh&client_id=client' })
    expect(sent[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
  })
})

describe('an answer', () => {
  it('is read member by member, and members not known here are left out', async () => {
    const { client } = await answering(200, JSON.stringify({ ...customer, new_member: { deep: 1 }, __proto__: null }))
    expect(await client.getCustomer('cus_1')).toEqual({ ...customer, email: undefined, phone: undefined })
  })

  it('keeps a member that is null apart from one that is absent', async () => {
    const { client } = await answering(200, JSON.stringify({ ...customer, name: null }))
    expect(await client.getCustomer('cus_1')).toMatchObject({ name: null, email: undefined })
  })

  it.each([
    ['no JSON', '<html>', ''],
    ['nothing', '', ''],
    ['a list', '[]', ''],
    ['null', 'null', ''],
    ['a member missing', JSON.stringify({ ...payment, status: undefined }), '/status'],
    ['an amount as text', JSON.stringify({ ...payment, amount: '125000' }), '/amount'],
    ['an amount beyond 2^53', JSON.stringify(payment).replace('125000', '9007199254740993'), '/amount'],
    ['an amount with a fraction', JSON.stringify({ ...payment, amount: 0.5 }), '/amount'],
  ])('with %s is refused, with its place and not its text', async (_, body, pointer) => {
    const { client } = await answering(200, body)
    const problem = await problemOf(client.getPayment('pay_1'))
    expect(problem).toMatchObject({ code: 'unreadable-answer', status: 200, requestId: 'req_1' })
    expect(problem?.facts.errors).toEqual([{ pointer, rule: 'shape' }])
  })

  it('with an item of another shape names the item', async () => {
    const { client } = await answering(200, JSON.stringify({ data: [customer, { id: 7 }], has_more: false }))
    const problem = await problemOf(client.listCustomers())
    expect(problem?.facts.errors).toEqual([{ pointer: '/data/1/id', rule: 'shape' }])
  })
})

describe('a refusal', () => {
  const type = (code: string) => `https://localhost:8443/problems/${code}`

  it('of RFC 9457 is a problem with code, status, request ID and decision', async () => {
    const body = { type: type('permission-denied'), title: 'x', status: 403, instance: 'req_9', decision_id: 'dec_1' }
    const { client } = await answering(403, JSON.stringify(body))
    expect(await problemOf(client.getNetwork())).toMatchObject({
      message: '403 permission-denied',
      code: 'permission-denied',
      status: 403,
      requestId: 'req_1',
      facts: { decisionId: 'dec_1' },
    })
  })

  it('of the input says where and by which rule', async () => {
    const errors = [{ pointer: '/body/amount', rule: 'minimum' }, { pointer: 7 }, 'x']
    const { client } = await answering(400, JSON.stringify({ type: type('validation-failed'), errors }))
    const problem = await problemOf(client.me())
    expect(problem?.facts.errors).toEqual([{ pointer: '/body/amount', rule: 'minimum' }])
  })

  it('of RFC 6749 takes its code from error_uri', async () => {
    const body = { error: 'invalid_grant', error_uri: type('credentials-invalid') }
    const { client } = await answering(400, JSON.stringify(body))
    expect(await problemOf(client.refresh('x', 'y'))).toMatchObject({
      code: 'credentials-invalid',
      facts: { oauthError: 'invalid_grant' },
    })
  })

  it.each([
    ['a gateway page', '<html>502</html>'],
    ['a type that is no problem of this API', JSON.stringify({ type: 'about:blank' })],
    ['a type with more behind it', JSON.stringify({ type: type('not-found/../x y') })],
    ['a type of another kind', JSON.stringify({ type: 7 })],
  ])('in the form of %s has its status and no code of the API', async (_, body) => {
    const { client } = await answering(502, body)
    expect(await problemOf(client.me())).toMatchObject({ code: 'unreadable-answer', status: 502 })
  })

  it.each([
    ['7', 7],
    ['0', 0],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-1', undefined],
    ['1e9', undefined],
  ])('with Retry-After %s says to wait %s seconds', async (header, seconds) => {
    const { client } = await answering(429, JSON.stringify({ type: type('rate-limited') }), { 'retry-after': header })
    expect((await problemOf(client.me()))?.facts.retryAfterSeconds).toBe(seconds)
  })

  it('shows nothing of what was sent', async () => {
    const { client } = await answering(401, JSON.stringify({ type: type('credentials-invalid') }))
    const problem = await problemOf(
      client.logIn({ email: 'canary@example.com', password: 'canary-password', clientId: 'canary-client' }),
    )
    expect(problem?.code).toBe('credentials-invalid')
    expect(inspect(problem, { depth: 12, showHidden: true })).not.toContain('canary')
  })
})
