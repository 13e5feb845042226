import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { virtualClock } from '@coffer/lease/testing'
import { createTokenCache, memoryStore, type Sealer, sealed, type TokenStore } from '@coffer/token-cache'
import { fileStore } from '@coffer/token-cache/file'
import { postgresStore, postgresTokenTableSql } from '@coffer/token-cache/postgres'
import { redisStore } from '@coffer/token-cache/redis'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { aesSealer } from './aes-sealer.js'
import { codeOf, hour, loginChain, minute } from './arrange.js'
import { storeContract } from './contract.js'
import { PGlite } from './pglite.mjs'
import { type RunningRedis, startRedis } from './redis-server.js'

const { COFFER_DEEP, DATABASE_URL } = process.env
const histories = COFFER_DEEP === '1' ? 2_000 : 20
/** The stores' own clocks cannot be moved: these few milliseconds are real. */
const really = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms + 15))
const folders: string[] = []
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'coffer-token-'))
  folders.push(path)
  return path
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
})

const clock = virtualClock()
const shared = memoryStore({ max: 100_000, clock })
storeContract('memory', { open: async () => shared, pass: async (ms) => clock.tick(ms), histories })
storeContract('memory, sealed', {
  open: async () => sealed(shared, await aesSealer()),
  pass: async (ms) => clock.tick(ms),
  histories,
})
storeContract('memory, unsealed by name', {
  open: async () => dangerouslyUnsealed(shared),
  pass: async (ms) => clock.tick(ms),
})

const directory = folder()
storeContract('file', { open: async () => fileStore({ directory }), pass: really, histories })

const embedded = new PGlite()
storeContract('PostgreSQL, embedded', {
  open: async () => {
    await embedded.query(postgresTokenTableSql())
    return postgresStore({ client: embedded })
  },
  close: () => embedded.close(),
  pass: really,
  histories,
})

if (DATABASE_URL === undefined) {
  test('PostgreSQL: the contract of a store', (context) => context.skip('needs a server: set DATABASE_URL'))
} else {
  const table = `coffer_token_${process.pid}`
  const pool = new pg.Pool({ connectionString: DATABASE_URL })
  storeContract('PostgreSQL', {
    open: async () => {
      await pool.query(postgresTokenTableSql(table))
      return postgresStore({ client: pool, table })
    },
    close: async () => {
      await pool.query(`DROP TABLE "${table}"`)
      await pool.end()
    },
    pass: really,
    histories,
  })
}

const redis = await startRedis()
if (redis === undefined) {
  test('Redis: the contract of a store', (context) =>
    context.skip('needs a server: set REDIS_URL or install redis-server'))
} else {
  redisContract(redis)
}

function redisContract(server: RunningRedis): void {
  const client = new Redis(server.url)
  const prefix = `coffer-test-${process.pid}:`
  storeContract('Redis', {
    open: async () => redisStore({ client, prefix }),
    close: async () => {
      client.disconnect()
      await server.stop()
    },
    pass: really,
    histories,
  })
}

describe('a file store', () => {
  const key = 'f'.repeat(64)
  async function written(): Promise<{ readonly store: TokenStore; readonly path: string }> {
    const path = join(folder(), 'tokens')
    const store = fileStore({ directory: path })
    const snapshot = await store.acquire(key, 'a', 60_000)
    await store.commit(key, snapshot?.fence ?? 0, 1, new Uint8Array([1, 2, 3]))
    return { store, path }
  }

  test('makes its directory 0700 and its files 0600, and keeps two versions', async () => {
    const { path } = await written()
    expect(statSync(path).mode & 0o777).toBe(0o700)
    const names = readdirSync(path)
    expect(names.length).toBeLessThanOrEqual(2)
    for (const name of names) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600)
  })

  test('refuses a directory that others may enter', async () => {
    const path = folder()
    chmodSync(path, 0o755)
    await expect(fileStore({ directory: path }).read(key)).rejects.toThrow(TypeError)
  })

  test('a record that is cut short or is other JSON is STORE_CORRUPT', async () => {
    for (const content of ['', '{"v":1,"fence":', '[]', '{"v":2}', '{"v":1,"fence":-1}']) {
      const { store, path } = await written()
      writeFileSync(join(path, `${key}.9`), content, { mode: 0o600 })
      expect(await codeOf(store.read(key))).toBe('STORE_CORRUPT')
    }
  })

  test('a lease written by a clock far ahead counts as lapsed', async () => {
    const { store, path } = await written()
    const record = {
      v: 1,
      fence: 7,
      leaseEndsAt: Date.now() + 86_400_000,
      leaseMs: 15_000,
      generation: 1,
      committedAt: 0,
      holdEndsAt: 0,
      holdMs: 0,
    }
    writeFileSync(join(path, `${key}.9`), JSON.stringify(record), { mode: 0o600 })
    expect((await store.acquire(key, 'b', 1_000))?.fence).toBe(8)
  })

  test('a hold written before the clock was set back counts as over', async () => {
    const { store } = await written()
    const held = 'held-back'
    const lease = await store.acquire(held, 'b', 1_000)
    await store.release(held, lease?.fence ?? 0, { intent: 'keep', holdMs: 5_000 })
    expect((await store.read(held))?.holdMs).toBeGreaterThan(0)
    const really = Date.now
    const setBack = vi.spyOn(Date, 'now').mockImplementation(() => really() - 86_400_000)
    expect((await store.read(held))?.holdMs).toBe(0)
    setBack.mockRestore()
  })

  test('a lease is held to its last millisecond, however long it is', async () => {
    const { store } = await written()
    const start = Date.now()
    const now = vi.spyOn(Date, 'now').mockReturnValue(start)
    expect(await store.acquire('long', 'a', 600_000)).toBeDefined()
    for (const [atMs, free] of [
      [599_999, false],
      [600_000, true],
    ] as const) {
      now.mockReturnValue(start + atMs)
      expect((await store.acquire('long', 'b', 1_000)) !== undefined).toBe(free)
    }
    now.mockRestore()
  })

  test('what a killed process had not linked yet is removed after a minute, and nothing younger', async () => {
    const { store, path } = await written()
    const left = join(path, `.4711.${randomUUID()}`)
    const young = join(path, `.4712.${randomUUID()}`)
    const foreign = join(path, '.keep')
    for (const name of [left, young, foreign]) writeFileSync(name, 'x', { mode: 0o600 })
    const minuteAgo = Date.now() / 1_000 - 61
    for (const name of [left, foreign]) utimesSync(name, minuteAgo, minuteAgo)
    await store.acquire('another', 'a', 1_000)
    expect([left, young, foreign].map((name) => existsSync(name))).toEqual([false, true, true])
  })

  test('what lies around in the directory is no version', async () => {
    const { store, path } = await written()
    for (const name of [`${key}.x`, `${key}.-1`, `${key}.`, '.123.tmp']) writeFileSync(join(path, name), 'x')
    mkdirSync(join(path, 'lost+found'))
    expect((await store.read(key))?.generation).toBe(1)
  })
})

describe('a table name', () => {
  test.each(['a b', 'a"; DROP TABLE x', 'a.b.c', '', '1a'])('%j is refused', (table) => {
    expect(() => postgresTokenTableSql(table)).toThrow(TypeError)
    expect(() => postgresStore({ client: embedded, table })).toThrow(TypeError)
  })
})

describe('a Redis store', () => {
  test('that must wait for replicas needs a client that can, and fails when too few have the write', async () => {
    const client = { eval: async () => 1 }
    expect(() => redisStore({ client, waitReplicas: 1 })).toThrow(TypeError)
    const store = redisStore({ client: { ...client, wait: async () => 0 }, waitReplicas: 1 })
    await expect(store.intend('k', 1, { digest: 'd', attempt: 1 })).rejects.toThrow('too few replicas')
  })
})

describe('a sealed store', () => {
  const key = 'a'.repeat(64)
  let store: TokenStore
  let inner: TokenStore
  const body = new TextEncoder().encode('refresh-token-canary')
  beforeAll(async () => {
    inner = memoryStore({ max: 10 })
    store = sealed(inner, await aesSealer())
    const snapshot = await store.acquire(key, 'a', 60_000)
    await store.commit(key, snapshot?.fence ?? 0, 1, body)
    await store.release(key, snapshot?.fence ?? 0, { intent: 'keep', holdMs: 0 })
  })

  async function stored(): Promise<Uint8Array> {
    const bytes = (await inner.read(key))?.body
    if (bytes === undefined) throw new Error('nothing stored')
    return bytes
  }

  /** The code of reading `bytes` as the body of `at` and `generation`. */
  async function reading(bytes: Uint8Array, at: string, generation: number): Promise<string> {
    const other = memoryStore({ max: 10 })
    const snapshot = await other.acquire(at, 'a', 60_000)
    await other.commit(at, snapshot?.fence ?? 0, generation, bytes)
    return await codeOf(sealed(other, await aesSealer()).read(at))
  }

  test('holds no token in clear', async () => {
    expect(Buffer.from(await stored()).includes('canary')).toBe(false)
    expect((await store.read(key))?.body).toEqual(body)
  })

  test('every single-bit flip is refused', async () => {
    const bytes = await stored()
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await reading(flipped, key, 1)).toBe('STORE_CORRUPT')
    }
  })

  test('a body moved to another key or generation, or cut short, is refused', async () => {
    const bytes = await stored()
    expect(await reading(bytes, key, 1)).toBe('resolved')
    expect(await reading(bytes, 'b'.repeat(64), 1)).toBe('STORE_CORRUPT')
    expect(await reading(bytes, key, 2)).toBe('STORE_CORRUPT')
    expect(await reading(bytes.subarray(0, -1), key, 1)).toBe('STORE_CORRUPT')
    expect(await reading(new Uint8Array(), key, 1)).toBe('STORE_CORRUPT')
  })

  describe('whose key service fails', () => {
    async function failing() {
      const real = await aesSealer()
      let failures = 0
      const guarded =
        (work: Sealer['encrypt']): Sealer['encrypt'] =>
        (bytes, bound) => {
          failures -= 1
          if (failures >= 0) throw new Error('key service: canary')
          return work(bytes, bound)
        }
      const sealer: Sealer = { encrypt: guarded(real.encrypt), decrypt: guarded(real.decrypt) }
      const fail = (times: number): void => {
        failures = times
      }
      return { sealer, fail }
    }

    test('is STORE_UNAVAILABLE, and the record stays as it was', async () => {
      const { sealer, fail } = await failing()
      const opened = sealed(inner, sealer)
      const before = await inner.read(key)
      fail(Number.POSITIVE_INFINITY)
      expect(await codeOf(opened.read(key))).toBe('STORE_UNAVAILABLE')
      expect(await codeOf(opened.acquire(key, 'b', 60_000))).toBe('STORE_UNAVAILABLE')
      fail(0)
      expect((await opened.read(key))?.body).toEqual(body)
      expect(await inner.read(key)).toMatchObject({ generation: before?.generation, body: before?.body })
    })

    test('once is not noticed', async () => {
      const { sealer, fail } = await failing()
      fail(1)
      expect((await sealed(inner, sealer).read(key))?.body).toEqual(body)
    })

    test('does not make a changed record pass for a failing service', async () => {
      const bytes = await stored()
      const { sealer } = await failing()
      const other = memoryStore({ max: 10 })
      const snapshot = await other.acquire(key, 'a', 60_000)
      await other.commit(key, snapshot?.fence ?? 0, 1, bytes.toReversed())
      expect(await codeOf(sealed(other, sealer).read(key))).toBe('STORE_CORRUPT')
    })

    test('costs a cache neither a login nor its refresh token', async () => {
      const { sealer, fail } = await failing()
      const clock = virtualClock()
      const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
      const common = { grant: loginChain(issuer), max: 1, clock, timers: clock.timers, random: () => 0 }
      const tokens = createTokenCache({ ...common, store: sealed(memoryStore({ max: 10, clock }), sealer) })
      await tokens.get()
      clock.tick(hour)
      fail(Number.POSITIVE_INFINITY)
      const error: unknown = await tokens.get().catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'COFFER_TOKEN_CACHE_STORE_UNAVAILABLE', terminal: false })
      expect(inspect(error)).not.toContain('canary')
      fail(0)
      clock.tick(minute)
      expect(issuer.accepts((await tokens.get()).reveal())).toBe(true)
      expect(issuer.counts()).toEqual({ logins: 1, presentedAgain: 0, familiesRevoked: 0 })
    })
  })
})
