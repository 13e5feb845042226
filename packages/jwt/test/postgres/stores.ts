import { createRevocationIndex, createVerifier } from '@coffer/jwt'
import { createIssuer, createKeyRing } from '@coffer/jwt/issue'
import { postgresKeyRingStore, postgresRefreshStore, postgresRevocations } from '@coffer/jwt/postgres'
import { checkRefreshStore } from '@coffer/jwt/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dieEverywhere, type MortalWorld, sinkThrough, storeThrough, storyNames } from '../issue/dying.js'
import { gcmSealer, grant, refreshTokenOf, secret } from '../issue/support.js'
import { audience, codeOf, codeOfAsync, issuer } from '../support.js'
import { dropTables, freshTables, type TestDatabase } from './databases.js'

const { COFFER_DEEP } = process.env
const rounds = COFFER_DEEP === '1' ? 200 : 3

/** The facts that hold on every PostgreSQL. */
export function describeStores(name: string, open: () => Promise<TestDatabase>): void {
  describe(name, () => {
    let database: TestDatabase
    let prefix: string
    const prefixes: string[] = []
    const fresh = async () => {
      prefix = await freshTables(database)
      prefixes.push(prefix)
      return prefix
    }
    beforeAll(async () => {
      database = await open()
      await fresh()
    })
    afterAll(async () => {
      for (const one of prefixes) await dropTables(database, one)
      await database.close()
    })
    const options = () => ({ client: database.client, issuer, prefix })
    const sealer = gcmSealer()

    /** One process: its own ring, index, issuer and verifier over the shared tables. */
    const processOver = async (listens = false) => {
      const feed = postgresRevocations({ ...options(), ...(listens ? { listen: database.listen } : {}) })
      const revocation = createRevocationIndex({ onUnavailable: 'refuse', feed, timers: null })
      const keys = await createKeyRing({
        issuer,
        algorithm: 'ES256',
        store: postgresKeyRingStore(options()),
        sealer,
        timers: null,
      })
      const store = postgresRefreshStore(options())
      const tokens = createIssuer({ issuer, keys, revocation, refresh: { store, secret } })
      const verifier = createVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256'], keys }], revocation })
      await verifier.ready()
      return { revocation, tokens, verifier, store, keys }
    }

    test('the refresh store keeps the contract', async () => {
      const facts = await checkRefreshStore(async () => {
        const table = `${await fresh()}_families`
        const shift = (ms: number) =>
          `${['rotated_at', 'idle_until', 'ends_at'].map((column) => `${column} = ${column} - interval '${ms} milliseconds'`).join(', ')}`
        return {
          store: postgresRefreshStore(options()),
          advance: async (ms) => void (await database.exec(`UPDATE ${table} SET ${shift(ms)}`)),
        }
      })
      expect(facts.length).toBeGreaterThan(10)
    })

    test('two processes share one ring, and a session ended in one is dead in both', async () => {
      await fresh()
      const [one, two] = [await processOver(), await processOver()]
      expect(one.keys.jwks().body).toBe(two.keys.jwks().body)
      const issued = await one.tokens.issueWithRefresh(grant)
      const { access_token } = issued.toResponse()
      expect(two.verifier.verifySync(access_token).sessionId).toBe(issued.sessionId)
      await two.tokens.revokeSession(String(issued.sessionId))
      expect(codeOf(() => two.verifier.verifySync(access_token))).toBe('COFFER_JWT_REVOKED')
      expect(await codeOfAsync(() => one.tokens.refresh(refreshTokenOf(issued), { clientId: 'web' }))).toBe(
        'COFFER_JWT_REFRESH_INVALID',
      )
      const third = await processOver()
      expect(codeOf(() => third.verifier.verifySync(access_token))).toBe('COFFER_JWT_REVOKED')
    })

    test('a revocation reaches a listening process as a message, also one that the refresh store wrote', async () => {
      await fresh()
      const [one, two] = [await processOver(), await processOver(true)]
      const first = await one.tokens.issueWithRefresh(grant)
      const second = await one.tokens.issueWithRefresh(grant)
      const tokens = [first, second].map((issued) => issued.toResponse().access_token)
      for (const token of tokens) expect(two.verifier.verifySync(token).subject).toBe('user-1')
      await one.revocation.revoke({ kind: 'token', issuer, value: first.jti, at: Date.now() })
      await one.store.revoke({ session: String(second.sessionId) })
      for (const token of tokens) {
        await expect.poll(() => codeOrGood(() => two.verifier.verifySync(token))).toBe('COFFER_JWT_REVOKED')
      }
    })

    test('ending the families of a subject stores the revocation of each in the same statement', async () => {
      await fresh()
      const { tokens, store } = await processOver()
      const ids = [await tokens.issueWithRefresh(grant), await tokens.issueWithRefresh(grant)].map(
        (issued) => issued.sessionId,
      )
      expect([...(await store.revoke({ subject: 'user-1' }))].sort()).toEqual([...ids].sort())
      const { rows } = await database.client.query(`SELECT value FROM ${prefix}_revocations WHERE kind = 'session'`, [])
      expect(rows.map(({ value }) => value).sort()).toEqual([...ids].sort())
    })

    test('a row that is no revocation makes the load fail, and the index unavailable', async () => {
      await fresh()
      const { verifier, tokens } = await processOver()
      const token = (await tokens.issue(grant)).toResponse().access_token
      expect(verifier.verifySync(token).subject).toBe('user-1')
      await database.exec(`ALTER TABLE ${prefix}_revocations DROP CONSTRAINT ${prefix}_revocations_kind_check`)
      await database.client.query(`INSERT INTO ${prefix}_revocations VALUES ($1, 'nonsense', 'x', $2)`, [
        issuer,
        Date.now(),
      ])
      const feed = postgresRevocations(options())
      const index = createRevocationIndex({ onUnavailable: 'refuse', feed, timers: null })
      expect(await codeOfAsync(() => index.ready())).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
      expect(index.status()).toMatchObject({ state: 'unavailable', size: 0 })
    })

    test(`${rounds} rounds of 64 redemptions at once: one family, one successor, no false end`, async () => {
      await fresh()
      const processes = [await processOver(), await processOver(), await processOver()]
      const { tokens } = processes[0] ?? (await processOver())
      let latest = refreshTokenOf(await tokens.issueWithRefresh(grant))
      for (let round = 0; round < rounds; round++) {
        const all = await Promise.all(
          Array.from({ length: 64 }, (_, i) =>
            (processes[i % 3] ?? { tokens }).tokens.refresh(latest, { clientId: 'web' }),
          ),
        )
        expect(new Set(all.map(refreshTokenOf)).size).toBe(1)
        expect(all.filter((one) => !one.retried)).toHaveLength(1)
        latest = refreshTokenOf(all[0] ?? { toResponse: () => ({}) })
      }
      const { rows } = await database.client.query(
        `SELECT generation::float8 AS generation, revoked FROM ${prefix}_families`,
        [],
      )
      expect(rows).toEqual([{ generation: rounds, revoked: false }])
    }, 600_000)

    test.each(storyNames)('a process that dies anywhere in a %s leaves what the client holds good', async (name) => {
      await fresh()
      const { keys, revocation } = await processOver()
      const store = postgresRefreshStore(options())
      const processWith: MortalWorld['processWith'] = (through) => {
        const refresh = { store: storeThrough(store, through), secret }
        return createIssuer({ issuer, keys, revocation: sinkThrough(revocation, through), refresh })
      }
      const alive = processWith((call) => call())
      expect(await dieEverywhere(name, async () => ({ alive, processWith }))).toBeGreaterThan(0)
    })

    test('a process whose clock is ahead, or whose retention is short, drops nothing that others need', async () => {
      await fresh()
      const now = Date.now()
      const row = { kind: 'session', issuer, value: 'held', at: now - 3_600_000 } as const
      const feed = postgresRevocations(options())
      await feed.publish?.(row)
      await feed.publish?.({ ...row, value: 'lapsed', at: now - 86_640_001 - 60_000 })
      const ahead = { now: () => now + 400 * 86_400_000 }
      await postgresRevocations({ ...options(), clock: ahead }).publish?.({ ...row, value: 'by a clock ahead' })
      await postgresRevocations({ ...options(), retentionMs: 1_000 }).publish?.({
        ...row,
        value: 'by a short retention',
      })
      const values = [...(await feed.load(AbortSignal.any([])))].map((one) => (one.kind === 'issuer' ? '' : one.value))
      expect(values.sort()).toEqual(['by a clock ahead', 'by a short retention', 'held'])
      const { rows } = await database.client.query(`SELECT value FROM ${prefix}_revocations`, [])
      expect(rows).toHaveLength(3)
    })

    test('nothing that opens anything is stored: no token, secret or private key', async () => {
      await fresh()
      const { tokens } = await processOver()
      const issued = await tokens.issueWithRefresh(grant)
      const next = await tokens.refresh(refreshTokenOf(issued), { clientId: 'web' })
      const dump: unknown[] = []
      for (const table of ['families', 'key_rings', 'revocations']) {
        dump.push((await database.client.query(`SELECT to_json(t)::text AS row FROM ${prefix}_${table} t`, [])).rows)
      }
      const text = JSON.stringify(dump)
      for (const one of [issued, next]) {
        const bytes = Buffer.from(refreshTokenOf(one).slice(5), 'base64url')
        const refreshSecret = bytes.subarray(20, 52)
        for (const form of [
          refreshTokenOf(one),
          one.toResponse().access_token,
          refreshSecret.toString('hex'),
          refreshSecret.toString('base64'),
        ]) {
          expect(text).not.toContain(form)
        }
      }
      expect(text).not.toMatch(/"d\\*":/)
    })
  })
}

function codeOrGood(call: () => unknown): string {
  try {
    call()
    return 'good'
  } catch (error) {
    return codeOf(() => {
      throw error
    })
  }
}
