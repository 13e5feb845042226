import { createServer } from 'node:net'
import { type App, createApp } from './app.js'
import { failureName } from './http/request-log.js'
import { testCardNumbers } from './seed/test-cards.js'
import { StartError } from './start-error.js'
import { mintIdentity } from './tls.js'
import type { TourGreeting, TourReply, TourRequest, TourValue } from './tour-protocol.js'
import { createTourView } from './tour-view.js'

// The tour's own server: everything in memory, a free port, a clock that the parent moves. It ends with its parent.
const host = '127.0.0.1'
const sizes = { customers: 40, cards: 60, payments: 120 }

async function serve(): Promise<void> {
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs }
  const port = await freePort()
  const baseUrl = `https://localhost:${port}`
  const identity = await mintIdentity('localhost', Date.now())
  const random = () => crypto.getRandomValues(new Uint8Array(32))
  const app = await createApp({
    publicUrl: baseUrl,
    tls: identity,
    database: { kind: 'memory' },
    kek: random(),
    refreshSecret: random(),
    seed: { sizes, secret: random() },
    securityContact: 'mailto:hello@fincode.co.uk',
    clock,
    // The tour shows the API; how busy this machine is at the moment is no part of it.
    listener: { maxEventLoopDelayMs: 5_000 },
  })
  const view = createTourView(app.source)
  await app.listen(port, host)

  async function answer(request: TourRequest): Promise<TourValue> {
    switch (request.ask) {
      case 'forward':
        if (!Number.isSafeInteger(request.ms) || request.ms < 0) throw new RangeError('a clock is moved forward only')
        aheadMs += request.ms
        await letPass(app, request.ms)
        return null
      case 'row':
        return view.row(request.table, request.rowId)
      case 'card-numbers':
        return testCardNumbers
      case 'dump':
        return view.dump()
      case 'stop':
        await app.close()
        return null
    }
  }

  // One after another, in the order they were asked.
  let turn = Promise.resolve()
  process.on('message', (request: TourRequest) => {
    turn = turn.then(async () => {
      await send(await reply(request))
      if (request.ask === 'stop') process.disconnect()
    })
  })

  async function reply(request: TourRequest): Promise<TourReply> {
    try {
      return { kind: 'reply', id: request.id, value: await answer(request) }
    } catch (error) {
      // A range error is ours and names what was asked for; another one may quote a row.
      return {
        kind: 'refused',
        id: request.id,
        message: error instanceof RangeError ? error.message : failureName(error),
      }
    }
  }

  await send({ kind: 'ready', baseUrl, ca: identity.ca, credentials: app.credentials })
}

/** The database measures refresh tokens by its own clock, which stands where it was; revocations are due to be read again. */
async function letPass({ source, isReady }: App, ms: number): Promise<void> {
  await source.transaction((connection) =>
    connection.query(
      `UPDATE app.coffer_jwt_families AS f SET rotated_at = rotated_at - d.ms, idle_until = idle_until - d.ms, ends_at = ends_at - d.ms
         FROM (SELECT $1::float8 * interval '1 millisecond' AS ms) AS d`,
      [ms],
    ),
  )
  for (let attempt = 0; attempt < 50; attempt += 1) if (await isReady()) return
  throw new RangeError('the server did not become ready again')
}

/** Resolves when the message is out: a channel that is closed before loses it. */
function send(message: TourGreeting | TourReply): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()))
}

/** The public URL names the port before the listener has it. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}

process.on('disconnect', () => process.exit())
// Ctrl-C reaches the whole group; the parent stops this process in order.
process.on('SIGINT', () => undefined)
if (process.send === undefined) {
  process.stderr.write('this entry is started by the tour\n')
  process.exit(1)
}
serve().catch(async (error: unknown) => {
  await send({ kind: 'failed', message: error instanceof StartError ? error.message : failureName(error) })
  process.exitCode = 1
  process.disconnect()
})
