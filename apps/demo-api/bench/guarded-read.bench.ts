// How much of a bare Fastify TLS route's throughput is left when a read passes every guard: token, revocation, networks,
// two limits, policy, one transaction under row security, three fields opened, an answer by schema.
// The peer reads the same row over the same listener, pool and transaction, and answers it as it is stored.
import assert from 'node:assert/strict'
import autocannon from 'autocannon'
import fastify from 'fastify'
import { createApp } from '../src/app.js'
import type { DatabaseLocation } from '../src/db/connect.js'
import { parseId } from '../src/http/identifier.js'
import type { LimitTable } from '../src/http/rate-limits.js'
import { createListener, listenerLimits } from '../src/server.js'
import { mintIdentity } from '../src/tls.js'
import { call } from '../test/http/client.js'

const connections = 64
const seconds = Number(process.env['COFFER_BENCH_SECONDS'] ?? 4)
const rounds = 3
const url = process.env['DATABASE_URL']
const database: DatabaseLocation = url === undefined ? { kind: 'memory' } : { kind: 'server', url }
const origin = 'https://localhost:9443'
const peerOrigin = 'https://localhost:9444'

// Counted, but out of reach.
const limit = { max: 1e9, windowMs: 60_000 }
const classes = { read: limit, write: limit, money: limit, sensitive: limit, bulk: limit }
const limits: LimitTable = {
  edge: limit,
  login: { account: limit, network: limit },
  token: { credential: limit, network: limit },
  plans: { starter: classes, growth: classes, scale: classes },
}
const caps = {
  ...listenerLimits,
  maxConnectionsPerNetwork: 1_000,
  maxRequestsPerSocket: 0,
  maxEventLoopDelayMs: Number.POSITIVE_INFINITY,
}
const bytes = (fill: number) => new Uint8Array(32).fill(fill)

const identity = await mintIdentity('localhost', Date.now())
const app = await createApp({
  publicUrl: origin,
  tls: identity,
  database,
  kek: bytes(1),
  refreshSecret: bytes(2),
  seed: { sizes: { customers: 40, cards: 60, payments: 120 }, secret: bytes(3) },
  securityContact: 'mailto:security@example.com',
  limits,
  listener: caps,
})
await app.listen(9443)

const target = { port: 9443, ca: identity.ca }
const credential = app.credentials.find((sample) => sample.kind === 'api-token')
assert(credential?.kind === 'api-token')
const basic = Buffer.from(`${credential.tokenId}:${credential.apiToken}`).toString('base64')

async function accessToken(): Promise<string> {
  const body = 'grant_type=client_credentials'
  const reply = await call(target, {
    method: 'POST',
    path: '/v1/oauth/token',
    headers: {
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    },
    body,
  })
  assert.equal(reply.status, 200)
  return String(reply.json['access_token'])
}

const tokens = await Promise.all(Array.from({ length: connections }, accessToken))
assert.equal(new Set(tokens).size, connections)
const read = async (path: string) => {
  const reply = await call(target, { path, headers: { authorization: `Bearer ${tokens[0]}` } })
  assert.equal(reply.status, 200)
  return reply.json
}
const { data } = (await read('/v1/payments?limit=1')) as { data?: { id: string }[] }
const id = data?.[0]?.id ?? ''
const payment = await read(`/v1/payments/${id}`)
assert.equal(payment['id'], id)
assert.equal(typeof payment['amount'], 'number')

// The peer: the same row by its UUID, in a transaction of the same three statements.
const uuid = parseId('pay', id)
const [owner] = await app.source.transaction(async (connection) => {
  const { rows } = await connection.query<{ tenant_id: string }>('SELECT tenant_id FROM app.payments WHERE id = $1', [
    uuid,
  ])
  return rows
})
const peer = fastify({ serverFactory: (handler) => createListener(identity, caps, handler), logger: false })
peer.get('/v1/payments/:id', async () =>
  app.source.transaction(async (connection) => {
    await connection.query(
      "SELECT set_config('role', $1, true), set_config('app.tenant_id', $2, true), set_config('statement_timeout', $3, true), set_config('lock_timeout', $4, true)",
      ['coffer_app', owner?.tenant_id, '5000', '2000'],
    )
    const { rows } = await connection.query('SELECT * FROM app.payments WHERE tenant_id = $1 AND id = $2', [
      owner?.tenant_id,
      uuid,
    ])
    return rows[0]
  }),
)
await peer.listen({ port: 9444, host: '127.0.0.1' })
const { json: stored } = await call({ port: 9444, ca: identity.ca }, { path: `/v1/payments/${id}` })
assert.equal(stored['id'], uuid)
assert.match(String(stored['amount']), /^fle1\./)

/** Requests a second; every answer has to be 200. */
async function throughput(base: string, guarded: boolean, duration: number): Promise<number> {
  let next = 0
  const result = await autocannon({
    url: `${base}/v1/payments/${id}`,
    connections,
    duration,
    tlsOptions: { ca: identity.ca, servername: 'localhost' },
    setupClient: (client) => {
      if (!guarded) return
      client.setHeaders({ authorization: `Bearer ${tokens[next++ % connections]}` })
    },
  })
  assert.deepEqual([result.errors, result.timeouts, result.non2xx], [0, 0, 0])
  return result['2xx'] / result.duration
}

await throughput(origin, true, 2)
await throughput(peerOrigin, false, 2)
const ours: number[] = []
const theirs: number[] = []
for (let round = 0; round < rounds; round += 1) {
  ours.push(await throughput(origin, true, seconds))
  theirs.push(await throughput(peerOrigin, false, seconds))
}
const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const [our, their] = [median(ours), median(theirs)]
console.log(
  JSON.stringify({
    bench: `demo-api: guarded read, ${database.kind === 'server' ? 'PostgreSQL' : 'embedded database'}, requests/s ${Math.round(our)} : ${Math.round(their)}`,
    ours_ns: 1e9 / our,
    peer: 'bare Fastify TLS, same transaction',
    peer_ns: 1e9 / their,
    ratio: our / their,
    // The target is for a real PostgreSQL; the embedded one shares this thread and is reported.
    ...(database.kind === 'server' ? { target: '>= 0.60' } : {}),
  }),
)
await peer.close()
await app.close()
process.exit(0)
