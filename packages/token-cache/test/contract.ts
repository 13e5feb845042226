import { systemClock } from '@coffer/lease'
import type { Snapshot, TokenStore } from '@coffer/token-cache'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryStore } from '../src/memory-store.js'

/** How a store under test is opened: twice, as two processes would, over the same records. */
export interface StoreUnderTest {
  readonly open: () => Promise<TokenStore>
  readonly close?: () => Promise<void>
  /** Lets more than `ms` pass by the store's clock. */
  readonly pass: (ms: number) => Promise<void>
  readonly histories?: number
}

let lastKey = 0
const freshKey = (): string => {
  lastKey += 1
  return lastKey.toString(16).padStart(64, '0')
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (snapshot: Snapshot | undefined): string | undefined =>
  snapshot?.body && new TextDecoder().decode(snapshot.body)
const calm = { intent: 'keep', holdMs: 0 } as const
const longMs = 60_000

/** What every store must do. */
export function storeContract(name: string, { open, close, pass, histories = 20 }: StoreUnderTest): void {
  // A disk that is busy elsewhere may take its time to sync.
  describe(`${name}: the contract of a store`, { timeout: 120_000 }, () => {
    let one: TokenStore
    let other: TokenStore
    beforeAll(async () => {
      one = await open()
      other = await open()
    })
    afterAll(async () => {
      await close?.()
    })

    async function acquired(key: string, ttlMs: number = longMs): Promise<Snapshot> {
      const snapshot = await one.acquire(key, 'a', ttlMs)
      if (snapshot === undefined) throw new Error('not acquired')
      return snapshot
    }

    test('an unknown key reads as nothing, and its first lease has no generation', async () => {
      const key = freshKey()
      expect(await one.read(key)).toBeUndefined()
      expect(await acquired(key)).toMatchObject({ generation: 0, body: undefined, holdMs: 0, intent: undefined })
    })

    test('one process holds the lease; after release the next has a higher fence', async () => {
      const key = freshKey()
      const first = await acquired(key)
      expect(await other.acquire(key, 'b', longMs)).toBeUndefined()
      await one.release(key, first.fence, calm)
      const second = await other.acquire(key, 'b', longMs)
      expect(second?.fence).toBeGreaterThan(first.fence)
    })

    test('a lease that has lapsed is taken, and the late holder writes nothing', async () => {
      const key = freshKey()
      const first = await acquired(key, 30)
      await pass(30)
      const second = await other.acquire(key, 'b', longMs)
      if (second === undefined) throw new Error('not acquired')
      expect(await one.renew(key, first.fence, longMs)).toBe(false)
      expect(await one.intend(key, first.fence, { digest: 'd', attempt: 1 })).toBe(false)
      expect(await one.commit(key, first.fence, 1, bytes('late'))).toBe(false)
      await one.release(key, first.fence, { intent: 'clear', holdMs: longMs })
      expect(await one.read(key)).toMatchObject({ fence: second.fence, generation: 0, body: undefined, holdMs: 0 })
      expect(await one.acquire(key, 'a', longMs)).toBeUndefined()
    })

    test('a renewed lease holds past its first end', async () => {
      const key = freshKey()
      const first = await acquired(key, 30)
      expect(await one.renew(key, first.fence, longMs)).toBe(true)
      await pass(30)
      expect(await other.acquire(key, 'b', longMs)).toBeUndefined()
    })

    test('a commit is read by the other process, byte for byte, with its age, and clears intent and hold', async () => {
      const key = freshKey()
      const { fence } = await acquired(key)
      await one.intend(key, fence, { digest: 'd', attempt: 1 })
      const body = Uint8Array.from({ length: 256 }, (_, index) => index)
      expect(await one.commit(key, fence, 1, body)).toBe(true)
      await pass(20)
      const read = await other.read(key)
      expect(read).toMatchObject({ fence, generation: 1, holdMs: 0, intent: undefined })
      expect(read?.body && [...read.body]).toEqual([...body])
      expect(read?.ageMs).toBeGreaterThanOrEqual(20)
    })

    test('a generation that is no higher is not committed', async () => {
      const key = freshKey()
      const { fence } = await acquired(key)
      expect(await one.commit(key, fence, 5, bytes('five'))).toBe(true)
      expect(await one.commit(key, fence, 5, bytes('again'))).toBe(false)
      expect(await one.commit(key, fence, 4, bytes('four'))).toBe(false)
      expect(textOf(await one.read(key))).toBe('five')
    })

    test.each([
      ['keep', { digest: 'd', attempt: 2, dead: false }],
      ['dead', { digest: 'd', attempt: 2, dead: true }],
      ['clear', undefined],
    ] as const)('an intent released with %s is read by the next holder', async (intent, expected) => {
      const key = freshKey()
      const { fence } = await acquired(key)
      expect(await one.intend(key, fence, { digest: 'd', attempt: 2 })).toBe(true)
      await one.release(key, fence, { intent, holdMs: 0 })
      const next = await other.acquire(key, 'b', longMs)
      if (expected === undefined) expect(next?.intent).toBeUndefined()
      else expect(next?.intent).toMatchObject(expected)
    })

    test('an intent outlives its holder, and grows older', async () => {
      const key = freshKey()
      const { fence } = await acquired(key, 30)
      await one.intend(key, fence, { digest: 'd', attempt: 1 })
      await pass(30)
      const next = await other.acquire(key, 'b', longMs)
      expect(next?.intent).toMatchObject({ digest: 'd', attempt: 1, dead: false })
      expect(next?.intent?.ageMs).toBeGreaterThanOrEqual(30)
    })

    test('a dead release without an intent leaves none', async () => {
      const key = freshKey()
      const { fence } = await acquired(key)
      await one.release(key, fence, { intent: 'dead', holdMs: 0 })
      expect((await one.read(key))?.intent).toBeUndefined()
    })

    test('a hold is seen by every holder', async () => {
      const key = freshKey()
      const { fence } = await acquired(key)
      await one.release(key, fence, { intent: 'keep', holdMs: longMs })
      const held = await other.acquire(key, 'b', longMs)
      expect(held?.holdMs).toBeGreaterThan(0)
      expect(held?.holdMs).toBeLessThanOrEqual(longMs)
    })

    test('a hold ends', async () => {
      const key = freshKey()
      const { fence } = await acquired(key)
      await one.release(key, fence, { intent: 'keep', holdMs: 30 })
      await pass(30)
      expect((await one.read(key))?.holdMs).toBe(0)
    })

    test('of many processes that acquire at once one succeeds', async () => {
      const key = freshKey()
      const all = await Promise.all(
        Array.from({ length: 16 }, (_, index) => (index % 2 ? one : other).acquire(key, `${index}`, longMs)),
      )
      expect(all.filter((snapshot) => snapshot !== undefined)).toHaveLength(1)
    })

    test('keys with separators, prototypes and lone surrogates are records of their own', async () => {
      const keys = ['__proto__', 'constructor', '../../etc/passwd', 'a:b', 'a', '\ud800x', '\ud801x'].map(
        (key) => `${key}-${freshKey()}`,
      )
      for (const key of keys) {
        const { fence } = await acquired(key)
        await one.commit(key, fence, 1, bytes(encodeURIComponent(key.replace(/[\ud800-\udfff]/g, 's'))))
      }
      for (const key of keys) expect((await other.read(key))?.generation).toBe(1)
    })

    test('random histories give what the plain memory store gives', async () => {
      const action = fc.record({
        type: fc.constantFrom('acquire', 'renew', 'intend', 'commit', 'release'),
        store: fc.boolean(),
        stale: fc.boolean(),
        generation: fc.integer({ min: 1, max: 4 }),
        outcome: fc.constantFrom<'keep' | 'clear' | 'dead'>('keep', 'clear', 'dead'),
        hold: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
          const key = freshKey()
          const plain = new MemoryStore(10, systemClock)
          let fence = 0
          for (const { type, store, stale, generation, outcome, hold } of actions) {
            const real = store ? one : other
            const used = stale ? fence - 1 : fence
            const run = async (target: TokenStore): Promise<unknown> => {
              if (type === 'acquire') return shape(await target.acquire(key, 'a', longMs))
              if (type === 'renew') return await target.renew(key, used, longMs)
              if (type === 'intend') return await target.intend(key, used, { digest: 'd', attempt: 1 })
              if (type === 'commit') return await target.commit(key, used, generation, bytes(`${generation}`))
              await target.release(key, used, { intent: outcome, holdMs: hold ? longMs : 0 })
              return shape(await target.read(key))
            }
            const expected = await run(plain)
            expect(await run(real)).toEqual(expected)
            fence = (await plain.read(key))?.fence ?? 0
          }
        }),
        { numRuns: histories },
      )
    })
  })
}

/** A snapshot without its times. */
function shape(snapshot: Snapshot | undefined): unknown {
  if (snapshot === undefined) return undefined
  const { fence, generation, holdMs, intent } = snapshot
  return { fence, generation, body: textOf(snapshot), held: holdMs > 0, intent: intent && { ...intent, ageMs: 0 } }
}
