import {
  createRevocationIndex,
  createVerifier,
  type Revocation,
  type RevocationFeed,
  type RevocationListener,
} from '@coffer/jwt'
import { describe, expect, test } from 'vitest'
import { accessToken, codeOf, codeOfAsync, issuer, issuerOf, start, testKey } from './support.js'

const key = testKey('ES256')
const session = (value: string, at = start): Revocation => ({ kind: 'session', issuer, value, at })
const tokenOf = (sid: string) => accessToken(key, { sid })

function feeding(onUnavailable: 'refuse' | 'allow', rows: Revocation[] = [], more: Partial<RevocationFeed> = {}) {
  const clock = { at: start, now: () => clock.at }
  const feed = { rows, isDown: false, loads: 0 }
  const source: RevocationFeed = {
    async load() {
      feed.loads++
      if (feed.isDown) throw new Error('canary')
      return [...feed.rows]
    },
    ...more,
  }
  const revocation = createRevocationIndex({ onUnavailable, feed: source, clock, timers: null, random: () => 0 })
  const verifier = createVerifier({ issuers: [{ ...issuerOf(key), maxLifetime: 3_600 }], revocation, clock })
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return { clock, feed, revocation, verifier, settle }
}

describe('an index with a feed', () => {
  test('is waited for by verify, and verifySync says that it is not there', async () => {
    const { verifier } = feeding('refuse', [session('bad')])
    expect(codeOf(() => verifier.verifySync(tokenOf('good')))).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    expect((await verifier.verify(tokenOf('good'))).sessionId).toBe('good')
    expect(await codeOfAsync(() => verifier.verify(tokenOf('bad')))).toBe('COFFER_JWT_REVOKED')
  })

  test('is live for reloadMs, lagging until maxLagMs, and then unavailable', async () => {
    const { verifier, revocation, clock, feed } = feeding('refuse')
    await verifier.ready()
    feed.isDown = true
    const at = (ms: number) => {
      clock.at = start + ms
      return revocation.status().state
    }
    expect([at(0), at(9_999), at(10_000), at(59_999), at(60_000)]).toEqual([
      'live',
      'live',
      'lagging',
      'lagging',
      'unavailable',
    ])
    clock.at = start + 59_999
    expect(verifier.verifySync(tokenOf('s')).sessionId).toBe('s')
    clock.at = start + 60_000
    const refused = await verifier.check({ headers: { authorization: `Bearer ${tokenOf('s')}` } })
    expect(refused).toMatchObject({
      ok: false,
      status: 503,
      challenge: null,
      error: { code: 'COFFER_JWT_REVOCATION_UNAVAILABLE' },
    })
  })

  test('that may be used without its feed judges by what is known', async () => {
    const { verifier, clock, feed, settle } = feeding('allow', [session('bad')])
    await verifier.ready()
    feed.isDown = true
    clock.at = start + 60_000
    await settle()
    expect(verifier.verifySync(tokenOf('s')).sessionId).toBe('s')
    expect(codeOf(() => verifier.verifySync(tokenOf('bad')))).toBe('COFFER_JWT_REVOKED')
  })

  test('loads again by use once reloadMs is over, and knows the new rows after it', async () => {
    const { verifier, clock, feed, settle } = feeding('refuse')
    await verifier.ready()
    feed.rows.push(session('s'))
    clock.at = start + 9_999
    expect(verifier.verifySync(tokenOf('s')).sessionId).toBe('s')
    expect(feed.loads).toBe(1)
    clock.at = start + 10_000
    verifier.verifySync(tokenOf('s'))
    await settle()
    expect(feed.loads).toBe(2)
    expect(codeOf(() => verifier.verifySync(tokenOf('s')))).toBe('COFFER_JWT_REVOKED')
  })

  test('hears messages, and loads at once when the subscription is lost', async () => {
    const hears: RevocationListener[] = []
    const subscribe: RevocationFeed['subscribe'] = async (on) => void hears.push(on)
    const { verifier, feed, settle } = feeding('refuse', [], { subscribe })
    await verifier.ready()
    hears[0]?.revoked(session('s'))
    expect(codeOf(() => verifier.verifySync(tokenOf('s')))).toBe('COFFER_JWT_REVOKED')
    await settle()
    expect(feed.loads).toBe(2)
    feed.rows.push(session('unheard'))
    hears[0]?.lost()
    await settle()
    expect(codeOf(() => verifier.verifySync(tokenOf('unheard')))).toBe('COFFER_JWT_REVOKED')
    expect(hears).toHaveLength(2)
  })

  test('loads, and keeps its subscription, when told of a revocation without its name', async () => {
    const hears: RevocationListener[] = []
    const subscribe: RevocationFeed['subscribe'] = async (on) => void hears.push(on)
    const { verifier, feed, settle } = feeding('refuse', [], { subscribe })
    await verifier.ready()
    await settle()
    for (const value of ['a', 'b']) {
      feed.rows.push(session(value))
      hears[0]?.changed()
      await settle()
      expect(codeOf(() => verifier.verifySync(tokenOf(value)))).toBe('COFFER_JWT_REVOKED')
    }
    expect(hears).toHaveLength(1)
  })

  test('told of a revocation without its name while it loads, loads once more after it', async () => {
    const hears: RevocationListener[] = []
    const subscribe: RevocationFeed['subscribe'] = async (on) => void hears.push(on)
    const { verifier, feed, clock, settle } = feeding('refuse', [], { subscribe })
    await verifier.ready()
    await settle()
    const { loads } = feed
    clock.at += 10_000
    // Starts the load that is due; the messages come while it is under way.
    verifier.verifySync(tokenOf('s'))
    hears[0]?.changed()
    hears[0]?.changed()
    await settle()
    expect(feed.loads).toBe(loads + 2)
  })

  test('whose subscription is lost twice, or after its end, says so once', async () => {
    const hears: RevocationListener[] = []
    const events: string[] = []
    const subscribe: RevocationFeed['subscribe'] = async (on) => void hears.push(on)
    const revocation = createRevocationIndex({
      onUnavailable: 'refuse',
      feed: { load: () => Promise.reject(new Error('down')), subscribe },
      clock: { now: () => start },
      timers: null,
      onEvent: ({ type }) => events.push(type),
    })
    await revocation.ready().catch(() => undefined)
    hears[0]?.lost()
    hears[0]?.lost()
    revocation.close()
    hears[0]?.lost()
    expect(events.filter((type) => type === 'subscription-lost')).toHaveLength(1)
  })

  test('whose subscription is lost while it starts subscribes again with the next load', async () => {
    let subscriptions = 0
    const subscribe: RevocationFeed['subscribe'] = async (on) => {
      if (++subscriptions === 1) on.lost()
    }
    const { verifier, feed, settle } = feeding('refuse', [], { subscribe })
    await verifier.ready()
    await settle()
    expect(subscriptions).toBe(2)
    feed.rows.push(session('s'))
    expect(verifier.verifySync(tokenOf('t')).sessionId).toBe('t')
  })

  test('that never loaded keeps its back-off, and no more, while its clock is an hour behind what it was', async () => {
    const { revocation, feed, clock } = feeding('refuse')
    feed.isDown = true
    expect(await codeOfAsync(() => revocation.ready())).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    feed.isDown = false
    clock.at -= 3_600_000
    expect(await codeOfAsync(() => revocation.ready())).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    clock.at += 499
    expect(await codeOfAsync(() => revocation.ready())).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    expect(feed.loads).toBe(1)
    clock.at += 1
    await revocation.ready()
    expect(feed.loads).toBe(2)
  })

  test('that fails at first is asked again by timer after its back-off', async () => {
    const set: { readonly run: () => void; readonly delayMs: number }[] = []
    const timers = { set: (run: () => void, delayMs: number) => set.push({ run, delayMs }), clear: () => undefined }
    const clock = { at: start, now: () => clock.at }
    let loads = 0
    const load = () => (++loads === 1 ? Promise.reject(new Error('down')) : Promise.resolve([]))
    const revocation = createRevocationIndex({
      onUnavailable: 'refuse',
      feed: { load },
      clock,
      timers,
      random: () => 0,
    })
    expect(await codeOfAsync(() => revocation.ready())).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    expect(set.at(-1)?.delayMs).toBe(500)
    clock.at += 500
    set.at(-1)?.run()
    await new Promise((resolve) => setImmediate(resolve))
    expect(revocation.status().state).toBe('live')
  })

  test('that is in back-off before its first load refuses at once, and asks nobody', async () => {
    const { verifier, feed } = feeding('refuse')
    feed.isDown = true
    for (let i = 0; i < 20; i++)
      expect(await codeOfAsync(() => verifier.verify(tokenOf('s')))).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    expect(feed.loads).toBe(1)
  })

  test('that no longer fits refuses tokens from the cache, too', async () => {
    const clock = { at: start, now: () => clock.at }
    let rows = [session('a')]
    const feed = { load: async () => rows }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', feed, clock, timers: null, max: 1 })
    const verifier = createVerifier({ issuers: [issuerOf(key)], revocation, clock })
    await verifier.ready()
    const token = tokenOf('s')
    for (let i = 0; i < 2; i++) expect(verifier.verifySync(token).sessionId).toBe('s')
    rows = [session('a'), session('b')]
    clock.at += 10_000
    expect(verifier.verifySync(token).sessionId).toBe('s')
    await new Promise((resolve) => setImmediate(resolve))
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
  })

  test('whose timer rings too early, or during a load, rings again when one is due', async () => {
    const clock = { at: start, now: () => clock.at }
    const set: { readonly run: () => void; readonly delayMs: number }[] = []
    const timers = { set: (run: () => void, delayMs: number) => set.push({ run, delayMs }), clear: () => undefined }
    let loads = 0
    let answer: () => void = () => undefined
    const load = async (): Promise<Revocation[]> => {
      if (++loads > 1) await new Promise<void>((resolve) => (answer = resolve))
      return []
    }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', feed: { load }, clock, timers })
    await revocation.ready()
    const { run: ring, delayMs } = set.at(-1) ?? { run: () => undefined, delayMs: 0 }
    expect(delayMs).toBe(10_000)
    clock.at += 4_000
    ring()
    expect(loads).toBe(1)
    expect(set.at(-1)?.delayMs).toBe(6_000)
    clock.at += 6_000
    ring()
    const during = set.length
    ring()
    expect(loads).toBe(2)
    expect(set).toHaveLength(during)
    answer()
    await new Promise((resolve) => setImmediate(resolve))
    expect(set.at(-1)?.delayMs).toBe(10_000)
  })

  test('loads by use while its clock is an hour behind what it was', async () => {
    const { verifier, revocation, clock, feed, settle } = feeding('refuse')
    await verifier.ready()
    clock.at = start - 3_600_000
    feed.rows.push(session('s', clock.at))
    const token = accessToken(key, { sid: 's', iat: clock.at / 1_000, exp: start / 1_000 })
    expect(verifier.verifySync(token).sessionId).toBe('s')
    await settle()
    expect(feed.loads).toBe(2)
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_REVOKED')
    clock.at += 9_999
    expect(revocation.status().state).toBe('live')
    clock.at += 1
    expect(revocation.status().state).toBe('lagging')
  })

  test('whose loads fail while its clock is set back is unavailable after maxLagMs all the same', async () => {
    const { verifier, clock, feed, settle } = feeding('refuse')
    await verifier.ready()
    feed.isDown = true
    clock.at = start - 3_600_000
    const token = accessToken(key, { iat: clock.at / 1_000, exp: start / 1_000 })
    expect(verifier.verifySync(token).subject).toBe('user-1')
    await settle()
    clock.at += 60_000
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
  })

  test('loads by timer while its clock is an hour behind what it was', async () => {
    const waiting = new Set<{ readonly run: () => void }>()
    const timers = {
      set(run: () => void) {
        const handle = { run }
        waiting.add(handle)
        return handle
      },
      clear: (handle: unknown) => void waiting.delete(handle as { run: () => void }),
    }
    const wake = () => {
      const due = [...waiting]
      waiting.clear()
      for (const { run } of due) run()
    }
    const clock = { at: start, now: () => clock.at }
    let loads = 0
    const feed: RevocationFeed = {
      async load() {
        loads++
        return []
      },
    }
    const options = { feed, clock, timers, random: () => 0 } as const
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', ...options })
    await revocation.ready()
    const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
    await settle()
    clock.at = start - 3_600_000
    for (let i = 2; i < 5; i++) {
      clock.at += 10_000
      wake()
      await settle()
      expect(loads).toBe(i)
    }
    revocation.close()
  })

  test('with one bad row in a load takes none of it', async () => {
    const { verifier, revocation, feed, clock, settle } = feeding('refuse')
    await verifier.ready()
    feed.rows.push(session('s'), { kind: 'session', issuer, value: 'x' } as never)
    clock.at = start + 10_000
    verifier.verifySync(tokenOf('s'))
    await settle()
    expect(revocation.status()).toMatchObject({ state: 'lagging', size: 0 })
  })

  test('dates a row from a clock that runs ahead no later than it would take itself', async () => {
    const { verifier, revocation } = feeding('refuse', [
      { kind: 'subject', issuer, value: 'user-1', at: start + 10 ** 9 },
    ])
    await verifier.ready()
    expect(revocation.status().size).toBe(1)
    const issued = (seconds: number) =>
      accessToken(key, { iat: start / 1_000 + seconds, exp: start / 1_000 + 600, nbf: undefined })
    expect(codeOf(() => verifier.verifySync(issued(0)))).toBe('COFFER_JWT_REVOKED')
  })

  test('whose load does not fit is unavailable, and keeps what it has', async () => {
    const clock = { now: () => start }
    const feed: RevocationFeed = { load: async () => [session('a'), session('b')] }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', feed, clock, timers: null, max: 1 })
    expect(await codeOfAsync(() => revocation.ready())).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
    expect(revocation.status()).toMatchObject({ state: 'unavailable', size: 1 })
  })

  test('that cannot publish has revoked here all the same, and says so', async () => {
    const { verifier, revocation } = feeding('refuse', [], { publish: () => Promise.reject(new Error('canary')) })
    await verifier.ready()
    expect(await codeOfAsync(() => revocation.revoke(session('s')))).toBe('COFFER_JWT_STORE_UNAVAILABLE')
    expect(codeOf(() => verifier.verifySync(tokenOf('s')))).toBe('COFFER_JWT_REVOKED')
  })

  test('forgets an entry when nothing that was valid at it can still be', async () => {
    const clock = { at: start, now: () => clock.at }
    const index = createRevocationIndex({ onUnavailable: 'refuse', clock, retentionMs: 3_700_000 })
    const verifier = createVerifier({ issuers: [issuerOf(key)], revocation: index, clock })
    await index.revoke(session('s'))
    clock.at = start + 3_604_999
    expect(codeOf(() => verifier.verifySync(tokenOf('s')))).toBe('COFFER_JWT_REVOKED')
    clock.at = start + 3_700_000 + 120_000
    await index.revoke(session('t', clock.at))
    expect(index.status().size).toBe(1)
  })
})

test('an index that forgets before its tokens expire is misuse', () => {
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', retentionMs: 3_609_999 })
  expect(() => createVerifier({ issuers: [issuerOf(key)], revocation })).toThrow(RangeError)
  expect(() => createRevocationIndex({} as never)).toThrow(TypeError)
  expect(() => createRevocationIndex({ onUnavailable: 'allow', maxLagMs: 19_999 })).toThrow(RangeError)
})
