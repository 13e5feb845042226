import { randomBytes } from 'node:crypto'
import { addDataKey, createLocalKeyEncryptionKey, type DataKeyRecord } from '@coffer/field-encryption'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { storePan } from '../../src/cards/vault.js'
import type { ConnectionSource } from '../../src/db/connect.js'
import { openDatabase } from '../../src/db/open.js'
import { createDatabase, type Database } from '../../src/db/transaction.js'
import { changeKeyRecords, loadKeyRecords } from '../../src/encryption/key-records.js'
import { KeysLostError } from '../../src/encryption/keyrings.js'
import type { OpeningRequest } from '../../src/encryption/opening-records.js'
import type { RequestOpenings } from '../../src/encryption/openings.js'
import type { TenantTables } from '../../src/encryption/tables.js'
import { createEncryption, type Encryption } from '../../src/encryption/tenant-keyrings.js'
import { newId } from '../../src/http/identifier.js'
import { manualClock, start } from '../http/api.js'

const dayMs = 86_400_000
const yearMs = 365 * dayMs
const tenantId = '019b76da-a800-7000-8000-000000000001'
const otherId = '019b76da-a800-7000-8000-000000000002'
const kek = randomBytes(32)

let source: ConnectionSource
let database: Database
let clock: ReturnType<typeof manualClock>

beforeAll(async () => {
  source = await openDatabase({ location: { kind: 'memory' }, clock: manualClock(), boundLogin: false })
  await source.transaction((connection) =>
    connection.query(
      "INSERT INTO app.tenants (id, slug, name, plan, status, created_at) VALUES ($1, 'acme', 'Acme', 'growth', 'active', now()), ($2, 'other', 'Other', 'growth', 'active', now())",
      [tenantId, otherId],
    ),
  )
})
beforeEach(async () => {
  await source.transaction((connection) =>
    connection.script(
      'DELETE FROM app.openings; DELETE FROM app.users; DELETE FROM vault.pans; DELETE FROM app.data_keys',
    ),
  )
  database = createDatabase(source)
  clock = manualClock(start)
  lines.length = 0
})
afterAll(() => source.close())

const lines: string[] = []
const log = (line: string) => lines.push(line)
const encryptionOf = (over: Database = database, max?: number) =>
  createEncryption({ database: over, kek, clock, log, ...(max === undefined ? {} : { max }) })
const records = (owner: string | null) => loadKeyRecords(database, owner)
const bound = { id: '019b76da-a800-7000-8000-00000000000a', tenantId }

async function newTenant() {
  const encryption = await encryptionOf()
  await encryption.createTenantKey(tenantId)
  return encryption
}

const request = (permission = 'key:rotate'): OpeningRequest => ({
  tenantId,
  actor: newId('usr', clock.now()),
  requestId: newId('req', clock.now()),
  permission,
  decisionId: () => null,
})

/** Who is recorded to have made which keys. */
const rotations = async () =>
  (
    await source.transaction((connection) =>
      connection.query<{ actor: string; keys: string[] }>(
        "SELECT actor, key_ids AS keys FROM app.openings WHERE purpose = 'rotate' ORDER BY at, id",
      ),
    )
  ).rows

/** The name, opened in a request and recorded. */
async function nameOf(encryption: Encryption, stored: string): Promise<string | null> {
  const one = encryption.openings.for(request('user:read'))
  const { users } = await one.tables()
  return one.tenant(async (tx) => tx.open('display', (as) => users.decryptField('name', stored, bound, as)))
}

/** A database that takes no new key, or none of what `begins` names, while `down` is set. */
function readOnly(begins = 'INSERT') {
  const state = { down: false }
  const tenant: Database['tenant'] = (id, work) =>
    database.tenant(id, (tx) =>
      work({
        ...tx,
        query: (text, values) =>
          state.down && text.includes(begins) ? Promise.reject(new Error('read only')) : tx.query(text, values),
      }),
    )
  return { state, database: { ...database, tenant } }
}

describe('the year of a data key', () => {
  test.each([
    ['a millisecond before its end', yearMs - 1],
    ['at its end', yearMs],
    ['a millisecond after its end', yearMs + 1],
    ['nine years after its end', 10 * yearMs],
  ])('a start %s: every keyring can encrypt, and old values open', async (_when, after) => {
    const before = await newTenant()
    const old = (await before.tenant(tenantId)).users.encrypt({ ...bound, name: 'Old Name' })
    const sealed = await before.sealer.encrypt(Uint8Array.of(7), Uint8Array.of(1))
    clock.advance(after)

    const encryption = await encryptionOf()
    const tables = await encryption.tenant(tenantId)
    expect([(await records(null)).length, (await records(tenantId)).length]).toEqual([2, 2])
    expect(tables.users.encrypt({ ...bound, name: 'New Name' }).name).toMatch(/^fle1\./)
    expect(await nameOf(encryption, old.name)).toBe('Old Name')
    expect(await encryption.sealer.decrypt(sealed, Uint8Array.of(1))).toEqual(Uint8Array.of(7))
    encryption.close()
  })

  test('a process that serves over the end goes over to a key that it made a month ahead', async () => {
    const encryption = await newTenant()
    const tables = await encryption.tenant(tenantId)
    const keyOf = async () => {
      await encryption.tenant(tenantId)
      return tables.users.encrypt({ ...bound, name: 'N' }).name.slice(7, 15)
    }
    const first = await keyOf()
    clock.advance(yearMs - 30 * dayMs)
    expect(await keyOf()).toBe(first)
    const [, second] = await records(tenantId)
    expect(second?.activeFrom).toBe(clock.now() + 7_200_000)
    clock.advance(7_199_999)
    expect(await keyOf()).toBe(first)
    clock.advance(1)
    expect(await keyOf()).toBe(second?.id)
    encryption.close()
  })

  test('of the platform is written to the log: its first key, the one made a month ahead, and none that was there', async () => {
    ;(await encryptionOf()).close()
    const serving = await encryptionOf()
    await serving.platform.ready()
    clock.advance(yearMs - 30 * dayMs)
    await serving.platform.ready()
    const stored = await records(null)
    expect(lines.map((line) => JSON.parse(line))).toEqual(
      stored.map(({ id, version, createdAt, activeFrom }) => ({
        level: 30,
        time: new Date(createdAt).toISOString(),
        platform_data_key: id,
        version,
        encrypts_from: new Date(activeFrom).toISOString(),
      })),
    )
    expect(stored.map(({ activeFrom }) => activeFrom)).toEqual([start, clock.now() + 7_200_000])
  })

  test('of the platform, met by two processes, is written by the one that made the key', async () => {
    const encryptions = [await encryptionOf(), await encryptionOf()]
    clock.advance(2 * yearMs)
    await Promise.all(encryptions.map(({ platform }) => platform.ready()))
    expect(lines.map((line) => JSON.parse(line).version)).toEqual([1, 2])
  })

  test('two processes that meet the end make one key', async () => {
    const encryptions = [await newTenant(), await encryptionOf()]
    clock.advance(2 * yearMs)
    await Promise.all(encryptions.map((one) => one.tenant(tenantId)))
    const stored = await records(tenantId)
    expect(stored.map(({ version }) => version)).toEqual([1, 2])
    expect(await rotations()).toEqual([{ actor: 'system', keys: [stored[1]?.id] }])
  })

  test('a database that takes no key stops nobody for a month, is asked again each minute, and then stops everybody', async () => {
    const { state, database: over } = readOnly()
    const encryption = await newTenant()
    encryption.close()
    const serving = await encryptionOf(over)
    state.down = true
    clock.advance(yearMs - 30 * dayMs)
    const tables = await serving.tenant(tenantId)
    expect(tables.users.encrypt({ ...bound, name: 'N' }).name).toMatch(/^fle1\./)
    state.down = false
    clock.advance(59_999)
    await serving.tenant(tenantId)
    expect(await records(tenantId)).toHaveLength(1)
    clock.advance(1)
    await serving.tenant(tenantId)
    expect(await records(tenantId)).toHaveLength(2)

    state.down = true
    clock.advance(3 * yearMs)
    await expect(serving.tenant(tenantId)).rejects.toThrow('read only')
    state.down = false
    await serving.tenant(tenantId)
    expect(await records(tenantId)).toHaveLength(3)
  })
})

describe('a rotation', () => {
  test('adds a key that encrypts at once, and what was stored before still opens', async () => {
    const encryption = await newTenant()
    const tables = await encryption.tenant(tenantId)
    const old = tables.users.encrypt({ ...bound, name: 'Old' })
    const rotation = await encryption.rotate(request())
    expect(rotation).toMatchObject({ made: true, key: { version: 2 } })
    const renewed = tables.users.encrypt({ ...bound, name: 'New' })
    expect(renewed.name.slice(7, 15)).toBe(rotation.key.id)
    expect([await nameOf(encryption, old.name), await nameOf(encryption, renewed.name)]).toEqual(['Old', 'New'])
  })

  test('twice at once makes one key, in one process and in two', async () => {
    const encryptions = [await newTenant(), await encryptionOf()]
    const made = await Promise.all([...encryptions, ...encryptions].map((one) => one.rotate(request())))
    expect(made.filter((rotation) => rotation?.made)).toHaveLength(1)
    expect(new Set(made.map((rotation) => rotation?.key.id)).size).toBe(1)
    const stored = await records(tenantId)
    expect(stored).toHaveLength(2)
    expect((await rotations()).map(({ keys }) => keys)).toEqual([[stored[1]?.id]])
  })

  test('that cannot be recorded makes no key; the next one is made and recorded', async () => {
    const { state, database: over } = readOnly('INSERT INTO app.openings')
    ;(await newTenant()).close()
    const encryption = await encryptionOf(over)
    const before = await records(tenantId)
    state.down = true
    await expect(encryption.rotate(request())).rejects.toMatchObject({ code: 'audit-unavailable' })
    expect([await records(tenantId), await rotations()]).toEqual([before, []])
    state.down = false
    const asked = request()
    const rotation = await encryption.rotate(asked)
    expect(rotation?.made).toBe(true)
    expect(await rotations()).toEqual([{ actor: asked.actor, keys: [rotation?.key.id] }])
  })

  test('leaves the platform and other tenants as they are', async () => {
    const encryption = await newTenant()
    const before = await records(null)
    await encryption.rotate(request())
    expect(await records(null)).toEqual(before)
  })

  test('leaves the last 55 versions to the yearly key', async () => {
    await newTenant()
    const keyEncryptionKey = createLocalKeyEncryptionKey({ id: 'local', key: kek })
    await changeKeyRecords(database, tenantId, async (stored) => {
      const before = stored.map((record) => ({ ...record, version: 199 }))
      const [, last] = await addDataKey(before, { keyEncryptionKey, clock, activateAfterMs: 0 })
      return last === undefined ? stored : [...stored, last]
    })
    clock.advance(60_000)
    const encryption = await encryptionOf()
    await expect(encryption.rotate(request())).rejects.toMatchObject({ code: 'state-conflict' })
    clock.advance(yearMs)
    await encryption.tenant(tenantId)
    expect((await records(tenantId)).map(({ version }) => version)).toEqual([1, 200, 201])
  })
})

describe('a keyring that has made room for another’s between look-up and transaction', () => {
  const pan = '4111111111111111'
  const store = (one: RequestOpenings, tables: TenantTables) =>
    one.tenant((tx) => storePan(tx, tables, { tenantId, pan, now: clock.now() }))

  test.each([
    ['is gone', async () => {}],
    ['has been loaded anew', async (encryption: Encryption) => void (await encryption.tenant(tenantId))],
  ])('%s: a card number stored under a newer key meanwhile is stored once', async (_what, meanwhile) => {
    const [first, second] = [await encryptionOf(database, 1), await encryptionOf()]
    for (const id of [tenantId, otherId]) await first.createTenantKey(id)
    const late = first.openings.for(request('card:create'))
    const tables = await late.tables()
    await first.tenant(otherId)
    await second.rotate(request())
    const early = second.openings.for(request('card:create'))
    const reference = await store(early, await early.tables())
    await meanwhile(first)
    expect(await store(late, tables)).toBe(reference)
    const stored = await source.transaction((connection) => connection.query('SELECT 1 FROM vault.pans'))
    expect(stored.rows).toHaveLength(1)
  })
})

describe('a start is refused', () => {
  const record = async (change: (stored: DataKeyRecord) => object | null) => {
    await encryptionOf()
    const [stored] = await records(null)
    if (stored === undefined) throw new Error('no platform key')
    const changed = change(stored)
    await source.transaction((connection) =>
      changed === null
        ? connection.query('DELETE FROM app.data_keys WHERE tenant_id IS NULL')
        : connection.query('UPDATE app.data_keys SET record = $1::text::jsonb WHERE tenant_id IS NULL', [
            JSON.stringify(changed),
          ]),
    )
  }

  test('when a data key cannot be read', async () => {
    await record(({ id }) => ({ id }))
    await expect(encryptionOf()).rejects.toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_KEYRING_INVALID' })
  })

  test('when a wrapped key has been edited, or its dates belong to another record', async () => {
    await record((stored) => ({ ...stored, wrapped: `AAAA${stored.wrapped.slice(4)}` }))
    await expect(encryptionOf()).rejects.toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED' })
    await source.transaction((connection) => connection.script('DELETE FROM app.data_keys'))
    await record((stored) => ({ ...stored, createdAt: stored.createdAt - 1 }))
    await expect(encryptionOf()).rejects.toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED' })
  })

  test('when the keys are gone and the rows are there; an empty database gets its first key', async () => {
    await record(() => null)
    const encryption = await encryptionOf()
    expect(await records(null)).toHaveLength(1)
    const { email, emailEq } = encryption.platform.users.encrypt({ id: bound.id, email: 'a@example.com' })
    await encryption.createTenantKey(tenantId)
    const { name } = (await encryption.tenant(tenantId)).users.encrypt({ ...bound, name: 'A' })
    await source.transaction((connection) =>
      connection.query(
        `INSERT INTO app.users (id, tenant_id, status, person, password_hash, password_changed_at, email, email_eq, name, created_at)
         VALUES ($1, $2, 'active', $1, '$argon2id$', now(), $3, $4, $5, now())`,
        [bound.id, tenantId, email, emailEq, name],
      ),
    )
    await record(() => null)
    await expect(encryptionOf()).rejects.toBeInstanceOf(KeysLostError)
  })
})
