import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createRevocationIndex, createVerifier } from '@coffer/jwt'
import {
  createIssuer,
  createKeyRing,
  type Grant,
  memoryKeyRingStore,
  memoryRefreshStore,
  type Sealer,
} from '@coffer/jwt/issue'
import { audience, issuer, start } from '../support.js'

export const hour = 3_600_000
export const day = 24 * hour

/** A clock that a test moves. */
export function movingClock(now = start) {
  return {
    at: now,
    now(): number {
      return this.at
    },
    advance(ms: number): void {
      this.at += ms
    },
  }
}

/** AES-256-GCM under one key. */
export function gcmSealer(key: Uint8Array = randomBytes(32)): Sealer {
  return {
    encrypt(plaintext, associatedData) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associatedData)
      return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    },
    decrypt(ciphertext, associatedData) {
      const bytes = Buffer.from(ciphertext)
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(associatedData)
      decipher.setAuthTag(bytes.subarray(-16))
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
    },
  }
}

export const grant: Grant = {
  subject: 'user-1',
  clientId: 'web',
  audience,
  scope: ['payments:read', 'payments:create'],
  claims: { tenant: 't-1' },
}

export const secret = new Uint8Array(32).fill(7)

/** Ring, issuer, index and verifier over memory stores and one clock. */
export async function issuing(
  options: { readonly retryWindowMs?: number; readonly secret?: readonly Uint8Array[] } = {},
) {
  const clock = movingClock()
  const events: { readonly type: string }[] = []
  const ring = await createKeyRing({
    issuer,
    algorithm: 'ES256',
    store: memoryKeyRingStore(),
    sealer: gcmSealer(),
    clock,
    timers: null,
  })
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
  const store = memoryRefreshStore({ max: 1_000, clock })
  const tokens = createIssuer({
    issuer,
    keys: ring,
    revocation,
    clock,
    refresh: { store, secret, ...options },
    onEvent: (event) => events.push(event),
  })
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: ['ES256'], keys: ring }],
    revocation,
    clock,
  })
  return { clock, ring, revocation, store, tokens, verifier, events }
}

/** The refresh token of a response; a response without one is an error of the test. */
export function refreshTokenOf(issued: { toResponse(): { readonly refresh_token?: string } }): string {
  const { refresh_token } = issued.toResponse()
  if (refresh_token === undefined) throw new Error('no refresh token')
  return refresh_token
}
