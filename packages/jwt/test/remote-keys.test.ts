import { createVerifier, type KeysEvent, type RemoteKeysOptions, remoteKeys } from '@coffer/jwt'
import { describe, expect, test } from 'vitest'
import { accessToken, audience, codeOf, codeOfAsync, issuer, start, type TestKey, testKey } from './support.js'

const url = 'https://id.fincode.example/.well-known/jwks.json'
const [one, two] = [testKey('ES256', 'k1'), testKey('ES256', 'k2')]

/** A clock and timers that move together, and a provider that can be told how to answer. */
function remote(options: RemoteKeysOptions = {}) {
  const due: { at: number; run: () => void }[] = []
  const clock = { at: start, now: () => clock.at }
  const timers = {
    set(run: () => void, delayMs: number) {
      const entry = { at: clock.at + delayMs, run }
      due.push(entry)
      return entry
    },
    clear(handle: unknown) {
      const at = due.findIndex((entry) => Object.is(entry, handle))
      if (at >= 0) due.splice(at, 1)
    },
  }
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  /** Moves time, runs what falls due, and lets promises settle. */
  const advance = async (ms: number) => {
    const end = clock.at + ms
    for (;;) {
      const next = due.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      timers.clear(next)
      clock.at = Math.max(clock.at, next.at)
      next.run()
      await settle()
    }
    clock.at = end
    await settle()
  }
  const origin = {
    keys: [one] as readonly TestKey[],
    headers: { 'content-type': 'application/json', 'cache-control': 'max-age=600' } as Record<string, string>,
    answer: undefined as ((init: RequestInit) => Promise<Response>) | undefined,
    fetches: 0,
    conditions: [] as (string | null)[],
  }
  const fetch = async (_input: unknown, init: RequestInit = {}): Promise<Response> => {
    origin.fetches++
    origin.conditions.push(new Headers(init.headers).get('if-none-match'))
    if (origin.answer !== undefined) return origin.answer(init)
    return new Response(JSON.stringify({ keys: origin.keys.map((key) => key.jwk) }), { headers: origin.headers })
  }
  const events: KeysEvent[] = []
  const keys = remoteKeys(url, {
    fetch,
    clock,
    timers,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: ['ES256'], keys, maxLifetime: 86_400 }],
    clock,
  })
  const token = (key = one) => accessToken(key, { iat: clock.at / 1_000 - 1, exp: clock.at / 1_000 + 60 })
  return { clock, due, advance, settle, origin, events, keys, verifier, token }
}

const down = () => Promise.reject(new Error('canary'))

test('twenty tokens at once on a cold start cost one fetch', async () => {
  const { verifier, token, origin } = remote()
  const all = await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token())))
  expect(all).toHaveLength(20)
  expect(origin.fetches).toBe(1)
})

test('verifySync before the keys are there says so, starts the fetch, and is good after it', async () => {
  const { verifier, token, settle } = remote()
  expect(codeOf(() => verifier.verifySync(token()))).toBe('COFFER_JWT_KEYS_NOT_READY')
  await settle()
  await settle()
  expect(verifier.verifySync(token()).kid).toBe('k1')
})

test('keys are refreshed in the background before their ttl ends, and no request waits', async () => {
  const { verifier, token, origin, advance, keys } = remote()
  await verifier.ready()
  await advance(420_000 - 1)
  expect(keys.health().state).toBe('fresh')
  expect(origin.fetches).toBe(1)
  await advance(1)
  expect(origin.fetches).toBe(2)
  expect(verifier.verifySync(token()).kid).toBe('k1')
})

test('a removed key is refused within one ttl', async () => {
  const { verifier, token, origin, advance } = remote()
  await verifier.ready()
  origin.keys = [two]
  await advance(600_000)
  expect(codeOf(() => verifier.verifySync(token()))).toMatch(/KEY_UNKNOWN|KEYS_NOT_READY/)
  expect(verifier.verifySync(token(two)).kid).toBe('k2')
})

test('keys serve through an outage to their bound, and not at it', async () => {
  const { verifier, token, origin, advance, events, keys } = remote()
  await verifier.ready()
  origin.answer = down
  await advance(600_000 + 3_600_000 - 1)
  expect(verifier.verifySync(token()).kid).toBe('k1')
  expect(keys.health().state).toBe('stale')
  await advance(1)
  expect(codeOf(() => verifier.verifySync(token()))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
  expect(events.map((event) => event.type)).toEqual(expect.arrayContaining(['failed', 'stale', 'expired']))
  origin.answer = undefined
  await advance(60_000)
  expect((await verifier.verify(token())).kid).toBe('k1')
})

test('a process that slept past the ttl fetches before it accepts anything', async () => {
  const { verifier, token, origin, clock } = remote({ timers: null })
  await verifier.ready()
  origin.keys = [two]
  clock.at += 600_000
  expect(codeOf(() => verifier.verifySync(token()))).toBe('COFFER_JWT_KEYS_NOT_READY')
  expect(await codeOfAsync(() => verifier.verify(token()))).toBe('COFFER_JWT_KEY_UNKNOWN')
})

test('while fetching fails, attempts keep to the back-off and Retry-After', async () => {
  const { verifier, token, origin, advance } = remote()
  origin.answer = down
  for (let i = 0; i < 20; i++)
    expect(await codeOfAsync(() => verifier.verify(token()))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
  expect(origin.fetches).toBe(1)
  origin.answer = async () => new Response('', { status: 503, headers: { 'retry-after': '30' } })
  await advance(500)
  await codeOfAsync(() => verifier.verify(token()))
  expect(origin.fetches).toBe(2)
  await advance(29_999)
  const refused = await verifier.check({ headers: { authorization: `Bearer ${token()}` } })
  expect(refused).toMatchObject({ ok: false, status: 503, challenge: null, retryAfterMs: 1 })
  expect(origin.fetches).toBe(2)
})

describe('an unknown kid', () => {
  test('brings a new key at once', async () => {
    const { verifier, token, origin } = remote()
    await verifier.ready()
    origin.keys = [one, two]
    expect((await verifier.verify(token(two))).kid).toBe('k2')
    expect(origin.fetches).toBe(2)
  })
  test('that is invented costs two fetches and then one per 5 s, and good tokens are served', async () => {
    const { verifier, token, origin, advance } = remote()
    await verifier.ready()
    for (let i = 0; i < 20; i++) {
      expect(await codeOfAsync(() => verifier.verify(token({ ...one, kid: `random-${i}` })))).toBe(
        'COFFER_JWT_KEY_UNKNOWN',
      )
      expect(verifier.verifySync(token()).kid).toBe('k1')
    }
    expect(origin.fetches).toBe(3)
    await advance(5_000)
    await codeOfAsync(() => verifier.verify(token({ ...one, kid: 'another' })))
    await codeOfAsync(() => verifier.verify(token({ ...one, kid: 'yet-another' })))
    expect(origin.fetches).toBe(4)
  })
  test('that one fetch did not bring is refused, also while the next fetch is under way', async () => {
    const invented = ['x', 'y'].map((kid) => accessToken({ ...one, kid }))
    const next: Promise<unknown>[] = []
    const world = remote({
      onEvent: (event) => {
        if (event.type === 'kid-unknown' && next.length === 0)
          next.push(codeOfAsync(() => world.verifier.verify(String(invented[1]))))
      },
    })
    await world.verifier.ready()
    expect(await codeOfAsync(() => world.verifier.verify(String(invented[0])))).toBe('COFFER_JWT_KEY_UNKNOWN')
    expect(await Promise.all(next)).toEqual(['COFFER_JWT_KEY_UNKNOWN'])
    expect(world.origin.fetches).toBe(3)
  })
  test('in a token for another audience, or an expired one, costs none', async () => {
    const { verifier, origin } = remote()
    await verifier.ready()
    for (const claims of [{ aud: 'https://other.example' }, { iat: 1, exp: 2 }]) {
      expect(await codeOfAsync(() => verifier.verify(accessToken(two, claims)))).toBe('COFFER_JWT_KEY_UNKNOWN')
    }
    expect(origin.fetches).toBe(1)
  })
  test('while fetching fails is nobody’s fault: 503, not 401', async () => {
    const { verifier, token, origin } = remote()
    await verifier.ready()
    origin.answer = down
    expect(await codeOfAsync(() => verifier.verify(token(two)))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
  })
})

describe('a fetch fails', () => {
  const json = { headers: { 'content-type': 'application/json' } }
  const { d } = one.privateKey.export({ format: 'jwk' })
  const document =
    (...keys: object[]) =>
    async () =>
      new Response(JSON.stringify({ keys }), json)
  test.each<[string, string, (init: RequestInit) => Promise<Response>]>([
    [
      'status',
      'a redirect',
      async () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
    ],
    ['status', 'a server error', async () => new Response('{}', { ...json, status: 500 })],
    ['status', '304 to no condition', async () => new Response(null, { status: 304 })],
    ['content-type', 'HTML', async () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['size', '20 MiB', async () => new Response(new Uint8Array(20 * 2 ** 20), json)],
    ['network', 'a broken connection', down],
    ['document', 'no JSON', async () => new Response('{"keys":', json)],
    ['document', 'a member twice', async () => new Response('{"keys":[],"keys":[]}', json)],
    ['document', '65 keys', document(...Array.from({ length: 65 }, (_, i) => ({ ...one.jwk, kid: `${i}` })))],
    ['document', 'a private key', document(one.jwk, { ...two.jwk, d })],
    ['document', 'a secret key', document(one.jwk, { kty: 'oct', k: 'AA' })],
    ['document', 'one kid twice', document(one.jwk, { ...two.jwk, kid: 'k1' })],
    ['document', 'no usable key', document({ ...one.jwk, use: 'enc' })],
  ])('(%s) on %s, and the old keys serve', async (reason, _, answer) => {
    const { verifier, token, origin, advance, events } = remote()
    await verifier.ready()
    origin.answer = answer
    await advance(420_000)
    expect(events.at(-1)).toEqual({ type: 'failed', reason })
    expect(verifier.verifySync(token()).kid).toBe('k1')
  })
  test.each(['before the headers', 'inside the body'])('(timeout) when the server hangs %s', async (where) => {
    const { verifier, token, origin, advance, settle, events } = remote()
    const hanging = new ReadableStream({ pull: () => new Promise(() => undefined) })
    origin.answer =
      where === 'inside the body' ? async () => new Response(hanging, json) : () => new Promise(() => undefined)
    const outcome = codeOfAsync(() => verifier.verify(token()))
    await settle()
    await advance(5_000)
    expect(await outcome).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
    expect(events).toContainEqual({ type: 'failed', reason: 'timeout' })
  })
})

test('304 renews the ttl', async () => {
  const { verifier, token, origin, advance, events } = remote()
  origin.headers = { ...origin.headers, etag: '"v1"' }
  await verifier.ready()
  origin.answer = async () => new Response(null, { status: 304, headers: { 'cache-control': 'max-age=600' } })
  await advance(420_000)
  expect(origin.conditions).toEqual([null, '"v1"'])
  expect(events.at(-1)).toEqual({ type: 'not-modified' })
  await advance(400_000)
  expect(origin.fetches).toBe(2)
  expect(verifier.verifySync(token()).kid).toBe('k1')
})

test('another key under the same kid replaces the old one', async () => {
  const { verifier, token, origin, advance, events } = remote()
  await verifier.ready()
  const heir = testKey('ES256', 'k1')
  origin.keys = [heir]
  await advance(420_000)
  expect(events).toContainEqual({ type: 'kid-reused', kid: 'k1' })
  expect(codeOf(() => verifier.verifySync(token()))).toBe('COFFER_JWT_SIGNATURE_INVALID')
  expect(verifier.verifySync(token(heir)).kid).toBe('k1')
})

test.each([
  'http://id.fincode.example/jwks',
  'https://user@id.example/jwks',
  'https://id.example/jwks#x',
  'ftp://id.example',
  'jwks',
  42,
])('the URL %j is misuse', (bad) => {
  expect(() => remoteKeys(bad as string)).toThrow(TypeError)
})

test('http is allowed to this machine only, and only when asked for', () => {
  for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
    expect(() => remoteKeys(`http://${host}:8080/jwks`)).toThrow(TypeError)
    expect(() => remoteKeys(`http://${host}:8080/jwks`, { dangerouslyAllowHttp: 'loopback' })).not.toThrow()
  }
  expect(() => remoteKeys('http://10.0.0.1/jwks', { dangerouslyAllowHttp: 'loopback' })).toThrow(TypeError)
})

test('a listener that throws is counted and changes nothing', async () => {
  const { verifier, keys, token } = remote({
    onEvent: () => {
      throw new Error('listener')
    },
  })
  await verifier.ready()
  expect(verifier.verifySync(token()).kid).toBe('k1')
  expect(keys.health()).toMatchObject({ state: 'fresh', keys: 1, failures: 0, listenerErrors: 2 })
})

const plain = { encrypt: (bytes: Uint8Array) => bytes, decrypt: (bytes: Uint8Array) => bytes }

test('a snapshot that is never read is given up after timeoutMs, and the keys are fetched', async () => {
  const snapshot = { read: () => new Promise<never>(() => undefined), write: async () => undefined, sealer: plain }
  const { verifier, advance, origin, events, token } = remote({ snapshot })
  const verified = verifier.verify(token())
  await advance(4_999)
  expect(origin.fetches).toBe(0)
  await advance(1)
  expect((await verified).subject).toBe('user-1')
  expect(events.map(({ type }) => type)).toContain('snapshot-refused')
})

test('a snapshot is renewed by a 304, so that a start in an outage finds keys that were just confirmed', async () => {
  let stored: Uint8Array | undefined
  const snapshot = {
    read: async () => stored,
    write: async (bytes: Uint8Array) => {
      stored = bytes
    },
    sealer: plain,
  }
  const running = remote({ snapshot })
  running.origin.headers = { ...running.origin.headers, etag: '"1"' }
  await running.verifier.ready()
  running.origin.answer = async () => new Response(null, { status: 304, headers: running.origin.headers })
  for (let hour = 0; hour < 3; hour++) await running.advance(3_600_000)
  expect(running.origin.conditions.at(-1)).toBe('"1"')
  const restarted = remote({ snapshot })
  restarted.clock.at = running.clock.at
  restarted.origin.answer = down
  expect((await restarted.verifier.verify(restarted.token())).subject).toBe('user-1')
  expect(restarted.events.map(({ type }) => type)).toContain('snapshot-used')
})

test('a snapshot that cannot be written loses nothing but itself', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  const snapshot = { read: async () => undefined, write: down, sealer: plain }
  const { verifier, settle, token } = remote({ snapshot })
  expect((await verifier.verify(token())).subject).toBe('user-1')
  await settle()
  await settle()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

test('a timer that rings too early, or during a fetch, fetches nothing and is set again', async () => {
  const { verifier, clock, due, origin, settle } = remote()
  await verifier.ready()
  const ring = due.at(-1)?.run ?? (() => undefined)
  clock.at += 1_000
  ring()
  expect(origin.fetches).toBe(1)
  expect(due.at(-1)?.at).toBe(start + 420_000)
  clock.at = start + 420_000
  ring()
  ring()
  expect(origin.fetches).toBe(2)
  await settle()
  await settle()
  expect(due.at(-1)?.at).toBe(start + 420_000 + 420_000)
})

test.each(['timer', 'use'])('keys are refreshed by %s while the clock is an hour behind what it was', async (by) => {
  const { verifier, keys, clock, due, advance, settle, origin, token } = remote(by === 'use' ? { timers: null } : {})
  await verifier.ready()
  clock.at -= 3_600_000
  origin.keys = [two]
  if (by === 'use') {
    const removed = token()
    expect(verifier.verifySync(removed).subject).toBe('user-1')
    await settle()
    expect(await codeOfAsync(() => verifier.verify(removed))).toBe('COFFER_JWT_KEY_UNKNOWN')
  } else {
    // Timers do not look at the clock: they wait for as long as they were set.
    for (const timer of due) timer.at -= 3_600_000
    await advance(420_000)
  }
  expect(origin.fetches).toBeGreaterThanOrEqual(2)
  expect(keys.health()).toMatchObject({ state: 'fresh', keys: 1 })
})

test('keys that cannot be refreshed while the clock is behind serve no longer than they would have', async () => {
  const { verifier, clock, settle, origin, token } = remote({ timers: null, maxStaleMs: 60_000 })
  await verifier.ready()
  origin.answer = down
  clock.at -= 3_600_000
  verifier.verifySync(token())
  await settle()
  for (let minute = 0; minute < 10; minute++) {
    clock.at += 60_000
    expect(verifier.verifySync(token()).subject).toBe('user-1')
    await settle()
  }
  clock.at += 60_000
  expect(codeOf(() => verifier.verifySync(token()))).toMatch(/KEYS_(UNAVAILABLE|NOT_READY)/)
})
