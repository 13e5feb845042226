import { createRevocationIndex } from '@coffer/jwt'
import { createIssuer, createKeyRing, memoryKeyRingStore, memoryRefreshStore } from '@coffer/jwt/issue'
import { expect, test } from 'vitest'
import { codeOfAsync, issuer } from '../support.js'
import { dieEverywhere, dyingAt, type MortalWorld, sinkThrough, storeThrough, storyNames } from './dying.js'
import { gcmSealer, grant, movingClock, refreshTokenOf, secret } from './support.js'

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
  const processWith: MortalWorld['processWith'] = (through) => {
    const index = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const refresh = { store: storeThrough(store, through), secret }
    return createIssuer({ issuer, keys: ring, revocation: sinkThrough(index, through), clock, refresh })
  }
  return { clock, store, processWith, alive: processWith((call) => call()) }
}

test.each(storyNames)('a process that dies anywhere in a %s leaves what the client holds good', async (name) => {
  expect(await dieEverywhere(name, world)).toBeGreaterThan(0)
})

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
