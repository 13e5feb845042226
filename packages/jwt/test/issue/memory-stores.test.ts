import { type FamilyState, memoryRefreshStore, type RefreshStore } from '@coffer/jwt/issue'
import { checkRefreshStore } from '@coffer/jwt/testing'
import { expect, test } from 'vitest'
import { codeOfAsync } from '../support.js'
import { grant, movingClock } from './support.js'

const family = (id: string) => ({ id, grant, current: new Uint8Array(32), idleMs: 1_000, lifetimeMs: 1_000 })

const unknown: FamilyState = {
  id: '',
  grant,
  phase: 'revoked',
  generation: 0,
  current: new Uint8Array(32),
  previous: undefined,
  salt: undefined,
  rotatedAgeMs: 0,
}

test('the memory store keeps the contract', async () => {
  const facts = await checkRefreshStore(async () => {
    const clock = movingClock()
    return { store: memoryRefreshStore({ max: 100, clock }), advance: async (ms) => clock.advance(ms) }
  })
  expect(facts.length).toBeGreaterThan(10)
})

/** Stores that break one fact each, and keep those before it. */
const broken: Readonly<Record<string, (store: RefreshStore) => Partial<RefreshStore>>> = {
  'as it was given': () => ({ read: async () => undefined }),
  'an unknown family is undefined': (store) => ({
    read: async (id) => (await store.read(id)) ?? { ...unknown, id },
  }),
  'an id is taken once': (store) => ({
    create: async (family) => void ((await store.read(family.id)) ?? (await store.create(family))),
  }),
  'a rotation moves one generation on': () => ({ rotate: async () => undefined }),
  'another generation, hash or client changes nothing': (store) => ({
    rotate: (step) => store.rotate({ ...step, clientId: 'client-1' }),
  }),
  'of 64 rotations at once one takes effect': (store) => ({
    // Looks first, and then changes: all that looked at once believe that they won.
    rotate: async (step) => {
      const before = await store.read(step.id)
      const fits = before?.generation === step.generation && before.current[0] === step.from[0]
      return fits && step.clientId === 'client-1' ? ((await store.rotate(step)) ?? store.read(step.id)) : undefined
    },
  }),
  'the age of a rotation': (store) => ({
    read: async (id) => {
      const state = await store.read(id)
      return state && { ...state, rotatedAgeMs: 0 }
    },
  }),
  'a family pauses for less than idleMs': (store) => ({
    create: (family) => store.create({ ...family, idleMs: 30_000 }),
  }),
  'every rotation begins the pause anew': (store) => ({
    rotate: (step) => store.rotate({ ...step, idleMs: 29_000 }),
  }),
  'a family lives for less than lifetimeMs': (store) => ({
    create: (family) => store.create({ ...family, lifetimeMs: family.lifetimeMs / 2 }),
  }),
  'however busy': (store) => ({
    create: (family) => store.create({ ...family, lifetimeMs: family.lifetimeMs * 2 }),
  }),
  'and tells it once': (store) => ({
    revoke: async (target) => {
      const ended = await store.revoke(target)
      return 'session' in target ? [target.session] : ended
    },
  }),
  'and no other': (store) => ({
    revoke: async (target) => {
      if ('subject' in target) await store.revoke({ client: 'client-2' })
      return store.revoke(target)
    },
  }),
}

test.each(Object.keys(broken))('a store that breaks the contract is told so: %s', async (fact) => {
  const clock = movingClock()
  const make = async () => {
    const store = memoryRefreshStore({ max: 100, clock })
    return { store: { ...store, ...broken[fact]?.(store) }, advance: async (ms: number) => clock.advance(ms) }
  }
  await expect(checkRefreshStore(make)).rejects.toThrow(fact)
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
