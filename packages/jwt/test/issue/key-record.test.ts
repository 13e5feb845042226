import { generateKeyPairSync } from 'node:crypto'
import { createKeyRing, memoryKeyRingStore } from '@coffer/jwt/issue'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test } from 'vitest'
import { codeOfAsync, issuer, start } from '../support.js'
import { gcmSealer, hour, movingClock } from './support.js'

interface StoredKey {
  kid: string
  activeFrom: number
  revoked: boolean
  jwk: Record<string, unknown>
  sealed: string | null
}
interface Stored {
  revision: number
  algorithm: string
  seal: string
  keys: [StoredKey, ...StoredKey[]]
}

const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const { kty, crv, x, y } = foreign

/** A store whose ring has one retiring, one revoked and one active key, and a way to edit its row. */
async function opened() {
  const store = memoryKeyRingStore()
  const clock = movingClock()
  const sealer = gcmSealer()
  const open = () => createKeyRing({ issuer, algorithm: 'ES256', store, sealer, clock, timers: null })
  const ring = await open()
  clock.advance(hour)
  await ring.revoke(String(ring.status()[0]?.kid))
  const edit = async (change: (record: Stored) => void) => {
    const row = await store.read()
    const record = JSON.parse(row?.body ?? '') as Stored
    change(record)
    await store.write(JSON.stringify(record), row?.version)
  }
  return { store, clock, open, ring, edit }
}

const evilKid = await calculateJwkThumbprint(foreign)
const edits: Readonly<Record<string, (record: Stored) => void>> = {
  'a foreign public key without a private part': ({ keys }) =>
    keys.unshift({ kid: evilKid, activeFrom: start - 1, revoked: false, jwk: { kty, crv, x, y }, sealed: null }),
  'a foreign public key under an old kid': ({ keys }) => Object.assign(keys[1]?.jwk ?? {}, { x, y }),
  'another kid': ({ keys }) => Object.assign(keys[1] ?? {}, { kid: evilKid }),
  'an earlier activeFrom': ({ keys }) => Object.assign(keys[0], { activeFrom: start - 1 }),
  'a revocation taken back': ({ keys }) => Object.assign(keys[0], { revoked: false }),
  'a key left out': ({ keys }) => keys.shift(),
  'keys in another order': ({ keys }) => keys.reverse(),
  'a private key left out': ({ keys }) => Object.assign(keys[1] ?? {}, { sealed: null }),
  'a later revision': (record) => Object.assign(record, { revision: record.revision + 1 }),
  'another algorithm': (record) => Object.assign(record, { algorithm: 'ES384' }),
  'one more member': (record) => Object.assign(record, { note: 1 }),
  'an empty seal': (record) => Object.assign(record, { seal: '' }),
}

describe('a record with', () => {
  test.each(Object.entries(edits))('%s is corrupt at a start, and at a ring that runs', async (_, change) => {
    const { open, ring, edit } = await opened()
    const before = ring.jwks().body
    await edit(change)
    expect(await codeOfAsync(open)).toBe('COFFER_JWT_KEY_RING_CORRUPT')
    expect(await codeOfAsync(() => ring.maintain())).toBe('COFFER_JWT_KEY_RING_CORRUPT')
    expect(ring.jwks().body).toBe(before)
  })

  test('the seal of another issuer is corrupt', async () => {
    const { store } = await opened()
    const sealer = gcmSealer()
    const clock = movingClock()
    const other = memoryKeyRingStore()
    await createKeyRing({
      issuer: 'https://other.example',
      algorithm: 'ES256',
      store: other,
      sealer,
      clock,
      timers: null,
    })
    const row = await other.read()
    const mine = memoryKeyRingStore()
    await mine.write((row?.body ?? '').replace('https://other.example', issuer), undefined)
    const open = () => createKeyRing({ issuer, algorithm: 'ES256', store: mine, sealer, clock, timers: null })
    expect(await codeOfAsync(open)).toBe('COFFER_JWT_KEY_RING_CORRUPT')
    expect((await store.read())?.body).toContain('"version":2')
  })

  test('an earlier, authentic body is refused by a process that knows a later one', async () => {
    const { store, ring, clock, open } = await opened()
    const old = await store.read()
    const kid = String(ring.status().find((key) => key.state === 'active')?.kid)
    clock.advance(hour)
    await ring.revoke(kid)
    await store.write(old?.body ?? '', (await store.read())?.version)
    expect(await codeOfAsync(() => ring.maintain())).toBe('COFFER_JWT_KEY_RING_CORRUPT')
    expect(ring.jwks().body).not.toContain(kid)
    // A process that starts knows no later one: the documentation says to revoke the issuer after a restore.
    expect((await open()).jwks().body).toContain(kid)
  })

  test('no row any more is refused by a process that knows one, and not written anew', async () => {
    let gone = false
    const inner = memoryKeyRingStore()
    const store = { read: async () => (gone ? undefined : inner.read()), write: inner.write }
    const ring = await createKeyRing({ issuer, algorithm: 'ES256', store, sealer: gcmSealer(), timers: null })
    gone = true
    expect(await codeOfAsync(() => ring.maintain())).toBe('COFFER_JWT_KEY_RING_CORRUPT')
  })

  test('nothing changed costs no call of the sealer, so that its outage stops no ring', async () => {
    const inner = gcmSealer()
    let down = false
    const failing = () => Promise.reject(new Error('canary'))
    const sealer: typeof inner = {
      encrypt: (plaintext, data) => (down ? failing() : inner.encrypt(plaintext, data)),
      decrypt: (ciphertext, data) => (down ? failing() : inner.decrypt(ciphertext, data)),
    }
    const clock = movingClock()
    const ring = await createKeyRing({
      issuer,
      algorithm: 'ES256',
      store: memoryKeyRingStore(),
      sealer,
      clock,
      timers: null,
    })
    down = true
    clock.advance(hour)
    await ring.maintain()
    expect(ring.status()[0]?.state).toBe('active')
  })
})
