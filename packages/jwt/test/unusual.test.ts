import {
  createRevocationIndex,
  createVerifier,
  type KeysEvent,
  relaxedAccessToken,
  remoteKeys,
  staticKeys,
} from '@coffer/jwt'
import { fakeClock, fakeIssuer } from '@coffer/jwt/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { algorithmSpecs } from '../src/algorithms.js'
import { systemTimers } from '../src/clock.js'
import { isOnCurve } from '../src/curves.js'
import { joseEngine } from '../src/engine-jose.js'
import { createNodeEngine } from '../src/engine-node.js'
import { readKeySet } from '../src/key-set.js'
import { openSnapshot } from '../src/key-snapshot.js'
import { nodeCrypto } from '../src/node-crypto.js'
import { RevocationEntries } from '../src/revocation-entries.js'
import { sealContext } from '../src/sealer.js'
import { createUnknownKids } from '../src/unknown-kid.js'
import { gcmSealer } from './issue/support.js'
import {
  accessToken,
  audience,
  clockAt,
  codeOf,
  codeOfAsync,
  encode,
  issuer,
  issuerOf,
  start,
  testKey,
} from './support.js'

afterEach(() => void vi.unstubAllGlobals())

const key = testKey('ES256')
const spec = (name: string) => {
  const found = algorithmSpecs.get(name)
  if (found === undefined) throw new Error('no such algorithm')
  return found
}
const prepared = (jwk: Readonly<Record<string, unknown>>) => {
  const read = readKeySet({ keys: [jwk] }, 1)
  const [one] = typeof read === 'string' ? [] : read.set.usable
  if (one === undefined) throw new Error('no key')
  return one
}

describe('an engine', () => {
  const token = accessToken(key)
  const signed = {
    token,
    signedLength: token.lastIndexOf('.'),
    signature: Uint8Array.from(Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url')),
  }
  test('of node without the key for an algorithm verifies nothing', () => {
    if (nodeCrypto === undefined) throw new Error('no node:crypto')
    const bare = { ...prepared(key.jwk), nodeKeys: new Map() }
    expect(createNodeEngine(nodeCrypto).verify(signed, bare, spec('ES256'))).toBe(false)
  })
  test('of jose with a key of another kind says so, rather than that the signature is bad', async () => {
    const other = prepared(testKey('Ed25519').jwk)
    const joseKeys = new Map([[spec('ES256'), Promise.resolve({} as CryptoKey)]])
    await expect(joseEngine.verify(signed, { ...other, joseKeys }, spec('ES256'))).rejects.toThrow()
  })
})

test('coordinates that are no less than the prime are no point', () => {
  const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
  const bytes = (value: bigint) => Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
  for (const [x, y] of [
    [p, 1n],
    [1n, p],
    [p + 5n, p + 5n],
  ] as const)
    expect(isOnCurve('P-256', bytes(x), bytes(y))).toBe(false)
  expect(isOnCurve('P-192', bytes(1n), bytes(1n))).toBe(false)
})

test('timers of a runtime whose handles are numbers are taken as they are', () => {
  vi.stubGlobal('setTimeout', () => 7)
  expect(systemTimers.set(() => undefined, 1)).toBe(7)
})

describe('a token without iat, where it may be missing', () => {
  const relaxed = (maxLifetime = 3_600) => {
    const clock = { at: start, now: () => clock.at }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const profile = relaxedAccessToken({ allowMissing: ['iat'] })
    const verifier = createVerifier({ issuers: [{ ...issuerOf(key), profile, maxLifetime }], revocation, clock })
    return { clock, revocation, verifier }
  }
  test('has no issuedAt, and is served from the cache until it ends', () => {
    const { clock, verifier } = relaxed()
    const token = accessToken(key, { iat: undefined, exp: start / 1_000 + 600 })
    expect(verifier.verifySync(token).issuedAt).toBeUndefined()
    clock.at += 299_999
    expect(verifier.verifySync(token).issuedAt).toBeUndefined()
    expect(verifier.stats()).toMatchObject({ hits: 1, verified: 1 })
  })
  test('is not served from the cache to a clock so far back that it would live too long', () => {
    const { clock, verifier } = relaxed(600)
    const token = accessToken(key, { iat: undefined, exp: start / 1_000 + 605 })
    verifier.verifySync(token)
    clock.at -= 1_000
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_LIFETIME_EXCEEDED')
  })
  test.each(['subject', 'client', 'issuer'] as const)('is refused whole by any revocation of its %s', async (kind) => {
    const { verifier, revocation } = relaxed()
    const at = start - 3_000_000
    await revocation.revoke(
      kind === 'issuer' ? { kind, issuer, at } : { kind, issuer, value: kind === 'client' ? 'web' : 'user-1', at },
    )
    expect(codeOf(() => verifier.verifySync(accessToken(key, { iat: undefined })))).toBe('COFFER_JWT_REVOKED')
  })
})

describe('a check', () => {
  const verifier = createVerifier({ issuers: [issuerOf(key)], clock: clockAt(start) })
  test.each([['a  b'], [''], [['a b']], [['"']], [[1]]])('for the scope %j is misuse', async (scope) => {
    const request = { headers: { authorization: `Bearer ${accessToken(key)}` } }
    await expect(verifier.check(request, { scope } as never)).rejects.toThrow(TypeError)
  })
})

describe('under jose', () => {
  test('a key that leaves its set while a token is verified under it verifies nothing', async () => {
    const clock = fakeClock()
    const source = await fakeIssuer({ clock })
    const keys = source.keys({ timers: clock.timers, random: () => 0 })
    const policy = { issuer: source.issuer, audience: source.audience, algorithms: ['ES256'], keys } as const
    const verifier = createVerifier({ issuers: [policy], clock, engine: 'jose' })
    const token = await source.token()
    await verifier.ready()
    await source.rotate()
    source.dropKey('test-key-1')
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const verify = crypto.subtle.verify.bind(crypto.subtle)
    const spy = vi.spyOn(crypto.subtle, 'verify').mockImplementation(async (...input) => {
      await held
      return verify(...input)
    })
    const outcome = codeOfAsync(() => verifier.verify(token))
    await clock.advance(500_000)
    release()
    expect(await outcome).toBe('COFFER_JWT_KEY_UNKNOWN')
    spy.mockRestore()
  })

  test('more tokens at once than may share a verification are verified all the same', async () => {
    const own = testKey('Ed25519')
    const verifier = createVerifier({ issuers: [issuerOf(own)], clock: clockAt(start), engine: 'jose', cache: null })
    const tokens = Array.from({ length: 1_030 }, (_, i) => accessToken(own, { jti: `jti-${i}` }))
    const verified = await Promise.all(tokens.map((token) => verifier.verify(token)))
    expect(new Set(verified.map((token) => token.jti)).size).toBe(1_030)
  }, 60_000)
})

describe('a document of keys', () => {
  const json = { 'content-type': 'application/json' }
  const asked = async (response: () => Response) => {
    const events: KeysEvent[] = []
    const keys = remoteKeys('https://id.test/jwks', {
      fetch: async () => response(),
      timers: null,
      onEvent: (event) => events.push(event),
    })
    const verifier = createVerifier({ issuers: [{ ...issuerOf(key), keys }], clock: clockAt(start) })
    const code = await codeOfAsync(() => verifier.verify(accessToken(key))).catch(() => 'accepted')
    return [code, events[0]]
  }
  const body = JSON.stringify({ keys: [key.jwk] })
  test.each([
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['Application/JWK-Set+JSON', true],
    ['application/+json', false],
    ['text/json', false],
    ['application/jsonx', false],
    ['', false],
  ])('of content type %j is read: %s', async (type, isRead) => {
    const [code] = await asked(() => new Response(body, { headers: { 'content-type': type } }))
    expect(code === 'accepted').toBe(isRead)
  })
  test('without a content type, or without a body, is none', async () => {
    expect(await asked(() => new Response(new TextEncoder().encode(body)))).toEqual([
      'COFFER_JWT_KEYS_UNAVAILABLE',
      { type: 'failed', reason: 'content-type' },
    ])
    expect(await asked(() => new Response(null, { headers: json }))).toEqual([
      'COFFER_JWT_KEYS_UNAVAILABLE',
      { type: 'failed', reason: 'size' },
    ])
  })

  test('whose keys have no kid serves tokens without one, and the next document drops them', async () => {
    const clock = fakeClock()
    const { kid: _, ...bare } = key.jwk
    const { kid: __, ...heir } = testKey('ES256').jwk
    let served = bare
    const keys = remoteKeys('https://id.test/jwks', {
      fetch: async () => new Response(JSON.stringify({ keys: [served] }), { headers: json }),
      clock,
      timers: clock.timers,
      random: () => 0,
    })
    expect(keys.health()).toMatchObject({ state: 'empty', keys: 0 })
    const profile = relaxedAccessToken({ allowMissing: ['kid'] })
    const verifier = createVerifier({ issuers: [{ ...issuerOf(key), keys, profile }], clock })
    const token = accessToken(key, {}, { kid: undefined })
    expect((await verifier.verify(token)).kid).toBeUndefined()
    served = heir
    await clock.advance(500_000)
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_SIGNATURE_INVALID')
    keys.close()
    expect(codeOf(() => verifier.verifySync(accessToken(key)))).toBe('COFFER_JWT_KEY_UNKNOWN')
  })

  test('of two keys that fit is none for a token without kid', () => {
    const profile = relaxedAccessToken({ allowMissing: ['kid'] })
    const keys = staticKeys({ keys: [key.jwk, testKey('ES256', 'other').jwk] })
    const verifier = createVerifier({ issuers: [{ ...issuerOf(key), keys, profile }], clock: clockAt(start) })
    const verify = () => verifier.verifySync(accessToken(key, {}, { kid: undefined }))
    expect(codeOf(verify)).toBe('COFFER_JWT_KEY_UNKNOWN')
    expect(verify).toThrow(/no kid, and/)
  })
})

test('a snapshot of another version or shape is none, whoever sealed it', async () => {
  const sealer = gcmSealer()
  const url = 'https://id.test/jwks'
  const good = { version: 1, url, jwks: encode('{}'), etag: null, fetchedAt: start, ttlMs: 1 }
  const open = async (record: unknown) => {
    const text = new TextEncoder().encode(typeof record === 'string' ? record : JSON.stringify(record))
    return openSnapshot(await sealer.encrypt(text, sealContext('coffer-jwks-1', url)), url, sealer, start)
  }
  expect(await open(good)).toMatchObject({ fetchedAt: start, ttlMs: 1, etag: undefined })
  expect(await open({ ...good, etag: '"v"' })).toMatchObject({ etag: '"v"' })
  for (const change of [
    { version: 2 },
    { url: 'https://x' },
    { jwks: 1 },
    { jwks: 'AA=' },
    { fetchedAt: 'now' },
    { ttlMs: null },
  ])
    expect(await open({ ...good, ...change })).toBeUndefined()
  for (const text of ['', '[]', '{"version":1,"version":1}']) expect(await open(text)).toBeUndefined()
})

test('of kids that were not found, 256 are remembered, the latest', () => {
  const unknown = createUnknownKids()
  for (let i = 0; i < 257; i++) unknown.missed(`kid-${i}`, start)
  expect(unknown.pay('kid-1', start)).toBe(false)
  expect(unknown.pay('kid-0', start)).toBe(true)
  unknown.found('kid-256')
  expect(unknown.pay('kid-256', start)).toBe(true)
  expect(unknown.pay('new', start)).toBe(false)
})

test('a revocation that has lapsed when it comes is not taken in', () => {
  const entries = new RevocationEntries(1_000, 10)
  entries.add({ kind: 'token', issuer, value: 'j', at: start - 1_000 }, start)
  expect(entries).toMatchObject({ size: 0, epoch: 0 })
  entries.add({ kind: 'token', issuer, value: 'j', at: start - 999 }, start)
  expect(entries).toMatchObject({ size: 1, epoch: 1 })
})

test('an audience that a token shares with none is a mismatch, whatever else it names', () => {
  const verifier = createVerifier({ issuers: [{ ...issuerOf(key), audience: [audience, 'b'] }], clock: clockAt(start) })
  expect(codeOf(() => verifier.verifySync(accessToken(key, { aud: ['c', 'd'] })))).toBe('COFFER_JWT_AUDIENCE_MISMATCH')
})
