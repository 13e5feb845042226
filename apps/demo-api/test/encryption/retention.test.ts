import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ConnectionSource } from '../../src/db/connect.js'
import { openDatabase } from '../../src/db/open.js'
import { createDatabase, type Database } from '../../src/db/transaction.js'
import { removeExpired, startRetention } from '../../src/encryption/retention.js'
import { newId, newUuid } from '../../src/http/identifier.js'
import { manualClock, start } from '../http/api.js'

const dayMs = 86_400_000
const keptMs = 400 * dayMs
const tenants = [newUuid(1), newUuid(2)]

let source: ConnectionSource
let database: Database
beforeAll(async () => {
  source = await openDatabase({ location: { kind: 'memory' }, clock: manualClock(), boundLogin: false })
  database = createDatabase(source)
  for (const id of tenants) {
    await query(
      "INSERT INTO app.tenants (id, slug, name, plan, status, created_at) VALUES ($1, $2, 'T', 'growth', 'active', now())",
      [id, `tenant-${id.slice(-4)}`],
    )
  }
})
afterAll(() => source.close())
beforeEach(async () => {
  await source.transaction((connection) =>
    connection.script('DELETE FROM app.openings; DELETE FROM app.idempotency_keys'),
  )
})
afterEach(() => {
  vi.useRealTimers()
})

const query = (text: string, values: readonly unknown[] = []) =>
  source.transaction(async (connection) => (await connection.query<Record<string, unknown>>(text, values)).rows)

async function opening(at: number, tenantId = tenants[0]): Promise<string> {
  const id = newUuid(at)
  await query(
    `INSERT INTO app.openings (id, tenant_id, at, request_id, actor, purpose, object, row_ids, fields, key_ids, outcome)
     VALUES ($1, $2, $3, $4, 'system', 'rotate', 'data_keys', '{}', '{}', '{}', 'success')`,
    [id, tenantId, new Date(at), newId('req', at)],
  )
  return id
}

const kept = async () => (await query('SELECT id FROM app.openings')).map(({ id }) => id).sort()

describe('a record of an opening', () => {
  test('is kept for 400 days to the millisecond, and then removed, in every tenant', async () => {
    const ids: string[] = []
    for (const tenantId of tenants) {
      await opening(start - keptMs - 1, tenantId)
      ids.push(await opening(start - keptMs, tenantId), await opening(start - 1, tenantId))
    }
    await removeExpired(database, start)
    expect(await kept()).toEqual(ids.sort())
    await removeExpired(database, start + 1)
    expect(await kept()).toHaveLength(2)
  })

  test('goes with all of its age, however many they are', async () => {
    await query(
      `INSERT INTO app.openings (id, tenant_id, at, request_id, actor, purpose, object, row_ids, fields, key_ids, outcome)
       SELECT (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid, $1, to_timestamp(0), $2, 'system', 'rotate',
              'data_keys', '{}', '{}', '{}', 'success' FROM generate_series(1, 2000) AS n`,
      [tenants[0], newId('req', 1)],
    )
    const recent = await opening(start)
    await removeExpired(database, start)
    expect(await kept()).toEqual([recent])
  })

  test('is removed by nobody who serves requests', async () => {
    await opening(start)
    const attempt = database.tenant(tenants[0] ?? '', (tx) => tx.query('DELETE FROM app.openings'))
    await expect(attempt).rejects.toMatchObject({ code: '42501' })
  })
})

test('a stored answer goes when its day is over', async () => {
  const answer = `fle1.010a0b0c0d.${'A'.repeat(70)}`
  const ids = await Promise.all(
    [start - 1, start, start + 1].map(async (until, index) => {
      const id = newUuid(until)
      await query(
        `INSERT INTO app.idempotency_keys (id, tenant_id, principal, route, key, fingerprint, status, answer, expires_at)
         VALUES ($1, $2, $3, 'POST /v1/customers', $4, $5, 201, $6, $7)`,
        [id, tenants[0], newId('usr', 1), `key-${index}`, 'f'.repeat(64), answer, new Date(until)],
      )
      return id
    }),
  )
  await removeExpired(database, start)
  expect((await query('SELECT id FROM app.idempotency_keys')).map(({ id }) => id)).toEqual([ids[2]])
})

describe('the clean-up', () => {
  const lines: string[] = []
  const log = (line: string) => lines.push(line)
  /** The clean-up over a database that can be switched off, with a clock and a timer that stand. */
  function running() {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const clock = manualClock(start)
    const state = { down: false }
    const auth: Database['auth'] = (work) =>
      state.down ? Promise.reject(new Error('an address of a person')) : database.auth(work)
    const owner = vi.fn(database.owner)
    lines.length = 0
    const retention = startRetention({ database: { ...database, auth, owner: owner as Database['owner'] }, clock, log })
    const anHour = () => vi.advanceTimersByTimeAsync(3_600_000)
    return { clock, state, owner, retention, anHour }
  }
  /** Until the run that has begun is over. */
  async function settled(owner: ReturnType<typeof running>['owner'], calls: number) {
    await vi.waitFor(() => expect(owner).toHaveBeenCalledTimes(calls))
    await Promise.all(owner.mock.results.map(({ value }) => value))
    await new Promise(setImmediate)
  }
  const perRun = tenants.length * 2

  test('runs at the start and daily by the clock, not at every hour', async () => {
    const { clock, owner, retention, anHour } = running()
    await settled(owner, perRun)
    clock.advance(dayMs - 1)
    await anHour()
    clock.advance(1)
    await anHour()
    await settled(owner, 2 * perRun)
    await retention.stop()
    clock.advance(dayMs)
    await anHour()
    expect(owner).toHaveBeenCalledTimes(2 * perRun)
  })

  test('that fails says so without a word of the failure, and runs again within the hour', async () => {
    const { state, owner, retention, anHour, clock } = running()
    await settled(owner, perRun)
    state.down = true
    clock.advance(dayMs)
    await anHour()
    await vi.waitFor(() => expect(lines).toHaveLength(1))
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 40,
      time: new Date(clock.now()).toISOString(),
      retention: 'failed',
      failure: 'Error',
    })
    state.down = false
    await anHour()
    await settled(owner, 2 * perRun)
    await retention.stop()
  })
})
