import { virtualClock } from '@coffer/lease/testing'
import {
  clientCredentials,
  createTokenCache,
  memoryStore,
  type Rotation,
  refreshToken,
  type TokenCache,
  type TokenCacheEvent,
  type TokenCacheOptions,
  type TokenStore,
} from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer, type KillPoint, killPointStore } from '@coffer/token-cache/testing'
import { describe, expect, test } from 'vitest'
import { codeOf, hour, loginChain, minute, settled } from './arrange.js'

const scope = { scope: 'a' }

function fleet(rotation: Rotation = 'strict', password?: string) {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation, ttlMs: hour, ...(password !== undefined && { password }) })
  const store = memoryStore({ max: 1_000, clock })
  const events: TokenCacheEvent[] = []
  const process = (options: Partial<TokenCacheOptions> = {}): TokenCache =>
    createTokenCache({
      grant: loginChain(issuer),
      max: 10,
      store,
      clock,
      timers: clock.timers,
      random: () => 0,
      loginIntervalMs: 0,
      onEvent: (event) => events.push(event),
      ...options,
    })
  return { clock, issuer, store, process, events }
}

/** A store under which a process stops at a point until `until` says so; `reached` tells that it is there. */
function stoppingStore(store: TokenStore, point: KillPoint, until: Promise<void>) {
  let tell: () => void = () => {}
  const reached = new Promise<void>((resolve) => {
    tell = resolve
  })
  const stopping = killPointStore(store, point, () => {
    tell()
    return until
  })
  return { store: stopping, reached }
}

/** Never: a process that is killed. */
const never = new Promise<void>(() => {})

describe('a process paused before it logs in, its intent written', () => {
  /** Pauses a process there, for a minute by the clock, and gives the keys of the records it has leased. */
  async function paused(options: Partial<TokenCacheOptions> = {}, password?: string) {
    const arranged = fleet('strict', password)
    const { store } = arranged
    const leased: string[] = []
    let resume: () => void = () => {}
    const until = new Promise<void>((resolve) => {
      resume = resolve
    })
    const noting: TokenStore = {
      persistence: 'process',
      read: (key) => store.read(key),
      acquire: (key, owner, ttlMs) => {
        leased.push(key)
        return store.acquire(key, owner, ttlMs)
      },
      renew: (key, fence, ttlMs) => store.renew(key, fence, ttlMs),
      intend: (key, fence, intent) => store.intend(key, fence, intent),
      commit: (key, fence, generation, body) => store.commit(key, fence, generation, body),
      release: (key, fence, outcome) => store.release(key, fence, outcome),
    }
    const victim = stoppingStore(noting, 'after-intend', until)
    const late = codeOf(arranged.process({ store: victim.store, ...options }).get(scope))
    await victim.reached
    arranged.clock.suspend(minute)
    return { ...arranged, leased, late, resume }
  }

  test('does not log in after another has, in its place', async () => {
    const { clock, issuer, process, late, resume } = await paused()
    const token = await settled(clock, process().get(scope))
    resume()
    expect(await settled(clock, late)).toBe('BUSY')
    expect(issuer.counts().logins).toBe(1)
    expect((await process().get(scope)).reveal()).toBe(token.reveal())
  })

  test('does not log in while another has its key, and leaves no trace of a login', async () => {
    const { clock, issuer, store, process, leased, late, resume } = await paused()
    const other = await store.acquire(leased[0] ?? '', 'other', minute)
    resume()
    expect(await settled(clock, late)).toBe('BUSY')
    expect(issuer.counts().logins).toBe(0)
    await store.release(leased[0] ?? '', other?.fence ?? 0, { intent: 'keep', holdMs: 0 })
    await settled(clock, process({ loginIntervalMs: hour }).get(scope))
    expect(issuer.counts().logins).toBe(1)
  })

  test('does not present a password again that was refused to another key meanwhile', async () => {
    const { clock, issuer, process, late, resume } = await paused({}, 'another')
    expect(await codeOf(settled(clock, process().get({ scope: 'b' })))).toBe('CREDENTIAL_REJECTED')
    resume()
    expect(await settled(clock, late)).toBe('BUSY')
    expect(issuer.counts().logins).toBe(1)
  })
})

describe('two processes, one store', () => {
  test('the second adopts what the first obtained', async () => {
    const { process, issuer, events } = fleet()
    const first = await process().get(scope)
    const second = await process().get(scope)
    expect(second.reveal()).toBe(first.reveal())
    expect(second.generation).toBe(first.generation)
    expect(issuer.requests()).toHaveLength(1)
    expect(events.map((event) => event.type)).toContain('adopted')
  })

  test('started together they make one request', async () => {
    const { process, issuer, clock } = fleet()
    const all = Promise.all(Array.from({ length: 20 }, () => process().get(scope)))
    const tokens = await settled(clock, all)
    expect(new Set(tokens.map((token) => token.reveal())).size).toBe(1)
    expect(issuer.requests()).toHaveLength(1)
  })

  test('an expiry is one refresh, and nobody presents a refresh token twice', async () => {
    const { process, issuer, clock } = fleet()
    const processes = Array.from({ length: 8 }, () => process())
    for (let round = 0; round < 5; round += 1) {
      await settled(clock, Promise.all(processes.map((one) => one.get(scope))))
      clock.tick(hour)
    }
    expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 1 })
    expect(issuer.requests()).toHaveLength(5)
  })

  test('a refresh that failed holds the whole fleet back', async () => {
    const { process, issuer, clock } = fleet()
    const [one, other] = [process(), process()]
    await one.get(scope)
    await other.get(scope)
    clock.tick(hour)
    issuer.inject({ fault: 'status-429' })
    expect(await codeOf(one.get(scope))).toBe('ISSUER_UNAVAILABLE')
    clock.tick(119_000)
    expect(await codeOf(other.get(scope))).toBe('ISSUER_UNAVAILABLE')
    expect(issuer.requests()).toHaveLength(1)
    clock.tick(minute)
    expect(await codeOf(other.get(scope))).toBe('resolved')
  })

  test('with a peer that never answers, callers get BUSY after busyWaitMs, and a token once its lease has lapsed', async () => {
    const { process, store, clock } = fleet()
    const victim = stoppingStore(store, 'after-acquire', never)
    void process({ store: victim.store }).get(scope)
    await victim.reached
    const other = process()
    expect(await settled(clock, codeOf(other.get(scope)))).toBe('BUSY')
    clock.tick(20_000)
    expect(await settled(clock, codeOf(other.get(scope)))).toBe('resolved')
  })
})

const points: readonly KillPoint[] = [
  'after-acquire',
  'before-intend',
  'after-intend',
  'before-commit',
  'after-commit',
  'before-release',
]
const rotations: readonly Rotation[] = ['strict', { graceMs: 60_000 }, 'until-used', 'reusable']

describe.each(rotations)('under %j', (rotation) => {
  test.each(points)('a process killed %s is recovered from by the next, unattended', async (point) => {
    const { clock, issuer, store, process } = fleet(rotation)
    await process().get(scope)
    clock.tick(hour)
    const victim = stoppingStore(store, point, never)
    // An issuer that does not rotate is asked without an intent: the points around it are never reached.
    await Promise.race([victim.reached, codeOf(process({ store: victim.store }).get(scope))])
    clock.tick(30_000)
    const token = await settled(clock, process().get(scope))
    expect(issuer.accepts(token.reveal())).toBe(true)
    const { familiesRevoked, presentedAgain, logins } = issuer.counts()
    expect(familiesRevoked).toBe(0)
    expect(logins).toBeLessThanOrEqual(2)
    if (rotation === 'strict') expect(presentedAgain).toBe(0)
  })

  test('a process paused beyond its lease before it sends, its intent written, sends nothing', async () => {
    const { clock, issuer, store, process } = fleet(rotation)
    await process().get(scope)
    clock.tick(hour)
    let resume: () => void = () => {}
    const paused = new Promise<void>((resolve) => {
      resume = resolve
    })
    const victim = stoppingStore(store, 'after-intend', paused)
    const late = codeOf(process({ store: victim.store }).get(scope))
    const first = await Promise.race([victim.reached, late])
    // An issuer that does not rotate is asked without an intent.
    if (rotation === 'reusable') return expect(first).toBe('resolved')
    clock.suspend(60_000)
    await settled(clock, process().get(scope))
    const before = issuer.requests().length
    resume()
    expect(await settled(clock, late)).toBe('BUSY')
    expect(issuer.requests()).toHaveLength(before)
  })

  test.each(points)('a process paused %s beyond its lease writes nothing late', async (point) => {
    const { clock, issuer, store, process } = fleet(rotation)
    await process().get(scope)
    clock.tick(hour)
    let resume: () => void = () => {}
    const paused = new Promise<void>((resolve) => {
      resume = resolve
    })
    const victim = stoppingStore(store, point, paused)
    const late = codeOf(process({ store: victim.store }).get(scope))
    await Promise.race([victim.reached, late])
    clock.suspend(60_000)
    const other = process()
    const token = await settled(clock, other.get(scope))
    resume()
    await settled(clock, late)
    clock.tick(hour)
    expect(issuer.accepts(token.reveal())).toBe(false)
    expect(issuer.accepts((await settled(clock, other.get(scope))).reveal())).toBe(true)
    const { familiesRevoked, presentedAgain } = issuer.counts()
    expect(familiesRevoked).toBe(0)
    if (rotation === 'strict') expect(presentedAgain).toBe(0)
  })
})

describe('a store that fails', () => {
  /** Fails the named operation while `broken` says so. */
  function failing(inner: TokenStore, operation: keyof TokenStore, broken: () => boolean): TokenStore {
    return new Proxy(inner, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          if (name === operation && broken()) return Promise.reject(new Error('store down: secret-canary'))
          return Reflect.apply(member, target, args)
        }
      },
    })
  }

  test('serves live tokens, then fails with STORE_UNAVAILABLE, and recovers', async () => {
    const { clock, store, process } = fleet()
    let down = false
    const tokens = process({ store: failing(store, 'acquire', () => down) })
    await tokens.get(scope)
    down = true
    clock.tick(50 * minute)
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
    clock.tick(hour)
    expect(await codeOf(tokens.get(scope))).toBe('STORE_UNAVAILABLE')
    down = false
    clock.tick(hour)
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
  })

  test("with 'process-local' a token is fetched for this process alone", async () => {
    const { issuer, store, process } = fleet()
    const tokens = process({
      grant: clientCredentials(issuer.endpoint()),
      store: failing(store, 'acquire', () => true),
      onStoreFailure: 'process-local',
    })
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
  })

  test("a token that was this process's alone does not make the store's own look like an old one", async () => {
    const { clock, issuer, store, process } = fleet()
    let down = false
    const tokens = process({
      grant: clientCredentials(issuer.endpoint()),
      store: failing(store, 'acquire', () => down),
      onStoreFailure: 'process-local',
    })
    const generations: number[] = []
    for (const outage of [false, true, true, false, false]) {
      down = outage
      const token = await tokens.get(scope)
      generations.push(token.generation)
      // Quiet again: the next refresh starts from the token alone.
      expect(await tokens.get(scope)).toBe(token)
      clock.tick(hour + minute)
    }
    expect(generations).toEqual([1, 2, 3, 2, 3])
  })

  test.each([true, false])('an intent answered with an error is no token spent (written: %j)', async (written) => {
    const { clock, issuer, store, process } = fleet()
    let failures = 1
    const slow: TokenStore = {
      persistence: 'process',
      read: (key) => store.read(key),
      acquire: (key, owner, ttlMs) => store.acquire(key, owner, ttlMs),
      renew: (key, fence, ttlMs) => store.renew(key, fence, ttlMs),
      intend: async (...call) => {
        failures -= 1
        const noted = written || failures < 0 ? await store.intend(...call) : false
        if (failures >= 0) throw new Error('timed out')
        return noted
      },
      commit: (key, fence, generation, body) => store.commit(key, fence, generation, body),
      release: (key, fence, outcome) => store.release(key, fence, outcome),
    }
    const initial = { subject: 'ops@acme.example', token: issuer.issueRefreshToken(), for: scope }
    const tokens = process({ grant: refreshToken(issuer.endpoint(), { initial }), store: slow })
    expect(await codeOf(tokens.get(scope))).toBe('STORE_UNAVAILABLE')
    expect(issuer.requests()).toHaveLength(0)
    clock.tick(minute)
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
    expect(issuer.requests()).toHaveLength(1)
  })

  test("'process-local' is refused with a rotating refresh token", () => {
    const { process } = fleet()
    expect(() => process({ onStoreFailure: 'process-local' })).toThrow(TypeError)
  })

  test('a commit that fails costs neither the token nor, in this process, its successor', async () => {
    const { clock, issuer, store, process } = fleet()
    let down = false
    const tokens = process({ store: failing(store, 'commit', () => down) })
    await tokens.get(scope)
    clock.tick(hour)
    down = true
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
    down = false
    clock.tick(hour)
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
    expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 1 })
  })

  test('a release that fails after a login costs neither the token nor another login', async () => {
    const { clock, issuer, store, process } = fleet()
    let down = true
    const tokens = process({ store: failing(store, 'release', () => down) })
    expect(await codeOf(tokens.get(scope))).toBe('resolved')
    down = false
    clock.tick(hour)
    expect(await settled(clock, codeOf(tokens.get(scope)))).toBe('resolved')
    expect(issuer.counts()).toEqual({ presentedAgain: 0, familiesRevoked: 0, logins: 1 })
  })

  test('a generation that goes back is STORE_CORRUPT, and nothing of it is used', async () => {
    const { clock, issuer, process } = fleet()
    let store = memoryStore({ max: 10, clock })
    const rolledBack: TokenStore = {
      persistence: 'process',
      read: (key) => store.read(key),
      acquire: (key, owner, ttlMs) => store.acquire(key, owner, ttlMs),
      renew: (key, fence, ttlMs) => store.renew(key, fence, ttlMs),
      intend: (key, fence, intent) => store.intend(key, fence, intent),
      commit: (key, fence, generation, body) => store.commit(key, fence, generation, body),
      release: (key, fence, outcome) => store.release(key, fence, outcome),
    }
    const tokens = process({ store: rolledBack })
    await tokens.get(scope)
    store = memoryStore({ max: 10, clock })
    clock.tick(hour)
    expect(await codeOf(tokens.get(scope))).toBe('STORE_CORRUPT')
    expect(issuer.requests()).toHaveLength(1)
  })

  test('an unsealed shared store is refused at construction', () => {
    const { process, store } = fleet()
    const shared: TokenStore = new Proxy(store, {
      get: (target, name) => (name === 'persistence' ? 'shared' : Reflect.get(target, name)),
    })
    expect(() => process({ store: shared })).toThrow(TypeError)
  })
})

describe('a wrong password in a fleet', () => {
  test('is presented once, whatever the number of processes and keys', async () => {
    const clock = virtualClock()
    const issuer: FakeIssuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour, password: 'right' })
    const store = memoryStore({ max: 1_000, clock })
    const processes = Array.from({ length: 10 }, () =>
      createTokenCache({ grant: loginChain(issuer), max: 10, store, clock, timers: clock.timers, random: () => 0 }),
    )
    const calls = processes.flatMap((one) => ['a', 'b'].map((name) => codeOf(one.get({ scope: name }))))
    await settled(clock, Promise.all(calls))
    clock.tick(5 * minute)
    await settled(clock, Promise.all(processes.map((one) => codeOf(one.get({ scope: 'c' })))))
    expect(issuer.counts().logins).toBe(1)
  })
})

test('a refresh token given at the start is presented once by the whole fleet', async () => {
  const { clock, issuer, process } = fleet()
  const grant = refreshToken(issuer.endpoint(), {
    initial: { subject: 'ops@acme.example', token: issuer.issueRefreshToken(), for: scope },
  })
  const calls = Array.from({ length: 8 }, () => process({ grant }).get(scope))
  await settled(clock, Promise.all(calls))
  expect(issuer.requests()).toHaveLength(1)
  expect(issuer.counts().presentedAgain).toBe(0)
})
