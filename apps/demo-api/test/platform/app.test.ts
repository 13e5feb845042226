import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type AppOptions, createApp } from '../../src/app.js'
import { openDatabase } from '../../src/db/open.js'
import { systemClock } from '../../src/http/request-context.js'
import { mintIdentity } from '../../src/tls.js'
import { call, freePort, postJson } from '../http/client.js'

const timeout = 180_000

async function appWith(options: Partial<AppOptions> & Pick<AppOptions, 'kek'>) {
  const port = await freePort()
  const tls = await mintIdentity('localhost', Date.now())
  const app = await createApp({
    publicUrl: `https://localhost:${port}`,
    tls,
    database: { kind: 'memory' },
    refreshSecret: randomBytes(32),
    seed: null,
    securityContact: 'https://example.com/security',
    ...options,
  })
  return { app, port, target: { port, ca: tls.ca } }
}

describe('the API without demo data', () => {
  it('starts, is ready and knows nobody', { timeout }, async () => {
    const lines: string[] = []
    const { app, port, target } = await appWith({ kek: randomBytes(32), log: (line) => lines.push(line) })
    await app.listen(port)
    expect(app.credentials).toEqual([])
    expect((await call(target, { path: '/health/ready' })).json).toEqual({ status: 'ready' })
    const login = await postJson(target, '/v1/auth/login', {
      email: 'owner.acme@example.com',
      password: 'correct horse 1',
    })
    expect(login.status).toBe(401)
    expect(lines.join('')).not.toMatch(/owner\.acme|correct horse|127\.0\.0\.1/)
    // The platform's first data key is in the log.
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ platform_data_key: expect.any(String), version: 1 })
    await app.close()
  })

  it('is refused a port that is taken, and closes its database all the same', { timeout }, async () => {
    const { app, port } = await appWith({ kek: randomBytes(32) })
    const { app: second } = await appWith({ kek: randomBytes(32) })
    await app.listen(port)
    await expect(second.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await second.close()
    await expect(second.source.transaction(async () => 'open')).rejects.toThrow()
    await app.close()
  })

  it('is not made with a KEK of another length', { timeout }, async () => {
    await expect(appWith({ kek: randomBytes(31) })).rejects.toBeInstanceOf(Error)
  })
})

describe('a production start', () => {
  const sizes = { customers: 1, cards: 1, payments: 1 }

  it('refuses a database that a demo has filled, whatever its KEK, and one without sample data it takes', {
    timeout,
  }, async () => {
    const { app: demo } = await appWith({ kek: randomBytes(32), seed: { sizes, secret: randomBytes(32) } })
    // A start that is refused closes what it was given; this one is the demo's.
    const database = { ...demo.source, close: () => Promise.resolve() }
    const refused = appWith({ kek: randomBytes(32), production: true, database })
    await expect(refused).rejects.toThrow('DATABASE_URL: holds the sample data of a demo')
    await demo.close()

    const source = await openDatabase({ location: { kind: 'memory' }, clock: systemClock, boundLogin: false })
    const { app } = await appWith({ kek: randomBytes(32), production: true, database: source })
    expect(app.credentials).toEqual([])
    await app.close()
  })
})

describe('a demo', () => {
  it('fills no database that somebody works with, and leaves it as it is', { timeout }, async () => {
    const source = await openDatabase({ location: { kind: 'memory' }, clock: systemClock, boundLogin: false })
    const counts = () =>
      source.transaction((connection) =>
        connection.query(
          'select (select count(*) from app.tenants)::int as tenants, (select count(*) from app.data_keys)::int as keys',
        ),
      )
    await source.transaction((connection) =>
      connection.query(
        "insert into app.tenants (id, slug, name, plan, status, created_at) values (gen_random_uuid(), 'bank', 'Bank', 'scale', 'active', now())",
      ),
    )
    const database = { ...source, close: () => Promise.resolve() }
    const seed = { sizes: { customers: 1, cards: 1, payments: 1 }, secret: randomBytes(32) }
    await expect(appWith({ kek: randomBytes(32), seed, database })).rejects.toThrow(/^COFFER_PROFILE: /)
    expect((await counts()).rows).toEqual([{ tenants: 1, keys: 0 }])
    await source.close()
  })
})
