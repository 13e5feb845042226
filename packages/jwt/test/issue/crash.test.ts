import { createRevocationIndex } from '@coffer/jwt'
import {
  createIssuer,
  createKeyRing,
  type Issuer,
  memoryKeyRingStore,
  memoryRefreshStore,
  type RefreshStore,
} from '@coffer/jwt/issue'
import { expect, test } from 'vitest'
import { codeOfAsync, issuer } from '../support.js'
import { gcmSealer, grant, movingClock, refreshTokenOf, secret } from './support.js'

class Crash extends Error {}

/** A process that dies at its n-th call of a store or sink, before or after the call has taken effect. */
function dyingAt(n: number, afterEffect: boolean) {
  let calls = 0
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    calls++
    if (calls > n) throw new Crash('dead')
    if (calls < n) return call()
    if (afterEffect) await call()
    throw new Crash('dies')
  }
  return { through, calls: () => calls }
}

async function world() {
  const clock = movingClock()
  const ring = await createKeyRing({
    issuer,
    algorithm: 'ES256',
    store: memoryKeyRingStore(),
    sealer: gcmSealer(),
    clock,
    timers: null,
  })
  const store = memoryRefreshStore({ max: 100, clock })
  const processWith = (through: <T>(call: () => Promise<T>) => Promise<T>): Issuer => {
    const index = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const dying: RefreshStore = {
      create: (family) => through(() => store.create(family)),
      rotate: (step) => through(() => store.rotate(step)),
      read: (id) => through(() => store.read(id)),
      revoke: (target) => through(() => store.revoke(target)),
    }
    const revocation = {
      revoke: (revocation: Parameters<typeof index.revoke>[0]) => through(() => index.revoke(revocation)),
    }
    return createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store: dying, secret } })
  }
  return { clock, store, processWith, alive: processWith((call) => call()) }
}

const stories = {
  async login(tokens: Issuer) {
    await tokens.issueWithRefresh(grant)
  },
  async refresh(tokens: Issuer, held: string) {
    await tokens.refresh(held, { clientId: 'web' })
  },
  async 'narrowed refresh'(tokens: Issuer, held: string) {
    await tokens.refresh(held, { clientId: 'web', scope: ['payments:read'] })
  },
  async 'refresh twice'(tokens: Issuer, held: string) {
    const next = await tokens.refresh(held, { clientId: 'web' })
    await tokens.refresh(refreshTokenOf(next), { clientId: 'web' })
  },
} as const

test.each(Object.keys(stories) as (keyof typeof stories)[])(
  'a process that dies anywhere in a %s leaves what the client holds good',
  async (name) => {
    let points = 0
    for (const afterEffect of [false, true]) {
      for (let n = 1; ; n++) {
        const { alive, processWith } = await world()
        const held = refreshTokenOf(await alive.issueWithRefresh(grant))
        const death = dyingAt(n, afterEffect)
        const outcome = await codeOfAsync(() => stories[name](processWith(death.through), held)).catch(() => 'finished')
        if (outcome === 'finished') break
        expect(outcome).toBe('COFFER_JWT_STORE_UNAVAILABLE')
        points++
        if (name === 'refresh twice' && n > 1) continue
        // The client never saw an answer, so it still holds this token: within the window it is good, and only once over.
        const next = await alive.refresh(held, { clientId: 'web' })
        const again = await alive.refresh(held, { clientId: 'web' })
        expect(refreshTokenOf(again)).toBe(refreshTokenOf(next))
        expect((await alive.refresh(refreshTokenOf(next), { clientId: 'web' })).retried).toBe(false)
      }
    }
    expect(points).toBeGreaterThan(0)
  },
)

test('a process that dies anywhere while it ends a session has told so, and ending again ends it', async () => {
  for (const afterEffect of [false, true]) {
    for (let n = 1; n <= 2; n++) {
      const { alive, processWith } = await world()
      const first = await alive.issueWithRefresh(grant)
      const outcome = codeOfAsync(() =>
        processWith(dyingAt(n, afterEffect).through).revokeSession(String(first.sessionId)),
      )
      await expect(outcome.catch(() => 'died')).resolves.toMatch(/died|STORE_UNAVAILABLE/)
      await alive.revokeSession(String(first.sessionId))
      expect(await codeOfAsync(() => alive.refresh(refreshTokenOf(first), { clientId: 'web' }))).toBe(
        'COFFER_JWT_REFRESH_INVALID',
      )
    }
  }
})

test.each(['thief first', 'victim first'])(
  'with the %s, the second to present the spent token past the window ends both',
  async (order) => {
    const { alive, clock } = await world()
    const stolen = refreshTokenOf(await alive.issueWithRefresh(grant))
    const [first, second] = order === 'thief first' ? ['thief', 'victim'] : ['victim', 'thief']
    const held = new Map([[first, refreshTokenOf(await alive.refresh(stolen, { clientId: 'web' }))]])
    clock.advance(10_000)
    expect(await codeOfAsync(() => alive.refresh(stolen, { clientId: 'web' })), second).toBe(
      'COFFER_JWT_REFRESH_REUSED',
    )
    for (const token of held.values()) {
      expect(await codeOfAsync(() => alive.refresh(token, { clientId: 'web' }))).toBe('COFFER_JWT_REFRESH_INVALID')
    }
  },
)
