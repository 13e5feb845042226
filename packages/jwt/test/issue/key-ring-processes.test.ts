import { createVerifier } from '@coffer/jwt'
import { createIssuer, createKeyRing, type KeyRing, type KeyRingStore, memoryKeyRingStore } from '@coffer/jwt/issue'
import { decodeProtectedHeader } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { audience, codeOf, codeOfAsync, issuer, start } from '../support.js'
import { day, gcmSealer, grant, hour, movingClock } from './support.js'

const minute = 60_000

/** Rings of several processes, each with a clock of its own, over one store. */
function processes(store: KeyRingStore = memoryKeyRingStore()) {
  const sealer = gcmSealer()
  return async (at: number) => {
    const clock = movingClock(at)
    const ring = await createKeyRing({ issuer, algorithm: 'ES256', store, sealer, clock, timers: null })
    return { clock, ring, tokens: createIssuer({ issuer, keys: ring, clock }) }
  }
}

const activeKid = (ring: KeyRing) => ring.status().find((key) => key.state === 'active')?.kid
const kidOf = (issued: { toResponse(): { access_token: string } }) =>
  decodeProtectedHeader(issued.toResponse().access_token).kid
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a process whose clock is behind', () => {
  test.each([1, 50, minute])('by %i ms takes the first key as active and makes none', async (lag) => {
    const open = processes()
    const a = await open(start)
    const b = await open(start - lag)
    expect(b.ring.status()).toHaveLength(1)
    expect(activeKid(b.ring)).toBe(activeKid(a.ring))
    expect(kidOf(await b.tokens.issue(grant))).toBe(activeKid(a.ring))
    a.clock.advance(2 * minute)
    b.clock.advance(2 * minute)
    expect(kidOf(await a.tokens.issue(grant))).toBe(kidOf(await b.tokens.issue(grant)))
    expect((await open(start)).ring.status()).toHaveLength(1)
  })

  test('takes the key that another made at a revocation', async () => {
    const open = processes()
    const a = await open(start)
    const b = await open(start)
    a.clock.advance(hour)
    b.clock.advance(hour - 50)
    await a.ring.revoke(String(activeKid(a.ring)))
    await b.ring.maintain()
    await a.ring.maintain()
    expect(activeKid(b.ring)).toBe(activeKid(a.ring))
  })

  test('revokes the only key without dating its successor before it', async () => {
    const open = processes()
    const a = await open(start)
    const b = await open(start - 50)
    await b.ring.revoke(String(activeKid(b.ring)))
    await a.ring.maintain()
    expect(activeKid(b.ring)).toBe(activeKid(a.ring))
    expect(a.ring.status().map((key) => key.activeFrom)).toEqual([start, start])
  })

  test('moves a pending key no further ahead than the keys before it', async () => {
    const open = processes()
    const a = await open(start)
    a.clock.at = start + 29 * day
    await a.ring.maintain()
    a.clock.at = start + 30 * day
    await a.ring.revoke(String(activeKid(a.ring)))
    const b = await open(start + 30 * day - 50)
    await b.ring.revoke(String(activeKid(b.ring)))
    await a.ring.maintain()
    expect(activeKid(b.ring)).toBe(activeKid(a.ring))
  })
})

describe('a ring whose store', () => {
  test('answers a later re-read late does not bring a revoked key back', async () => {
    const inner = memoryKeyRingStore()
    let hold: Promise<void> | undefined
    const store: KeyRingStore = {
      write: inner.write,
      async read() {
        const row = await inner.read()
        const held = hold
        hold = undefined
        await held
        return row
      },
    }
    const { ring, tokens } = await processes(store)(start)
    const kid = String(activeKid(ring))
    const revoked = ring.revoke(kid)
    let release: () => void = () => undefined
    hold = new Promise((resolve) => {
      release = resolve
    })
    const late = ring.maintain()
    await settled()
    release()
    await Promise.all([revoked, late])
    expect(ring.jwks().body).not.toContain(kid)
    expect(kidOf(await tokens.issue(grant))).not.toBe(kid)
  })

  test.each(['read', 'write'] as const)(
    'never answers a %s is unavailable after 5 s, and asked again',
    async (hanging) => {
      const inner = memoryKeyRingStore()
      let hangs = false
      const never = () => new Promise<never>(() => undefined)
      const store: KeyRingStore = {
        read: () => (hangs && hanging === 'read' ? never() : inner.read()),
        write: (body, expected) => (hangs && hanging === 'write' ? never() : inner.write(body, expected)),
      }
      const waiting = new Map<object, { readonly callback: () => void; readonly delayMs: number }>()
      const timers = {
        set(callback: () => void, delayMs: number) {
          const handle = {}
          waiting.set(handle, { callback, delayMs })
          return handle
        },
        clear: (handle: unknown) => void waiting.delete(handle as object),
      }
      /** Lets 5 s pass for whatever waits, until the call has its answer. */
      const answerOf = async <T>(call: Promise<T>): Promise<T> => {
        const answer = call.finally(() => {
          isAnswered = true
        })
        for (let isDue = false; !isAnswered; isDue = true) {
          await settled()
          if (isDue) for (const { callback, delayMs } of [...waiting.values()]) if (delayMs === 5_000) callback()
        }
        return answer
      }
      let isAnswered = false
      const clock = movingClock()
      const ring = await createKeyRing({ issuer, algorithm: 'ES256', store, sealer: gcmSealer(), clock, timers })
      const tokens = createIssuer({ issuer, keys: ring, clock })
      const kid = String(activeKid(ring))
      hangs = true
      expect(await answerOf(codeOfAsync(() => ring.revoke(kid)))).toBe('COFFER_JWT_STORE_UNAVAILABLE')
      if (hanging === 'read') {
        clock.advance(12 * hour)
        isAnswered = false
        expect(await answerOf(codeOfAsync(() => tokens.issue(grant)))).toBe('COFFER_JWT_KEY_RING_UNAVAILABLE')
      }
      hangs = false
      await ring.revoke(kid)
      expect(ring.jwks().body).not.toContain(kid)
      ring.close()
    },
  )
})

describe('a ring without timers', () => {
  test.each(['a token seen before', 'a new token'])('re-reads when %s is verified refreshMs later', async (kind) => {
    const open = processes()
    const a = await open(start)
    const b = await open(start)
    const verifier = createVerifier({
      issuers: [{ issuer, audience, algorithms: ['ES256'], keys: b.ring }],
      clock: b.clock,
    })
    const stolen = (await b.tokens.issue(grant)).toResponse().access_token
    const other = (await b.tokens.issue(grant)).toResponse().access_token
    verifier.verifySync(stolen)
    const kid = String(activeKid(a.ring))
    await a.ring.revoke(kid)
    const next = kind === 'a new token' ? other : stolen
    b.clock.advance(minute - 1)
    expect(verifier.verifySync(stolen).subject).toBe('user-1')
    await settled()
    expect(verifier.verifySync(stolen).subject).toBe('user-1')
    b.clock.advance(1)
    verifier.verifySync(next)
    await vi.waitFor(() => expect(b.ring.jwks().body).not.toContain(kid))
    expect(codeOf(() => verifier.verifySync(stolen))).toBe('COFFER_JWT_KEY_UNKNOWN')
  })

  test('re-reads also after its clock was set back', async () => {
    const open = processes()
    const a = await open(start)
    const b = await open(start)
    const kid = String(activeKid(a.ring))
    await a.ring.revoke(kid)
    b.clock.advance(-hour)
    expect(kidOf(await b.tokens.issue(grant))).not.toBe(kid)
  })
})
