import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { storePan } from '../../src/cards/vault.js'
import type { ConnectionSource } from '../../src/db/connect.js'
import { openDatabase } from '../../src/db/open.js'
import { createDatabase } from '../../src/db/transaction.js'
import type { OpeningRequest } from '../../src/encryption/opening-records.js'
import type { RequestOpenings } from '../../src/encryption/openings.js'
import type { TenantTables } from '../../src/encryption/tables.js'
import { createEncryption, type Encryption } from '../../src/encryption/tenant-keyrings.js'
import { newId, newUuid } from '../../src/http/identifier.js'
import { manualClock, start } from '../http/api.js'

const tenantId = newUuid(1)
const otherId = newUuid(2)
const clock = manualClock(start)
const kek = randomBytes(32)
const pan = '4111111111111111'

let source: ConnectionSource
beforeAll(async () => {
  source = await openDatabase({ location: { kind: 'memory' }, clock, boundLogin: false })
})
afterAll(() => source.close())
beforeEach(async () => {
  await source.transaction((connection) =>
    connection.script('DELETE FROM app.openings; DELETE FROM vault.pans; DELETE FROM app.data_keys'),
  )
})

async function setUp() {
  const database = createDatabase(source)
  const process = () => createEncryption({ database, kek, clock, max: 1 })
  const [first, second] = [await process(), await process()]
  for (const id of [tenantId, otherId]) {
    await source.transaction((connection) =>
      connection.query(
        `INSERT INTO app.tenants (id, slug, name, plan, status, created_at)
         VALUES ($1, $2, 'A Tenant', 'growth', 'active', now()) ON CONFLICT DO NOTHING`,
        [id, `tenant-${id.slice(-4)}`],
      ),
    )
    await first.createTenantKey(id)
  }
  return { first, second }
}

const request = (permission: string): OpeningRequest => ({
  tenantId,
  actor: newId('usr', clock.now()),
  requestId: newId('req', clock.now()),
  permission,
  decisionId: () => null,
})
const storeIn = (one: RequestOpenings, tables: TenantTables) =>
  one.tenant((tx) => storePan(tx, tables, { tenantId, pan, now: clock.now() }))
const stored = async () =>
  (await source.transaction((connection) => connection.query('SELECT id FROM vault.pans'))).rows.length

describe('a keyring that has made room for another between look-up and transaction', () => {
  test.each([
    ['is gone', async () => {}],
    ['has been loaded anew', async (encryption: Encryption) => void (await encryption.tenant(tenantId))],
  ])('%s: a card number stored under a newer key meanwhile is stored once', async (_what, meanwhile) => {
    const { first, second } = await setUp()
    const late = first.openings.for(request('card:create'))
    const tables = await late.tables()
    await first.tenant(otherId)
    await second.rotate(request('key:rotate'))
    const early = second.openings.for(request('card:create'))
    const reference = await storeIn(early, await early.tables())
    await meanwhile(first)
    expect(await storeIn(late, tables)).toBe(reference)
    expect(await stored()).toBe(1)
  })
})
