import { postgresTablesSql } from '@coffer/jwt/postgres'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Connection, type ConnectionSource, connect } from '../../src/db/connect.js'
import { loadMigrations, type Migration, MigrationError, migrate } from '../../src/db/migrate.js'
import { readSnapshot } from '../../src/db/snapshot.js'
import { createDatabase, type Database } from '../../src/db/transaction.js'

const acme = '019b76da-a800-7000-8000-000000000001'
const other = '019b76da-a800-7000-8000-000000000002'
let migrations: readonly Migration[]
let source: ConnectionSource
let database: Database

beforeAll(async () => {
  migrations = await loadMigrations()
  source = await connect({ kind: 'memory' }, { snapshot: await readSnapshot(migrations) })
  database = createDatabase(source)
})
afterAll(() => source.close())

async function settings(query: Connection['query']) {
  const { rows } = await query<{ role: string; tenant: string; statement: string; lock: string }>(
    `SELECT current_user AS role, coalesce(current_setting('app.tenant_id', true), '') AS tenant,
            current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`,
  )
  return rows[0]
}

describe('a transaction', () => {
  it('of a tenant is coffer_app with that tenant and with timeouts, and none of it outlives it', async () => {
    expect(await database.tenant(acme, (tx) => settings(tx.query))).toEqual({
      role: 'coffer_app',
      tenant: acme,
      statement: '5s',
      lock: '2s',
    })
    const after = await source.transaction((connection) => settings(connection.query))
    expect(after).toMatchObject({ role: 'postgres', tenant: '', statement: '0' })
  })

  it('before a tenant is known is coffer_auth without a tenant, the owner is coffer_owner', async () => {
    expect(await database.auth((tx) => settings(tx.query))).toMatchObject({ role: 'coffer_auth', tenant: '' })
    expect(await database.owner((tx) => settings(tx.query), acme)).toMatchObject({ role: 'coffer_owner', tenant: acme })
  })

  it('steps into the vault and out of it', async () => {
    const roles = await database.tenant(acme, async (tx) => [
      (await tx.vault((vault) => settings(vault.query)))?.role,
      (await settings(tx.query))?.role,
    ])
    expect(roles).toEqual(['coffer_vault', 'coffer_app'])
    await expect(database.tenant(acme, (tx) => tx.query('SELECT pan FROM vault.pans'))).rejects.toMatchObject({
      code: '42501',
    })
  })

  it('steps into the tables of tokens and out of them, and finds them by their bare names', async () => {
    const roles = await database.tenant(acme, async (tx) => [
      (
        await tx.auth(async (auth) => {
          await auth.query('SELECT FROM coffer_jwt_families')
          return settings(auth.query)
        })
      )?.role,
      (await settings(tx.query))?.role,
    ])
    expect(roles).toEqual(['coffer_auth', 'coffer_app'])
    await expect(database.tenant(acme, (tx) => tx.query('SELECT FROM coffer_jwt_families'))).rejects.toMatchObject({
      code: '42501',
    })
  })

  it('of something that is no tenant is a mistake in the code', async () => {
    for (const id of ['', 'acme', `${acme}'; --`, acme.toUpperCase()]) {
      await expect(database.tenant(id, async () => undefined)).rejects.toThrow(TypeError)
    }
  })

  it('leaves nothing when its work throws, and all of it when it does not', async () => {
    const rename = (tenant: string) =>
      `INSERT INTO app.tenants (id, slug, name, plan, status, created_at) VALUES ('${tenant}', 't${tenant.slice(-1)}', 'T', 'starter', 'active', now())`
    const count = () =>
      database.owner(
        async (tx) => (await tx.query<{ n: number }>('SELECT count(*)::int AS n FROM app.tenants')).rows[0]?.n,
        acme,
      )
    const failure = new Error('the work failed')
    await expect(
      database.owner(async (tx) => {
        await tx.query(rename(acme))
        throw failure
      }, acme),
    ).rejects.toBe(failure)
    expect(await count()).toBe(0)
    await database.owner((tx) => tx.query(rename(acme)), acme)
    expect(await count()).toBe(1)
  })

  it('sees no row of another tenant, nor any without one', async () => {
    const seen = (run: typeof database.auth) =>
      run(async (tx) => (await tx.query('SELECT id FROM app.tenants')).rows.length)
    expect(await seen((work) => database.tenant(acme, work))).toBe(1)
    expect(await seen((work) => database.tenant(other, work))).toBe(0)
    expect(await seen((work) => database.owner(work))).toBe(0)
  })

  it('gives drizzle the same connection', async () => {
    const [row] = await database.tenant(acme, (tx) => tx.drizzle.execute(sql`SELECT current_user AS role`))
    expect(row).toEqual({ role: 'coffer_app' })
  })

  it.each(['40001', '40P01'])('that fails with %s is run once more, and is 503 when it fails again', async (state) => {
    let runs = 0
    const failing = (times: number) => async () => {
      runs += 1
      if (runs <= times) throw Object.assign(new Error('try again'), { code: state })
      return 'done'
    }
    expect(await database.tenant(acme, failing(1))).toBe('done')
    expect(runs).toBe(2)
    runs = 0
    await expect(database.tenant(acme, failing(2))).rejects.toMatchObject({ code: 'database-unavailable' })
    expect(runs).toBe(2)
  })

  it.each(['08006', '53300', '57014', '57P01', '55P03', 'ECONNREFUSED', 'ECONNRESET'])(
    'that fails with %s is 503, once',
    async (state) => {
      let runs = 0
      const work = async () => {
        runs += 1
        throw Object.assign(new Error('gone'), { code: state })
      }
      await expect(database.tenant(acme, work)).rejects.toMatchObject({ code: 'database-unavailable' })
      expect(runs).toBe(1)
    },
  )

  it('that fails with anything else fails with that', async () => {
    await expect(database.tenant(acme, (tx) => tx.query('SELECT 1/0'))).rejects.toMatchObject({ code: '22012' })
  })
})

describe('migrations', () => {
  it('make the tables of tokens as @coffer/jwt asks for them', () => {
    expect(migrations.map(({ sql: text }) => text).join('')).toContain(postgresTablesSql())
  })

  it('are applied once', async () => {
    expect(await migrate(source, migrations)).toEqual([])
  })

  it('that were changed after they were applied stop the start, as do those of a newer build', async () => {
    const [first, ...rest] = migrations
    const changed = [{ ...(first ?? { name: '', sql: '' }), checksum: 'other' }, ...rest]
    await expect(migrate(source, changed)).rejects.toEqual(new MigrationError(first?.name ?? '', 'changed'))
    await expect(migrate(source, rest)).rejects.toEqual(new MigrationError(first?.name ?? '', 'unknown'))
  })

  it('that fail leave nothing of themselves', async () => {
    const broken = { name: '9999_broken.sql', sql: 'CREATE TABLE app.half (id int); SELECT 1/0;', checksum: 'x' }
    await expect(migrate(source, [...migrations, broken])).rejects.toMatchObject({ code: '22012' })
    const { rows } = await source.transaction((connection) =>
      connection.query("SELECT to_regclass('app.half') AS found"),
    )
    expect(rows).toEqual([{ found: null }])
  })
})
