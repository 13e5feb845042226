import { inspect } from 'node:util'
import { createVerifier } from '@coffer/jwt'
import { createIssuer, createKeyRing, type KeyRingStore, memoryKeyRingStore } from '@coffer/jwt/issue'
import { describe, expect, test } from 'vitest'
import { audience, codeOf, codeOfAsync, issuer, start } from '../support.js'
import { day, gcmSealer, grant, hour, movingClock } from './support.js'

async function rotating(store: KeyRingStore = memoryKeyRingStore()) {
  const clock = movingClock()
  const sealer = gcmSealer()
  const open = () => createKeyRing({ issuer, algorithm: 'ES256', store, sealer, clock, timers: null })
  const ring = await open()
  const states = () => ring.status().map((key) => key.state)
  const kids = () => (JSON.parse(ring.jwks().body) as { keys: { kid: string }[] }).keys.map((key) => key.kid)
  return { clock, store, sealer, open, ring, states, kids }
}

describe('a key', () => {
  test('signs at once if it is the first, is followed by one published a day ahead, and retires when its last token has expired', async () => {
    const { clock, ring, states, kids } = await rotating()
    expect(states()).toEqual(['active'])
    clock.at = start + 29 * day - 1
    await ring.maintain()
    expect(states()).toEqual(['active'])
    clock.at = start + 29 * day
    await ring.maintain()
    expect(states()).toEqual(['active', 'pending'])
    expect(kids()).toHaveLength(2)
    clock.at = start + 30 * day - 1
    expect(states()).toEqual(['active', 'pending'])
    clock.at = start + 30 * day
    await ring.maintain()
    expect(states()).toEqual(['retiring', 'active'])
    clock.at = start + 30 * day + hour + 239_999
    expect(states()).toEqual(['retiring', 'active'])
    clock.at += 1
    expect(states()).toEqual(['retired', 'active'])
    expect(kids()).toHaveLength(1)
  })

  test('that is due late is published for a whole day all the same', async () => {
    const { clock, ring } = await rotating()
    clock.at = start + 45 * day
    await ring.maintain()
    expect(ring.status()[1]?.activeFrom).toBe(start + 46 * day)
  })

  test('is erased 120 s after it stopped signing', async () => {
    const { clock, ring, store } = await rotating()
    const sealed = async () =>
      (JSON.parse((await store.read())?.body ?? '') as { keys: { sealed: string | null }[] }).keys.map(
        (key) => key.sealed !== null,
      )
    clock.at = start + 29 * day
    await ring.maintain()
    clock.at = start + 30 * day + 119_999
    await ring.maintain()
    expect(await sealed()).toEqual([true, true])
    clock.at += 1
    await ring.maintain()
    expect(await sealed()).toEqual([false, true])
  })

  test('that is revoked while active leaves the document and dies at this process at once; another signs', async () => {
    const { clock, ring, kids } = await rotating()
    const tokens = createIssuer({ issuer, keys: ring, clock })
    const verifier = createVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256'], keys: ring }], clock })
    const before = (await tokens.issue(grant)).toResponse().access_token
    expect(verifier.verifySync(before).subject).toBe('user-1')
    const [kid] = kids()
    await ring.revoke(String(kid))
    expect(kids()).not.toContain(kid)
    expect(codeOf(() => verifier.verifySync(before))).toBe('COFFER_JWT_KEY_UNKNOWN')
    expect(verifier.verifySync((await tokens.issue(grant)).toResponse().access_token).subject).toBe('user-1')
    await expect(ring.revoke('unknown')).rejects.toThrow(TypeError)
  })

  test('that is revoked while a slow re-read is under way stays revoked', async () => {
    const inner = memoryKeyRingStore()
    let release: () => void = () => undefined
    let isSlow = false
    const slow: KeyRingStore = {
      write: inner.write,
      async read() {
        const record = await inner.read()
        if (isSlow) {
          isSlow = false
          await new Promise<void>((resolve) => {
            release = resolve
          })
        }
        return record
      },
    }
    const { ring, kids } = await rotating(slow)
    const [kid] = kids()
    isSlow = true
    const reading = ring.maintain()
    const revoking = ring.revoke(String(kid))
    await new Promise<void>((resolve) => setImmediate(resolve))
    release()
    await Promise.all([reading, revoking])
    expect(kids()).not.toContain(kid)
  })

  test('that is pending takes over when the active one is revoked', async () => {
    const { clock, ring } = await rotating()
    clock.at = start + 29 * day
    await ring.maintain()
    const [active, pending] = ring.status()
    await ring.revoke(String(active?.kid))
    expect(ring.status().find((key) => key.state === 'active')?.kid).toBe(pending?.kid)
  })
})

describe('a ring whose store does not answer', () => {
  async function losing() {
    const inner = memoryKeyRingStore()
    const state = { isDown: false, reads: 0 }
    const store: KeyRingStore = {
      write: inner.write,
      async read() {
        state.reads++
        if (state.isDown) throw new Error('down')
        return inner.read()
      },
    }
    const { clock, ring } = await rotating(store)
    const tokens = createIssuer({ issuer, keys: ring, clock })
    const verifier = createVerifier({
      issuers: [{ issuer, audience, algorithms: ['ES256'], keys: ring }],
      clock,
    })
    return { clock, ring, tokens, verifier, state }
  }
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

  test('verifies, publishes and signs until publishAheadMs / 2, and nothing from then on until it answers', async () => {
    const { clock, ring, tokens, verifier, state } = await losing()
    clock.at = start + 11.5 * hour
    const token = (await tokens.issue(grant)).toResponse().access_token
    const bound = clock.at + 12 * hour
    expect(verifier.verifySync(token).subject).toBe('user-1')
    state.isDown = true
    clock.at = bound - 1
    const last = (await tokens.issue(grant)).toResponse().access_token
    expect(verifier.verifySync(last).subject).toBe('user-1')
    expect(ring.jwks().body).toContain(String(ring.status()[0]?.kid))
    clock.at = bound
    for (let i = 0; i < 3; i++) {
      // Also a token that was verified a moment ago.
      expect(codeOf(() => verifier.verifySync(last))).toMatch(/KEYS_NOT_READY|KEYS_UNAVAILABLE/)
      await settle()
    }
    expect(await verifier.check({ headers: { authorization: `Bearer ${last}` } })).toMatchObject({ status: 503 })
    expect(codeOf(() => ring.jwks())).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
    expect(await codeOfAsync(() => tokens.issue(grant))).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
    const reads = state.reads
    for (let i = 0; i < 20; i++)
      expect(await codeOfAsync(() => verifier.verify(last))).toBe('COFFER_JWT_KEYS_UNAVAILABLE')
    expect(state.reads).toBe(reads)
    state.isDown = false
    clock.advance(60_000)
    expect((await verifier.verify(last)).subject).toBe('user-1')
    expect(ring.jwks().body).toContain(String(ring.status()[0]?.kid))
  })

  test('tells when it will be asked again', async () => {
    const { clock, tokens, verifier, state } = await losing()
    const token = (await tokens.issue(grant)).toResponse().access_token
    state.isDown = true
    clock.at = start + 40 * 60_000
    expect(verifier.verifySync(token).subject).toBe('user-1')
    await settle()
    clock.at = start + 13 * hour
    const result = await verifier.check({ headers: { authorization: `Bearer ${token}` } })
    expect(result).toMatchObject({ ok: false, status: 503, challenge: null, retryAfterMs: 60_000 })
  })

  test('that slept past the bound reads it again at the first use', async () => {
    const { clock, ring, verifier, tokens } = await losing()
    clock.at = start + 20 * hour
    expect(codeOf(() => ring.jwks())).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
    await settle()
    expect(ring.jwks().body).toContain(String(ring.status()[0]?.kid))
    const token = (await tokens.issue(grant)).toResponse().access_token
    clock.at += 20 * hour
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_KEYS_NOT_READY')
    expect(await codeOfAsync(() => verifier.verify(token))).toBe('COFFER_JWT_EXPIRED')
  })
})

describe('a ring', () => {
  test('over one store is one ring, however many processes open it at once', async () => {
    const { open } = await rotating()
    const rings = await Promise.all(Array.from({ length: 8 }, open))
    expect(new Set(rings.map((ring) => ring.jwks().body)).size).toBe(1)
    const fresh = memoryKeyRingStore()
    const sealer = gcmSealer()
    const clock = movingClock()
    const racing = await Promise.all(
      Array.from({ length: 8 }, () =>
        createKeyRing({ issuer, algorithm: 'ES256', store: fresh, sealer, clock, timers: null }),
      ),
    )
    expect(new Set(racing.map((ring) => ring.jwks().body)).size).toBe(1)
  })

  test('publishes public keys only, with how long they may be kept', async () => {
    const { ring, kids } = await rotating()
    const { body, headers } = ring.jwks()
    expect(headers).toEqual({
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=600',
      etag: `"${kids()[0]}"`,
    })
    const [key] = (JSON.parse(body) as { keys: object[] }).keys
    expect(Object.keys(key ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  })

  test.each([
    ['not JSON', () => '{'],
    ['another issuer', (body: string) => body.replace(issuer, 'https://evil.example')],
    ['an edited seal', (body: string) => body.replace(/"sealed":"..../, '"sealed":"AAAA')],
    [
      'another public key',
      (body: string) => body.replace(/"x":"[^"]+"/, '"x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"'),
    ],
    ['a private member', (body: string) => body.replace('"kty"', '"d":"AA","kty"')],
  ])('whose record is %s is corrupt, and nothing of it is used', async (_, edit) => {
    const { store, open } = await rotating()
    const record = await store.read()
    await store.write(edit(record?.body ?? ''), record?.version)
    expect(await codeOfAsync(open)).toBe('COFFER_JWT_KEY_RING_CORRUPT')
  })

  test('that could not read its store for half of publishAheadMs stops signing, and not before', async () => {
    const inner = memoryKeyRingStore()
    let down = false
    const { clock, ring } = await rotating({
      read: () => (down ? Promise.reject(new Error('canary')) : inner.read()),
      write: inner.write,
    })
    const tokens = createIssuer({ issuer, keys: ring, clock })
    down = true
    clock.at = start + 12 * hour - 1
    expect((await tokens.issue(grant)).subject).toBe('user-1')
    clock.at += 1
    expect(await codeOfAsync(() => tokens.issue(grant))).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
    expect(await codeOfAsync(() => ring.maintain())).toBe('COFFER_JWT_STORE_UNAVAILABLE')
    down = false
    await ring.maintain()
    expect((await tokens.issue(grant)).subject).toBe('user-1')
  })

  test('shows no private key to inspect', async () => {
    const { ring } = await rotating()
    expect(inspect(ring, { showHidden: true, depth: 9 })).not.toMatch(/"?d"?: '[A-Za-z0-9_-]{43}'/)
  })

  test('with options out of range or missing is misuse', async () => {
    const base = { issuer, algorithm: 'ES256', store: memoryKeyRingStore(), sealer: gcmSealer(), timers: null } as const
    for (const bad of [
      { rotateEveryMs: day },
      { publishAheadMs: hour },
      { publishAheadMs: 16 * day },
      { refreshMs: 4 * hour },
      { accessTtlMs: 1 },
    ]) {
      await expect(createKeyRing({ ...base, ...bad })).rejects.toThrow(RangeError)
    }
    for (const bad of [{ sealer: {} }, { store: undefined }, { algorithm: 'HS256' }, { unknown: 1 }]) {
      await expect(createKeyRing({ ...base, ...bad } as never)).rejects.toThrow(TypeError)
    }
  })
})
