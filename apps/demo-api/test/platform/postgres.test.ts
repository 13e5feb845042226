import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConnectionSource, connect } from '../../src/db/connect.js'
import { loadMigrations, migrate } from '../../src/db/migrate.js'
import { openDatabase } from '../../src/db/open.js'
import { createDatabase, type Database } from '../../src/db/transaction.js'
import { systemClock } from '../../src/http/request-context.js'

const { DATABASE_URL: given } = process.env
const tenant = '019b76da-a800-7000-8000-000000000001'

if (given === undefined)
  it('the doors to a PostgreSQL server', (context) => context.skip('needs a PostgreSQL: set DATABASE_URL'))
else describe('on a PostgreSQL server', () => doors(given))

function doors(server: string): void {
  const admin = new pg.Client({ connectionString: server })
  const name = `coffer_platform_${randomBytes(6).toString('hex')}`
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
  let source: ConnectionSource
  let database: Database

  beforeAll(async () => {
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    source = await connect({ kind: 'server', url }, { poolSize: 4 })
    database = createDatabase(source)
  })
  afterAll(async () => {
    await source.close()
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  })

  it('two processes that start together migrate once', async () => {
    const migrations = await loadMigrations()
    const other = await connect({ kind: 'server', url })
    const applied = await Promise.all([migrate(source, migrations), migrate(other, migrations)])
    expect(applied.map(({ length }) => length).sort()).toEqual([0, migrations.length])
    await other.close()
  })

  it('a pooled connection carries neither role nor tenant on', async () => {
    const seen = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0
          ? database.tenant(tenant, (tx) =>
              tx.query("SELECT current_user AS role, current_setting('app.tenant_id') AS tenant"),
            )
          : source.transaction((connection) =>
              connection.query(
                "SELECT current_user AS role, coalesce(current_setting('app.tenant_id', true), '') AS tenant",
              ),
            ),
      ),
    )
    seen.forEach(({ rows }, index) => {
      if (index % 2 === 0) expect(rows).toEqual([{ role: 'coffer_app', tenant }])
      else expect(rows).toEqual([{ role: expect.not.stringMatching(/^coffer_app$/), tenant: '' }])
    })
  })

  it('a statement is ended after 5 s and a wait for a lock after 2 s, each as 503', { timeout: 20_000 }, async () => {
    const slow = database.tenant(tenant, (tx) => tx.query('SELECT pg_sleep(30)'))
    const began = performance.now()
    const locked = source.transaction(async (connection) => {
      await connection.query('SELECT pg_advisory_xact_lock(4711)')
      await database
        .tenant(tenant, (tx) => tx.query('SELECT pg_advisory_xact_lock(4711)'))
        .then(
          () => expect.unreachable(),
          (error: unknown) => expect(error).toMatchObject({ code: 'database-unavailable' }),
        )
      expect(performance.now() - began).toBeGreaterThan(1_900)
    })
    await locked
    await expect(slow).rejects.toMatchObject({ code: 'database-unavailable' })
    expect(performance.now() - began).toBeGreaterThan(4_900)
  })

  it('a connection that the server ends is 503, and the next transaction has another one', async () => {
    const killed = database.tenant(tenant, async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
      await tx.query('SELECT 1')
    })
    await expect(killed).rejects.toMatchObject({ code: 'database-unavailable' })
    await database.ping()
  })

  it('an idle connection that the server ends is nobody’s error', async () => {
    await database.ping()
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
    await expect
      .poll(() =>
        database.ping().then(
          () => 'answers',
          () => 'gone',
        ),
      )
      .toBe('answers')
  })

  it('two transactions that wait for each other end: one is run again', async () => {
    await source.transaction((connection) =>
      connection.script('CREATE TABLE public.pair (id int PRIMARY KEY, n int NOT NULL)'),
    )
    await source.transaction((connection) =>
      connection.script('INSERT INTO public.pair VALUES (1, 0), (2, 0); GRANT ALL ON public.pair TO coffer_app'),
    )
    let met: () => void = () => undefined
    const meeting = new Promise<void>((resolve) => {
      met = resolve
    })
    let arrived = 0
    const add = (first: number, second: number) =>
      database.tenant(tenant, async (tx) => {
        await tx.query('UPDATE public.pair SET n = n + 1 WHERE id = $1', [first])
        arrived += 1
        if (arrived === 2) met()
        await meeting
        await tx.query('UPDATE public.pair SET n = n + 1 WHERE id = $1', [second])
      })
    await Promise.all([add(1, 2), add(2, 1)])
    expect(arrived).toBe(3)
    const { rows } = await source.transaction((connection) => connection.query('SELECT n FROM public.pair ORDER BY id'))
    expect(rows).toEqual([{ n: 2 }, { n: 2 }])
  })

  it('a production start refuses a login that row security does not bind, before it changes anything', async ({
    skip,
  }) => {
    const { rows } = await admin.query(
      'SELECT FROM pg_roles WHERE rolname = session_user AND (rolsuper OR rolbypassrls)',
    )
    skip(rows.length === 0, 'needs DATABASE_URL to be a superuser')
    const opened = openDatabase({ location: { kind: 'server', url }, clock: systemClock, boundLogin: true })
    await expect(opened).rejects.toThrow('DATABASE_URL: names a user whom row security does not bind')
  })

  it.each([
    [
      'a password that is wrong',
      (there: URL) => Object.assign(there, { username: 'coffer_nobody', password: 'x' }),
      /user or password|cannot be reached/,
    ],
    [
      'a database that is not there',
      (there: URL) => Object.assign(there, { pathname: '/coffer_none' }),
      /names a database that does not exist/,
    ],
    [
      'TLS, which it does not speak',
      (there: URL) => Object.assign(there, { search: '?sslmode=verify-full' }),
      /asks for TLS|cannot be reached/,
    ],
  ])('a start with %s is refused by the name of the setting', async (_what, change, message) => {
    const location = { kind: 'server', url: change(new URL(url)).href } as const
    await expect(openDatabase({ location, clock: systemClock, boundLogin: false })).rejects.toThrow(message)
  })
}
