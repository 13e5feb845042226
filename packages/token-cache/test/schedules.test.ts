import { virtualClock } from '@coffer/lease/testing'
import { createTokenCache, memoryStore, type TokenCache, type TokenStore } from '@coffer/token-cache'
import { createFakeIssuer, type Fault } from '@coffer/token-cache/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeOf, hour, loginChain } from './arrange.js'

const { COFFER_DEEP, COFFER_SEED } = process.env
const numRuns = COFFER_DEEP === '1' ? 100_000 : 150
const seed = COFFER_SEED === undefined ? Date.now() : Number(COFFER_SEED)
const faults = fc.constantFrom<Fault | 'none'>(
  'none',
  'none',
  'reset-after-commit',
  'status-503',
  'connection-refused',
  'status-502-after-commit',
)

/** Every step of two caches, their store and their issuer in an order that the scheduler chooses. */
function scheduledStore(inner: TokenStore, order: fc.Scheduler, name: string): TokenStore {
  const later = async <T>(label: string, run: () => Promise<T>): Promise<T> => {
    await order.schedule(Promise.resolve(), `${name} ${label}`)
    const result = await run()
    await order.schedule(Promise.resolve(), `${name} ${label}, answered`)
    return result
  }
  return {
    persistence: 'process',
    read: (key) => later('read', () => inner.read(key)),
    acquire: (key, owner, ttlMs) => later('acquire', () => inner.acquire(key, owner, ttlMs)),
    renew: (key, fence, ttlMs) => later('renew', () => inner.renew(key, fence, ttlMs)),
    intend: (key, fence, intent) => later('intend', () => inner.intend(key, fence, intent)),
    commit: (key, fence, generation, body) => later('commit', () => inner.commit(key, fence, generation, body)),
    release: (key, fence, outcome) => later('release', () => inner.release(key, fence, outcome)),
  }
}

test(`two caches on one store, in ${numRuns} schedules, present no refresh token twice (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(faults, { maxLength: 4 }),
      fc.boolean(),
      async (order, planned, lapse) => {
        const clock = virtualClock()
        const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
        const shared = memoryStore({ max: 100, clock })
        const cacheOf = (name: string | undefined) =>
          createTokenCache({
            grant: loginChain({
              ...issuer,
              endpoint: (options) =>
                issuer.endpoint({
                  ...options,
                  fetch: async (input, init) => {
                    if (name !== undefined) await order.schedule(Promise.resolve(), `${name} sends`)
                    const response = await issuer.fetch(input, init)
                    for (const step of ['travels', 'arrives']) {
                      if (name !== undefined) await order.schedule(Promise.resolve(), `${name}'s answer ${step}`)
                    }
                    return response
                  },
                }),
            }),
            max: 10,
            store: name === undefined ? shared : scheduledStore(shared, order, name),
            clock,
            random: () => 0.5,
            loginIntervalMs: 0,
            busyWaitMs: 100,
            timers: {
              // A wait for a peer ends when the scheduler says; a time-out never does.
              set: (run, ms) => {
                if (ms > 1_000) return 0
                void order.schedule(Promise.resolve(), 'waits').then(() => {
                  clock.tick(lapse ? 6_000 : ms)
                  run()
                })
                return 0
              },
              clear: () => {},
            },
          })
        await cacheOf(undefined).get({ scope: 'a' })
        clock.tick(hour)
        for (const fault of planned) if (fault !== 'none') issuer.inject({ fault })
        const caches = [cacheOf('one'), cacheOf('two')]
        // A process that is refused comes again later, when the other's lease may have lapsed in mid-request.
        const persistently = async (cache: TokenCache): Promise<void> => {
          for (let attempt = 0; attempt < 3; attempt += 1) {
            const code = await codeOf(cache.get({ scope: 'a' }))
            expect(['resolved', 'ISSUER_UNAVAILABLE', 'BUSY']).toContain(code)
            if (code === 'resolved') return
            await order.schedule(Promise.resolve(), 'comes again')
            clock.tick(20_000)
          }
        }
        await order.waitFor(Promise.all(caches.map(persistently)))
        const { presentedAgain, familiesRevoked, logins } = issuer.counts()
        expect({ presentedAgain, familiesRevoked }).toEqual({ presentedAgain: 0, familiesRevoked: 0 })
        // One before, and at most one for each attempt of each process.
        expect(logins).toBeLessThanOrEqual(7)
      },
    ),
    { numRuns, seed },
  )
}, 3_600_000)
