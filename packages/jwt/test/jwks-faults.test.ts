import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import { createVerifier, type KeysEvent, type RemoteKeysOptions, remoteKeys } from '@coffer/jwt'
import { fakeClock, fakeIssuer, type Outage } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'
import { gcmSealer } from './issue/support.js'
import { codeOf, codeOfAsync, encode } from './support.js'

/** Keys from a provider that a test breaks, with timers on the test's clock. */
async function provided(options: RemoteKeysOptions = {}) {
  const clock = fakeClock()
  const issuer = await fakeIssuer({ clock })
  const events: KeysEvent[] = []
  const source = (more: RemoteKeysOptions = {}) =>
    issuer.keys({ timers: clock.timers, random: () => 0, onEvent: (event) => events.push(event), ...options, ...more })
  const verifierOf = (keys: ReturnType<typeof source>) =>
    createVerifier({
      issuers: [{ issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys }],
      clock,
    })
  const keys = source()
  return { clock, issuer, events, keys, source, verifierOf, verifier: verifierOf(keys) }
}

test('A: a provider down past the ttl costs one fetch per back-off and no request, until the bound', async () => {
  const { clock, issuer, verifier } = await provided()
  await verifier.ready()
  issuer.outage('refuse')
  await clock.advance(600_000)
  const before = issuer.fetches
  const started = clock.now()
  for (let i = 0; i < 20; i++) {
    expect(verifier.verifySync(await issuer.token({ jti: `a-${i}` })).jti).toBe(`a-${i}`)
    await clock.advance(5_000)
  }
  expect(issuer.fetches - before).toBeLessThanOrEqual(1 + (clock.now() - started) / 30_000)
  await clock.advance(3_600_000)
  const late = await issuer.token()
  for (let i = 0; i < 20; i++) {
    expect(await verifier.check({ headers: { authorization: `Bearer ${late}` } })).toMatchObject({
      ok: false,
      status: 503,
    })
  }
})

test('B: twenty invented kids cost two fetches, and good tokens are served between them', async () => {
  const { issuer, verifier } = await provided()
  await verifier.ready()
  for (let i = 0; i < 20; i++) {
    expect(await codeOfAsync(async () => verifier.verify(await issuer.token({}, { kid: `invented-${i}` })))).toBe(
      'COFFER_JWT_KEY_UNKNOWN',
    )
    expect((await verifier.verify(await issuer.token())).issuer).toBe(issuer.issuer)
  }
  expect(issuer.fetches).toBe(3)
})

test('B’: a new key is accepted at once, also after one invented kid, and within 5 s under a flood of them', async () => {
  const { clock, issuer, verifier } = await provided()
  await verifier.ready()
  await codeOfAsync(async () => verifier.verify(await issuer.token({}, { kid: 'invented' })))
  await issuer.rotate()
  expect((await verifier.verify(await issuer.token())).kid).toBe('test-key-2')
  // A kid decides before the signature does, so invented ones need none.
  const [, payload, signature] = (await issuer.token({ exp: clock.now() / 1_000 + 600 })).split('.')
  let invented = 0
  const flood = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const header = encode(`{"alg":"ES256","kid":"flood-${invented++}","typ":"at+jwt"}`)
      await verifier.verify(`${header}.${payload}.${signature}`).catch(() => undefined)
    }
  }
  await flood(100)
  await issuer.rotate()
  const fresh = await issuer.token()
  const { fetches } = issuer
  let waited = 0
  for (; waited < 20_000; waited += 100) {
    // A thousand a second.
    await flood(100)
    const outcome = await verifier.verify(fresh).then(
      () => true,
      () => false,
    )
    if (outcome) break
    await clock.advance(100)
  }
  expect(waited).toBeLessThanOrEqual(5_000)
  expect(issuer.fetches - fetches).toBeLessThanOrEqual(2)
}, 60_000)

describe('C: a cold start with the provider down', () => {
  test('costs at most three fetches for twenty requests, each 503', async () => {
    const { issuer, verifier } = await provided()
    issuer.outage('refuse')
    const token = await issuer.token()
    for (let i = 0; i < 20; i++)
      expect(await codeOfAsync(() => verifier.verify(token))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
    expect(issuer.fetches).toBeLessThanOrEqual(3)
  })

  test('serves twenty from a snapshot, for as long as it would have without the restart', async () => {
    let kept: Uint8Array | undefined
    const sealer = gcmSealer()
    const write = async (bytes: Uint8Array) => {
      kept = bytes
    }
    const snapshot = { read: async () => kept, write, sealer }
    const { clock, issuer, source, verifierOf, verifier, events } = await provided({ snapshot })
    await verifier.ready()
    await clock.advance(0)
    issuer.outage('refuse')
    await clock.advance(900_000)
    const restarted = verifierOf(source())
    for (let i = 0; i < 20; i++) expect((await restarted.verify(await issuer.token())).kid).toBe('test-key-1')
    expect(events).toContainEqual({ type: 'snapshot-used' })
    await clock.advance(600_000 + 3_600_000 - 900_000 - 1)
    expect(restarted.verifySync(await issuer.token()).kid).toBe('test-key-1')
    await clock.advance(1)
    expect(await codeOfAsync(async () => restarted.verify(await issuer.token()))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
  })

  test('does not serve a snapshot that was edited, sealed for another URL, or dated ahead', async () => {
    const kept: Uint8Array[] = []
    const sealer = gcmSealer()
    const write = async (bytes: Uint8Array) => void kept.push(bytes)
    const { clock, issuer, verifier } = await provided({ snapshot: { read: async () => undefined, write, sealer } })
    await verifier.ready()
    await clock.advance(0)
    const [sealed] = kept
    if (sealed === undefined) throw new Error('nothing was kept')
    const edited = Uint8Array.from(sealed)
    edited[20] = (edited[20] ?? 0) ^ 1
    const open = async (bytes: Uint8Array, url = issuer.url, behindMs = 0) => {
      const events: string[] = []
      const later = fakeClock(clock.now() - behindMs)
      const other = await fakeIssuer({ clock: later, ...(url === issuer.url ? {} : { issuer: url }) })
      const keys = other.keys({
        snapshot: { read: async () => bytes, write: async () => undefined, sealer },
        onEvent: (event) => events.push(event.type),
      })
      await createVerifier({
        issuers: [{ issuer: other.issuer, audience: other.audience, algorithms: ['ES256'], keys }],
        clock: later,
      }).ready()
      return events
    }
    expect(await open(sealed)).toContain('snapshot-used')
    expect(await open(sealed, issuer.url, 60_000)).toContain('snapshot-used')
    expect(await open(sealed, issuer.url, 60_001)).toContain('snapshot-refused')
    expect(await open(edited)).toContain('snapshot-refused')
    expect(await open(sealed, 'https://other.test')).toContain('snapshot-refused')
  })
})

test('D: a redirect is not followed: twenty requests get 503, and nothing is asked of where it points', async () => {
  const { issuer, verifier } = await provided()
  const asked: (readonly [url: string, redirect: string | undefined])[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    asked.push([String(input), init?.redirect])
    return issuer.fetch(input, init)
  }
  issuer.outage('redirect')
  const redirected = createVerifier({
    issuers: [
      { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys: issuer.keys({ fetch }) },
    ],
    clock: issuer.clock,
  })
  const token = await issuer.token()
  for (const one of [redirected, verifier]) {
    for (let i = 0; i < 20; i++) {
      expect(await one.check({ headers: { authorization: `Bearer ${token}` } })).toMatchObject({ status: 503 })
    }
  }
  expect(asked).toEqual([[issuer.url, 'manual']])
})

test('E: of a document of 20 MiB no more is read than the limit and the piece that crosses it', async () => {
  const { clock, issuer } = await provided()
  const piece = 65_536
  let sent = 0
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(stream) {
        sent += piece
        if (sent > 20 * 2 ** 20) stream.close()
        else stream.enqueue(new Uint8Array(piece).fill(0x20))
      },
    })
  const fetch = async () => new Response(body(), { headers: { 'content-type': 'application/json' } })
  const keys = issuer.keys({ fetch, onEvent: (event) => events.push(event) })
  const events: KeysEvent[] = []
  const verifier = createVerifier({
    issuers: [{ issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys }],
    clock,
  })
  const token = await issuer.token()
  for (let i = 0; i < 20; i++)
    expect(await codeOfAsync(() => verifier.verify(token))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
  expect(events).toEqual([{ type: 'failed', reason: 'size' }])
  // 262 144 bytes are four pieces; the fifth crosses, and one may have been asked for ahead.
  expect(sent).toBeLessThanOrEqual(6 * piece)
})

test('E: a document of exactly the limit is read, and one byte more is not', async () => {
  const { issuer, clock } = await provided()
  const text = JSON.stringify(issuer.jwks())
  for (const [length, isRead] of [
    [262_144, true],
    [262_145, false],
  ] as const) {
    const fetch = async () =>
      new Response(text.padEnd(length, ' '), { headers: { 'content-type': 'application/json' } })
    const verifier = createVerifier({
      issuers: [
        { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys: issuer.keys({ fetch }) },
      ],
      clock,
    })
    const token = await issuer.token()
    expect(
      await verifier.verify(token).then(
        () => true,
        () => false,
      ),
    ).toBe(isRead)
  }
})

test('a compression bomb ends at the limit of what it decodes to', async () => {
  const bomb = gzipSync(Buffer.alloc(50 * 2 ** 20, 0x20))
  expect(bomb.length).toBeLessThan(262_144)
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const events: KeysEvent[] = []
    const onEvent = (event: KeysEvent) => events.push(event)
    const keys = remoteKeys(`http://127.0.0.1:${port}/jwks`, {
      dangerouslyAllowHttp: 'loopback',
      timers: null,
      onEvent,
    })
    const issuer = await fakeIssuer()
    const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys } as const
    const verifier = createVerifier({ issuers: [policy] })
    const token = await issuer.token()
    expect(await codeOfAsync(() => verifier.verify(token))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
    expect(events).toEqual([{ type: 'failed', reason: 'size' }])
  } finally {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
})

test('G: twenty requests at once on a cold start cost one fetch', async () => {
  const { issuer, verifier } = await provided()
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issuer.token()))
  const verified = await Promise.all(tokens.map((token) => verifier.verify(token)))
  expect(verified).toHaveLength(20)
  expect(issuer.fetches).toBe(1)
})

test('F: a key that was removed is refused past the ttl, its cached tokens too', async () => {
  const { clock, issuer, verifier } = await provided()
  await verifier.ready()
  const token = await issuer.token()
  expect(verifier.verifySync(token).kid).toBe('test-key-1')
  await issuer.rotate()
  issuer.dropKey('test-key-1')
  await clock.advance(600_000 - 1_000)
  expect(codeOf(() => verifier.verifySync(token))).toMatch(/KEY_UNKNOWN|KEYS_NOT_READY/)
  await clock.advance(1_000)
  for (let i = 0; i < 20; i++) {
    expect(await codeOfAsync(() => verifier.verify(token))).toBe('COFFER_JWT_KEY_UNKNOWN')
    expect((await verifier.verify(await issuer.token())).kid).toBe('test-key-2')
  }
})

test.each(['refuse', 'hang', 'drip', '500', 'garbage', 'huge', 'redirect'] satisfies Outage[])(
  'a provider that answers with %s makes no request wait once warm, and is told apart from a bad token',
  async (outage) => {
    const { clock, issuer, verifier, keys } = await provided()
    await verifier.ready()
    issuer.outage(outage)
    await clock.advance(700_000)
    expect(verifier.verifySync(await issuer.token()).kid).toBe('test-key-1')
    // Twenty, none of which waits: the clock stands still, and with it every answer of the provider.
    for (let i = 0; i < 20; i++) expect((await verifier.verify(await issuer.token())).kid).toBe('test-key-1')
    expect(keys.health().state).toBe('stale')
    expect(keys.health().failures).toBeGreaterThan(0)
    issuer.outage(null)
    await clock.advance(61_000)
    expect(keys.health()).toMatchObject({ state: 'fresh', failures: 0 })
  },
)

test('closing ends fetching; the keys serve to their bound', async () => {
  const { clock, issuer, verifier, keys } = await provided()
  await verifier.ready()
  keys.close()
  const { fetches } = issuer
  await clock.advance(599_999)
  expect(verifier.verifySync(await issuer.token()).kid).toBe('test-key-1')
  await clock.advance(1)
  expect(codeOf(() => verifier.verifySync('x'))).toBe('COFFER_JWT_MALFORMED')
  const token = await issuer.token()
  expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
  expect(issuer.fetches).toBe(fetches)
})
