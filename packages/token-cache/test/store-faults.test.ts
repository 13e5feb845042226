import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { virtualClock } from '@coffer/lease/testing'
import { createTokenCache, type TokenStore } from '@coffer/token-cache'
import { fileStore } from '@coffer/token-cache/file'
import { postgresStore } from '@coffer/token-cache/postgres'
import { redisStore } from '@coffer/token-cache/redis'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { codeOf, hour, loginChain, minute } from './arrange.js'

const disk = vi.hoisted(() => ({ full: false }))
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const open: typeof real.open = async (...asked) => {
    const file = await real.open(...asked)
    const writeFile: typeof file.writeFile = async (...written) => {
      if (disk.full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      await file.writeFile(...written)
    }
    return Object.assign(Object.create(file), {
      writeFile,
      sync: () => file.sync(),
      close: () => file.close(),
    })
  }
  return { ...real, open }
})

afterEach(() => {
  disk.full = false
})

describe('a full disk', () => {
  async function onDisk(work: (directory: string) => Promise<void>): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'coffer-full-'))
    try {
      await work(directory)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  test('changes no record and leaves no file', async () => {
    await onDisk(async (directory) => {
      const store = fileStore({ directory })
      const lease = await store.acquire('key', 'a', hour)
      await store.commit('key', lease?.fence ?? 0, 1, new Uint8Array([7]))
      const before = readdirSync(directory)
      disk.full = true
      await expect(store.commit('key', lease?.fence ?? 0, 2, new Uint8Array([8]))).rejects.toThrow('ENOSPC')
      expect(readdirSync(directory)).toEqual(before)
      expect(await store.read('key')).toMatchObject({ generation: 1, body: new Uint8Array([7]) })
    })
  })

  test('serves the live token, then fails with STORE_UNAVAILABLE, and nothing is lost once there is room', async () => {
    await onDisk(async (directory) => {
      const clock = virtualClock()
      const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
      const store = dangerouslyUnsealed(fileStore({ directory }))
      const tokens = createTokenCache({
        grant: loginChain(issuer),
        max: 1,
        store,
        clock,
        timers: clock.timers,
        random: () => 0,
      })
      const first = await tokens.get()
      disk.full = true
      clock.tick(50 * minute)
      expect((await tokens.get()).reveal()).toBe(first.reveal())
      await vi.waitFor(() => expect(tokens.stats().failures).toBe(1))
      clock.tick(20 * minute)
      const error: unknown = await tokens.get().catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'COFFER_TOKEN_CACHE_STORE_UNAVAILABLE', terminal: false })
      expect(inspect(error)).not.toContain(directory)
      disk.full = false
      clock.tick(minute)
      expect(issuer.accepts((await tokens.get()).reveal())).toBe(true)
      expect(issuer.counts()).toEqual({ logins: 1, presentedAgain: 0, familiesRevoked: 0 })
    })
  })
})

describe('a record that is not ours', () => {
  const redisReply = (reply: unknown): TokenStore => redisStore({ client: { eval: async () => reply } })
  const row = { fence: '1', generation: '1', body: null }
  const postgresRow = (changed: object): TokenStore =>
    postgresStore({ client: { query: async () => ({ rows: [{ ...row, ...changed }] }) } })
  test.each([
    ['Redis, a fence that is no number', redisReply(['x', '1', '', '0', '0', '', '0', '0', '0'])],
    ['Redis, fields missing', redisReply(['1'])],
    ['Redis, a body that is no base64', redisReply(['1', '1', '*', '0', '0', '', '0', '0', '0'])],
    ['PostgreSQL, a fence that is no number', postgresRow({ fence: 'x' })],
    ['PostgreSQL, a time that is no number', postgresRow({ age_ms: 'NaN' })],
  ])('%s: STORE_CORRUPT', async (_, store) => {
    expect(await codeOf(store.read('key'))).toBe('STORE_CORRUPT')
  })
})
