import { memoryRefreshStore } from '@coffer/jwt/issue'
import { checkRefreshStore } from '@coffer/jwt/testing'
import { expect, test } from 'vitest'
import { codeOfAsync } from '../support.js'
import { grant, movingClock } from './support.js'

const family = (id: string) => ({ id, grant, current: new Uint8Array(32), idleMs: 1_000, lifetimeMs: 1_000 })

test('the memory store keeps the contract', async () => {
  const facts = await checkRefreshStore(async () => {
    const clock = movingClock()
    return { store: memoryRefreshStore({ max: 100, clock }), advance: async (ms) => clock.advance(ms) }
  })
  expect(facts.length).toBeGreaterThan(10)
})

test('a store that breaks the contract is told which fact', async () => {
  const clock = movingClock()
  const make = async () => {
    const store = memoryRefreshStore({ max: 100, clock })
    return { store: { ...store, rotate: async () => undefined }, advance: async (ms: number) => clock.advance(ms) }
  }
  await expect(checkRefreshStore(make)).rejects.toThrow('a rotation moves one generation on')
})

test('at max the memory store makes room by what has ended, never by what is live', async () => {
  const clock = movingClock()
  const store = memoryRefreshStore({ max: 2, clock })
  await store.create(family('a'))
  await store.create(family('b'))
  expect(await codeOfAsync(() => store.create(family('c')))).toBe('COFFER_JWT_STORE_UNAVAILABLE')
  clock.advance(1_000)
  await store.create(family('c'))
  expect(await store.read('a')).toBeUndefined()
  expect((await store.read('c'))?.phase).toBe('live')
})
