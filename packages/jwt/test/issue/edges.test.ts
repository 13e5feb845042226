import { createVerifier } from '@coffer/jwt'
import {
  createIssuer,
  createKeyRing,
  memoryKeyRingStore,
  memoryRefreshStore,
  type RefreshStore,
} from '@coffer/jwt/issue'
import { fakeClock } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'
import { formatRing, parseRing, type RingRecord } from '../../src/issue/key-record.js'
import { sealContext } from '../../src/sealer.js'
import { audience, codeOf, codeOfAsync, issuer, start, testKey } from '../support.js'
import { day, gcmSealer, grant, issuing, movingClock, refreshTokenOf, secret } from './support.js'

async function over(change: (store: RefreshStore) => Partial<RefreshStore>, options: object = {}) {
  const { ring, clock, revocation, verifier } = await issuing()
  const inner = memoryRefreshStore({ max: 9, clock })
  const store = { ...inner, ...change(inner) }
  const make = (more: object) =>
    createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret, ...more } })
  return { tokens: make(options), make, inner, clock, verifier, ring }
}

describe('a refresh token', () => {
  test('from after a store’s backup is not valid, and ends nothing', async () => {
    const { tokens, inner } = await over((store) => ({
      rotate: async () => undefined,
      read: async (id) => {
        const state = await store.read(id)
        return state && { ...state, generation: 0 }
      },
    }))
    const first = await tokens.issueWithRefresh(grant)
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(first), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
    expect((await inner.read(String(first.sessionId)))?.phase).toBe('live')
  })

  test.each([undefined, null, 1, {}, ''])('that is %j is not valid, and revoking it changes nothing', async (text) => {
    const { tokens } = await over(() => ({}))
    expect(await codeOfAsync(() => tokens.refresh(text as never, { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
    await expect(tokens.revokeToken(text as never, { clientId: 'web' })).resolves.toBeUndefined()
  })

  test('of a family that the store has forgotten is not valid, and revoking it changes nothing', async () => {
    const { tokens } = await over(() => ({ rotate: async () => undefined, read: async () => undefined }))
    const held = refreshTokenOf(await tokens.issueWithRefresh(grant))
    for (const scope of [undefined, ['payments:read']])
      expect(
        await codeOfAsync(() => tokens.refresh(held, { clientId: 'web', ...(scope === undefined ? {} : { scope }) })),
      ).toBe('COFFER_JWT_REFRESH_INVALID')
    await expect(tokens.revokeToken(held, { clientId: 'web' })).resolves.toBeUndefined()
  })

  test('of a grant without scope gives none, and cannot be widened to one', async () => {
    const { tokens, verifier } = await over(() => ({}))
    const { scope: _, ...bare } = grant
    const held = refreshTokenOf(await tokens.issueWithRefresh(bare))
    expect(await codeOfAsync(() => tokens.refresh(held, { clientId: 'web', scope: ['payments:read'] }))).toBe(
      'COFFER_JWT_SCOPE_WIDENED',
    )
    const next = await tokens.refresh(held, { clientId: 'web', scope: [] })
    expect(verifier.verifySync(next.toResponse().access_token).scope).toEqual([])
  })

  test('is retried under a new secret, and answered under the one that made its successor', async () => {
    const { make } = await over(() => ({}))
    const fresh = new Uint8Array(32).fill(9)
    const [old, both] = [make({}), make({ secret: [fresh, secret] })]
    const held = refreshTokenOf(await old.issueWithRefresh(grant))
    const next = await old.refresh(held, { clientId: 'web' })
    const again = await both.refresh(held, { clientId: 'web' })
    expect(again.retried).toBe(true)
    expect(refreshTokenOf(again)).toBe(refreshTokenOf(next))
    const moved = await both.refresh(refreshTokenOf(next), { clientId: 'web' })
    expect(await codeOfAsync(() => old.refresh(refreshTokenOf(moved), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
    expect((await both.refresh(refreshTokenOf(moved), { clientId: 'web' })).retried).toBe(false)
  })

  test('whose successor nobody can make again, because the row was changed, ends its family', async () => {
    const { tokens, inner } = await over((store) => ({
      read: async (id) => {
        const state = await store.read(id)
        return state && { ...state, salt: new Uint8Array(32) }
      },
    }))
    const first = await tokens.issueWithRefresh(grant)
    const held = refreshTokenOf(first)
    await tokens.refresh(held, { clientId: 'web' })
    expect(await codeOfAsync(() => tokens.refresh(held, { clientId: 'web' }))).toBe('COFFER_JWT_REFRESH_REUSED')
    expect((await inner.read(String(first.sessionId)))?.phase).toBe('revoked')
  })

  test('whose rotation answers with another hash is not handed out', async () => {
    const { tokens } = await over((store) => ({
      rotate: async (step) => {
        const state = await store.rotate(step)
        return state && { ...state, current: new Uint8Array(32) }
      },
    }))
    const held = refreshTokenOf(await tokens.issueWithRefresh(grant))
    expect(await codeOfAsync(() => tokens.refresh(held, { clientId: 'web' }))).toBe('COFFER_JWT_REFRESH_INVALID')
  })
})

describe('claims of a grant', () => {
  test.each([[{ a: null, b: true, c: [false, 1.5, 'x'], d: { e: {} } }]])('of JSON are issued: %j', async (claims) => {
    const { tokens, verifier } = await issuing()
    const issued = await tokens.issue({ ...grant, claims })
    expect(verifier.verifySync(issued.toResponse().access_token).claims).toMatchObject(claims)
  })
  test('of a getter that answers once and then otherwise are refused', async () => {
    const { tokens } = await issuing()
    let reads = 0
    const claims = {
      get tenant() {
        return reads++ === 0 ? 'a' : new Date()
      },
    }
    await expect(tokens.issue({ ...grant, claims } as never)).rejects.toThrow()
  })
})

describe('the record of a ring', () => {
  const sealer = gcmSealer()
  async function record(): Promise<RingRecord> {
    const store = memoryKeyRingStore()
    const clock = movingClock()
    const ring = await createKeyRing({ issuer, algorithm: 'ES256', store, sealer, clock, timers: null })
    clock.at = start + 29 * day
    await ring.maintain()
    return parseRing((await store.read())?.body ?? '', issuer, 'ES256', sealer)
  }
  const reread = async (changed: RingRecord) =>
    codeOfAsync(async () => parseRing(await formatRing(changed, sealer), issuer, 'ES256', sealer))

  test('that was sealed out of order, or with a key twice, or under another kid, is corrupt', async () => {
    const good = await record()
    const [one, two] = good.keys
    if (one === undefined || two === undefined) throw new Error('two keys')
    for (const keys of [
      [two, one],
      [one, one],
      [{ ...one, kid: 'other' }, two],
    ])
      expect(await reread({ ...good, keys })).toBe('COFFER_JWT_KEY_RING_CORRUPT')
  })

  test('with a member of another type is corrupt, whatever seals it', async () => {
    const good = await formatRing(await record(), sealer)
    const members = JSON.parse(good) as { keys: Record<string, unknown>[] }
    const [first, ...rest] = members.keys
    for (const key of [
      null,
      'x',
      [],
      { ...first, kid: 1 },
      { ...first, activeFrom: '0' },
      { ...first, revoked: null },
      { ...first, jwk: 'x' },
      { ...first, jwk: { ...(first?.['jwk'] as object), d: 'AA' } },
      { ...first, jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } },
      { ...first, sealed: 1 },
      { ...first, sealed: 'AA=' },
    ]) {
      const body = JSON.stringify({ ...members, keys: [key, ...rest] })
      expect(await codeOfAsync(() => parseRing(body, issuer, 'ES256', sealer))).toBe('COFFER_JWT_KEY_RING_CORRUPT')
    }
    for (const change of [
      { seal: 1 },
      { seal: 'A' },
      { seal: undefined },
      { revision: '1' },
      { keys: {} },
      { version: 1 },
    ])
      expect(
        await codeOfAsync(() => parseRing(JSON.stringify({ ...members, ...change }), issuer, 'ES256', sealer)),
      ).toBe('COFFER_JWT_KEY_RING_CORRUPT')
  })
})

describe('revoking a key', () => {
  async function two() {
    const clock = movingClock()
    const store = memoryKeyRingStore()
    const ring = await createKeyRing({ issuer, algorithm: 'ES256', store, sealer: gcmSealer(), clock, timers: null })
    clock.at = start + 29 * day
    await ring.maintain()
    return { clock, ring, kid: (state: string) => String(ring.status().find((key) => key.state === state)?.kid) }
  }
  test('that is pending takes it out without a trace, and maintenance makes another', async () => {
    const { ring, kid } = await two()
    const pending = kid('pending')
    await ring.revoke(pending)
    expect(ring.jwks().body).not.toContain(pending)
    await ring.maintain()
    expect(kid('pending')).not.toBe(pending)
  })
  test('that is retiring leaves the active one, and a second time changes nothing', async () => {
    const { ring, kid, clock } = await two()
    clock.at = start + 30 * day
    await ring.maintain()
    const [active, retiring] = [kid('active'), kid('retiring')]
    await ring.revoke(retiring)
    await ring.revoke(retiring)
    expect(ring.jwks().body).not.toContain(retiring)
    expect(kid('active')).toBe(active)
  })
  test('unknown to the ring is misuse, and tells nothing', async () => {
    const { ring } = await two()
    await expect(ring.revoke('canary')).rejects.toThrow(/^(?!.*canary)/)
    await expect(ring.revoke('canary')).rejects.toThrow(TypeError)
  })
  test('and a ring that was closed reads its store no more', async () => {
    const { ring, clock } = await two()
    ring.close()
    clock.at += day
    expect(codeOf(() => ring.jwks())).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
  })
})

describe('a ring', () => {
  async function opened(algorithm: 'ES256' | 'RS256' = 'ES256') {
    const clock = movingClock()
    const store = memoryKeyRingStore()
    const sealer = gcmSealer()
    const ring = await createKeyRing({ issuer, algorithm, store, sealer, clock, timers: null })
    const tokens = createIssuer({ issuer, keys: ring, clock })
    const policy = { issuer, audience, algorithms: [algorithm], keys: ring } as const
    return { clock, store, sealer, ring, tokens, verifier: createVerifier({ issuers: [policy], clock }) }
  }

  test('of RSA keys signs what its verifier accepts', async () => {
    const { tokens, verifier } = await opened('RS256')
    expect(verifier.verifySync((await tokens.issue(grant)).toResponse().access_token).algorithm).toBe('RS256')
  }, 60_000)

  test('reads its store for a kid it does not know, at most every 5 s', async () => {
    const { clock, tokens, verifier, store, sealer } = await opened()
    const token = (await tokens.issue(grant)).toResponse().access_token
    const [, payload, signature] = token.split('.')
    const header = Buffer.from('{"alg":"ES256","kid":"unknown","typ":"at+jwt"}').toString('base64url')
    clock.advance(5_000)
    for (let i = 0; i < 3; i++)
      expect(await codeOfAsync(() => verifier.verify(`${header}.${payload}.${signature}`))).toBe(
        'COFFER_JWT_KEY_UNKNOWN',
      )
    // A key that another process made at once, because the active one was lost.
    const other = await createKeyRing({ issuer, algorithm: 'ES256', store, sealer, clock, timers: null })
    await other.revoke(String(other.status()[0]?.kid))
    const fresh = (await createIssuer({ issuer, keys: other, clock }).issue(grant)).toResponse().access_token
    clock.advance(5_000)
    expect((await verifier.verify(fresh)).subject).toBe('user-1')
  })

  test('drops a key at the moment it retires, also when nobody maintains it', async () => {
    const { clock, ring, tokens, verifier } = await opened()
    clock.at = start + 29 * day
    await ring.maintain()
    clock.at = start + 30 * day - 1_000
    const token = (await tokens.issue(grant)).toResponse().access_token
    clock.at = start + 30 * day
    await ring.maintain()
    expect(verifier.verifySync(token).subject).toBe('user-1')
    clock.at = start + 30 * day + 3_600_000 + 239_999
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_EXPIRED')
    clock.at += 1
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_KEY_UNKNOWN')
  })

  test('whose record was changed signs no more, until it reads a good one', async () => {
    const { clock, store, tokens } = await opened()
    const good = await store.read()
    await store.write('{}', good?.version)
    clock.advance(60_000)
    expect(await codeOfAsync(() => tokens.issue(grant))).toBe('COFFER_JWT_KEY_RING_CORRUPT')
    await store.write(String(good?.body), (await store.read())?.version)
    clock.advance(60_000)
    expect((await tokens.issue(grant)).subject).toBe('user-1')
  })

  test('whose sealer does not answer is unavailable, not corrupt', async () => {
    const { store, sealer } = await opened()
    const clock = fakeClock()
    const silent = { encrypt: sealer.encrypt, decrypt: () => new Promise<never>(() => undefined) }
    const opening = codeOfAsync(() =>
      createKeyRing({ issuer, algorithm: 'ES256', store, sealer: silent, clock, timers: clock.timers }),
    )
    await clock.advance(5_000)
    expect(await opening).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
  })

  test.each(['another private key', 'a public key', 'no key'])('with %s under its seal is corrupt', async (what) => {
    const { store, sealer } = await opened()
    const record = await parseRing(String((await store.read())?.body), issuer, 'ES256', sealer)
    const [first] = record.keys
    if (first === undefined) throw new Error('a key')
    const secret = what === 'another private key' ? testKey('ES256').privateKey.export({ format: 'jwk' }) : first.jwk
    const text = new TextEncoder().encode(what === 'no key' ? '[]' : JSON.stringify(secret))
    const sealed = await sealer.encrypt(text, sealContext('coffer-jwt-key-1', issuer, first.kid))
    const body = await formatRing({ ...record, keys: [{ ...first, sealed }] }, sealer)
    const other = memoryKeyRingStore()
    await other.write(body, undefined)
    const clock = movingClock()
    expect(
      await codeOfAsync(() => createKeyRing({ issuer, algorithm: 'ES256', store: other, sealer, clock, timers: null })),
    ).toBe('COFFER_JWT_KEY_RING_CORRUPT')
  })
})
