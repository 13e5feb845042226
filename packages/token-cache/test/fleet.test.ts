import { afterAll, describe, expect, test } from 'vitest'
import { sharedStores, withTable } from './processes/addresses.js'
import { runFleet } from './processes/fleet.js'
import { type WorkerFactory, workerFactory } from './processes/fork.js'
import { startRedis } from './redis-server.js'

const { COFFER_DEEP, COFFER_SEED } = process.env
const deep = COFFER_DEEP === '1'
const processes = deep ? 64 : 3
const expiries = deep ? 200 : 3
const seed = COFFER_SEED === undefined ? Date.now() : Number(COFFER_SEED)
const redis = await startRedis()
const workers: WorkerFactory = await workerFactory()

afterAll(async () => {
  workers.close()
  await redis?.stop()
})

/** Chooses the victims (xorshift32); what the processes do in between is theirs. */
function generator(state: number): () => number {
  let bits = state | 1
  return () => {
    bits ^= bits << 13
    bits ^= bits >>> 17
    bits ^= bits << 5
    return (bits >>> 0) / 2 ** 32
  }
}

const stores = sharedStores(workers.directory, redis)
describe.each(deep ? stores : stores.slice(0, 1))('a fleet on one %s store', (name, open) => {
  if (typeof open === 'string') {
    test('killed and stopped at random', (context) => context.skip(open))
    return
  }
  test(`${processes} processes over ${expiries} expiries, killed and stopped: no refresh token twice, no login without cause, all recover (seed ${seed})`, async () => {
    const address = open()
    await withTable(address, async () => {
      const figures = await runFleet({
        workers,
        store: address,
        processes,
        expiries,
        stops: deep,
        random: generator(seed),
      })
      console.log(`fleet on ${name}: ${JSON.stringify(figures)}`)
      const { presentedAgain, familiesRevoked, terminal, recovered, logins, killed, stopped, unanswered } = figures
      expect(figures.expiries).toBeGreaterThanOrEqual(expiries)
      expect({ presentedAgain, familiesRevoked, terminal }).toEqual({
        presentedAgain: 0,
        familiesRevoked: 0,
        terminal: [],
      })
      expect(recovered).toBe(processes)
      expect(logins).toBeLessThanOrEqual(1 + killed + stopped + unanswered)
    })
  }, 4_000_000)
})
