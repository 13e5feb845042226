import { randomBytes } from 'node:crypto'
import { createRevocationIndex, createVerifier } from '@coffer/jwt'
import { createIssuer, createKeyRing } from '@coffer/jwt/issue'
import { postgresKeyRingStore, postgresRefreshStore, postgresRevocations } from '@coffer/jwt/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { day, gcmSealer, grant, refreshTokenOf, secret } from '../issue/support.js'
import { type WorkerFactory, workerFactory } from '../processes/fork.js'
import type { Moment, Story, WorkerSetting } from '../processes/worker.js'
import { audience, codeOf, codeOfAsync, issuer } from '../support.js'
import { dropTables, freshTables, postgres, type TestDatabase } from './databases.js'

const { DATABASE_URL: url, COFFER_DEEP } = process.env
const isDeep = COFFER_DEEP === '1'
const moments: readonly Moment[] = isDeep ? ['before', 'sent', 'answered'] : ['answered']
/** Whether what was sent is done when its process dies is a race: it is run more than once. */
const rounds = isDeep ? 4 : 1

let database: TestDatabase
let workers: WorkerFactory
const prefixes: string[] = []

/** Fresh tables, and a process over them that stays alive: this one. */
async function world() {
  const prefix = await freshTables(database)
  prefixes.push(prefix)
  const sealerKey = randomBytes(32)
  const options = { client: database.client, issuer, prefix }
  const alive = async (retryWindowMs = 10_000, aheadMs = 0) => {
    const clock = { now: () => Date.now() + aheadMs }
    const keys = await createKeyRing({
      issuer,
      algorithm: 'ES256',
      store: postgresKeyRingStore(options),
      sealer: gcmSealer(sealerKey),
      clock,
      timers: null,
    })
    const revocation = createRevocationIndex({
      onUnavailable: 'refuse',
      feed: postgresRevocations(options),
      timers: null,
    })
    const refresh = { store: postgresRefreshStore(options), secret, retryWindowMs }
    const tokens = createIssuer({ issuer, keys, revocation, refresh })
    const verifier = createVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256'], keys }], revocation })
    await verifier.ready()
    return { keys, tokens, verifier }
  }
  const rows = async (table: string, columns: string) =>
    (await database.client.query(`SELECT ${columns} FROM ${prefix}_${table}`, [])).rows
  const setting = (story: Story, more: Partial<WorkerSetting>): WorkerSetting => ({
    url: String(url),
    prefix,
    sealerKey: sealerKey.toString('hex'),
    story,
    point: 0,
    moment: 'before',
    held: '',
    sessionId: '',
    kid: '',
    aheadMs: 0,
    ...more,
  })
  return { alive, rows, setting }
}

type World = Awaited<ReturnType<typeof world>>

/** Lets a process die at every call of its stores, each time in a world of its own. */
async function atEveryPoint(
  prepare: (world: World) => Promise<WorkerSetting>,
  judge: (world: World, setting: WorkerSetting) => Promise<void>,
): Promise<number> {
  let deaths = 0
  for (const moment of moments) {
    for (let round = 0; round < (moment === 'sent' ? rounds : 1); round++) {
      for (let point = 1; ; point++) {
        const here = await world()
        const setting = { ...(await prepare(here)), point, moment }
        if ((await workers.run(setting)) !== undefined) break
        deaths++
        await judge(here, setting)
      }
    }
  }
  console.log(`killed: ${deaths} processes`)
  return deaths
}

const start = async (here: World, story: Story): Promise<WorkerSetting> => {
  const { tokens, keys } = await here.alive()
  const first = await tokens.issueWithRefresh(grant)
  const held = refreshTokenOf(first)
  const active = keys.status().find((key) => key.state === 'active')
  return here.setting(story, { held, sessionId: String(first.sessionId), kid: String(active?.kid) })
}

if (url === undefined) test('PostgreSQL', (ctx) => ctx.skip('needs a PostgreSQL server: set DATABASE_URL'))
else {
  beforeAll(async () => {
    database = await postgres(url)
    workers = await workerFactory()
  }, 120_000)
  afterAll(async () => {
    for (const prefix of prefixes) await dropTables(database, prefix)
    await database?.close()
    workers?.close()
  }, 120_000)

  test.each((['refresh', 'narrowed refresh'] as const).slice(0, isDeep ? 2 : 1))(
    'a process killed anywhere in a %s leaves what the client holds good, for one successor',
    async (story) => {
      const deaths = await atEveryPoint(
        (here) => start(here, story),
        async (here, { held }) => {
          const { tokens } = await here.alive()
          const before = await here.rows('families', 'generation::float8 AS generation')
          const next = await tokens.refresh(held, { clientId: 'web' })
          const again = await tokens.refresh(held, { clientId: 'web' })
          expect(next.retried).toBe(before[0]?.['generation'] === 1)
          expect(again.retried).toBe(true)
          expect(refreshTokenOf(again)).toBe(refreshTokenOf(next))
          expect((await tokens.refresh(refreshTokenOf(next), { clientId: 'web' })).retried).toBe(false)
          expect(await here.rows('families', 'generation::float8 AS generation, revoked')).toEqual([
            { generation: 2, revoked: false },
          ])
          expect(await here.rows('revocations', 'kind')).toEqual([])
        },
      )
      expect(deaths).toBeGreaterThan(0)
    },
    600_000,
  )

  if (isDeep)
    test('a process killed anywhere in a login leaves nothing that anyone could use', async () => {
      const deaths = await atEveryPoint(
        async (here) => {
          await here.alive()
          return here.setting('login', {})
        },
        async (here) => {
          // Its token never left the process, and what is stored is a hash under a key that is not.
          const stored = await here.rows('families', "encode(current_hash, 'hex') AS hash, previous_hash, salt")
          expect(stored.length).toBeLessThanOrEqual(1)
          for (const row of stored) expect(row).toMatchObject({ previous_hash: null, salt: null })
          const { tokens, verifier } = await here.alive()
          const issued = await tokens.issueWithRefresh(grant)
          expect(verifier.verifySync(issued.toResponse().access_token).sessionId).toBe(issued.sessionId)
        },
      )
      expect(deaths).toBeGreaterThan(0)
    }, 600_000)

  test.each((['end of a session', 'end of a subject', 'end of a client', 'reuse'] as const).slice(0, isDeep ? 4 : 1))(
    'a process killed anywhere in the %s leaves no half that opens anything, and the same call ends it',
    async (story) => {
      const deaths = await atEveryPoint(
        async (here) => {
          const setting = await start(here, story)
          if (story !== 'reuse') return setting
          // The token was spent, and is presented once more, past the window.
          const { tokens } = await here.alive()
          await tokens.refresh(setting.held, { clientId: 'web' })
          return setting
        },
        async (here, { held, sessionId }) => {
          const families = await here.rows('families', 'id, revoked')
          const told = await here.rows('revocations', 'kind, value')
          const isTold = told.some(({ kind, value }) => kind === 'session' && value === sessionId)
          // One statement ends the family and tells of its session: never the one without the other.
          if (families[0]?.['revoked'] === true) expect(isTold).toBe(true)
          const { tokens, verifier } = await here.alive(story === 'reuse' ? 0 : 10_000)
          if (story !== 'reuse' && isTold) {
            // Its refresh token may still be there; what it gives is dead on arrival.
            const next = await tokens.refresh(held, { clientId: 'web' }).catch(() => undefined)
            if (next !== undefined)
              expect(codeOf(() => verifier.verifySync(next.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
          }
          if (story === 'reuse') await tokens.refresh(held, { clientId: 'web' }).catch(() => undefined)
          if (story === 'end of a session') await tokens.revokeSession(sessionId)
          if (story === 'end of a subject') await tokens.revokeSubject(grant.subject)
          if (story === 'end of a client') await tokens.revokeClient(grant.clientId)
          expect(await codeOfAsync(() => tokens.refresh(held, { clientId: 'web' }))).toBe('COFFER_JWT_REFRESH_INVALID')
          expect(await here.rows('families', 'revoked')).toEqual([{ revoked: true }])
          const sessions = await here.rows('revocations', 'kind, value')
          expect(sessions).toContainEqual({ kind: 'session', value: sessionId })
        },
      )
      expect(deaths).toBeGreaterThan(0)
    },
    600_000,
  )

  const changes = [
    ['maintenance', 29 * day],
    ['maintenance', 30 * day],
    ['loss of a key', 0],
    ['loss of a key', 29.5 * day],
  ] as const
  test.each(changes.slice(0, isDeep ? 4 : 1))(
    'a process killed anywhere in the %s of a key ring, %d ms on, leaves one that every process reads and signs with',
    async (story, aheadMs) => {
      const deaths = await atEveryPoint(
        async (here) => {
          const setting = await start(here, story)
          // A successor is there to be made active, or to take over.
          if (aheadMs > 29 * day) await (await here.alive(0, 29 * day)).keys.maintain()
          return { ...setting, aheadMs }
        },
        async (here, { kid }) => {
          const [one, two] = [await here.alive(0, aheadMs), await here.alive(0, aheadMs)]
          if (story === 'loss of a key') await one.keys.revoke(kid)
          await one.keys.maintain()
          await two.keys.maintain()
          const status = one.keys.status()
          expect(two.keys.status()).toEqual(status)
          expect(status.filter((key) => key.state === 'active')).toHaveLength(1)
          expect(status.filter((key) => key.state === 'pending').length).toBeLessThanOrEqual(1)
          if (story === 'loss of a key') expect(one.keys.jwks().body).not.toContain(kid)
          expect(one.keys.jwks()).toEqual(two.keys.jwks())
          expect((await here.rows('key_rings', 'version')).length).toBe(1)
        },
      )
      expect(deaths).toBeGreaterThan(0)
    },
    600_000,
  )
}
