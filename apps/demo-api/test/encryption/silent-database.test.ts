import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ConnectionSource, connect } from '../../src/db/connect.js'
import { openDatabase } from '../../src/db/open.js'
import { createDatabase, type Database } from '../../src/db/transaction.js'
import { createEncryption } from '../../src/encryption/tenant-keyrings.js'
import { manualClock } from '../http/api.js'

const tenantId = '019b76da-a800-7000-8000-000000000001'
const otherId = '019b76da-a800-7000-8000-000000000002'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('keys that the database never answers', () => {
  let source: ConnectionSource
  afterEach(() => source.close())

  /** A database whose transactions in one scope are never answered while `silent` is set. */
  async function setUp() {
    const clock = manualClock()
    source = await openDatabase({ location: { kind: 'memory' }, clock, boundLogin: false })
    for (const [slug, id] of [
      ['acme', tenantId],
      ['other', otherId],
    ]) {
      await source.transaction((connection) =>
        connection.query(
          "INSERT INTO app.tenants (id, slug, name, plan, status, created_at) VALUES ($1, $2, $2, 'growth', 'active', now())",
          [id, slug],
        ),
      )
    }
    const real = createDatabase(source)
    const state = { silent: null as string | null, asked: 0 }
    const never = <T>() => {
      state.asked += 1
      return new Promise<T>(() => undefined)
    }
    const database: Database = {
      ...real,
      tenant: (id, work) => (state.silent === id ? never() : real.tenant(id, work)),
      auth: (work) => (state.silent === 'platform' ? never() : real.auth(work)),
    }
    return { state, open: () => createEncryption({ database, kek: randomBytes(32), clock }) }
  }

  test('are given up after 30 seconds by all who wait, and the next request loads them', async () => {
    const { state, open } = await setUp()
    const encryption = await open()
    await encryption.createTenantKey(tenantId)
    await encryption.createTenantKey(otherId)
    state.silent = tenantId
    const settled: string[] = []
    const waiting = [encryption.tenant(tenantId), encryption.tenant(tenantId)].map((one) =>
      one.then(
        () => settled.push('served'),
        (error: { code: string }) => settled.push(error.code),
      ),
    )
    await encryption.tenant(otherId)
    expect(state.asked).toBe(1)
    await vi.advanceTimersByTimeAsync(29_999)
    expect(settled).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await Promise.all(waiting)
    expect(settled).toEqual(Array(2).fill('COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE'))
    expect(state.asked).toBe(1)
    state.silent = null
    const tables = await encryption.tenant(tenantId)
    expect(tables.users.encrypt({ id: tenantId, tenantId, name: 'N' }).name).toMatch(/^fle1\./)
    encryption.close()
  })

  test('end a start after 30 seconds when they are the platform’s', async () => {
    const { state, open } = await setUp()
    state.silent = 'platform'
    const start = expect(open()).rejects.toMatchObject({ code: 'database-unavailable' })
    expect(state.asked).toBe(1)
    await vi.advanceTimersByTimeAsync(30_000)
    await start
  })
})

test('a query that a server never answers is given up after 15 seconds, and its connection with it', async () => {
  // What PostgreSQL says to a login without a password: authentication is over, and queries may come.
  const welcome = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49])
  const heard: string[] = []
  const said = new EventEmitter()
  const hear = (text: string) => {
    heard.push(text)
    said.emit(text)
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('close', () => hear('closed'))
    socket.on('data', (data) => {
      if (data[0] === 0) socket.write(welcome)
      else hear(data.toString('latin1', 5, data.length - 1))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const source = await connect({ kind: 'server', url: `postgres://nobody@127.0.0.1:${port}/none` })
  const attempt = createDatabase(source).ping()
  let settled = false
  attempt.catch(() => {
    settled = true
  })
  const refused = expect(attempt).rejects.toMatchObject({ code: 'database-unavailable' })
  await once(said, 'BEGIN')
  await vi.advanceTimersByTimeAsync(14_999)
  expect(settled).toBe(false)
  const closed = once(said, 'closed')
  await vi.advanceTimersByTimeAsync(1)
  await refused
  await closed
  expect(heard).toEqual(['BEGIN', 'closed'])
  await source.close()
  server.close()
})
