import { type Clock, elapsedMs, instantOf } from '@coffer/lease'
import type { Exchange } from './exchange.js'
import { refusal } from './exchange.js'
import type { LoginStep } from './grant.js'
import { formatParts } from './key.js'
import { openSecret, SecretUnavailable } from './secret.js'
import type { Snapshot, TokenStore } from './store.js'
import { isFields } from './token-response.js'

/** What a login is limited by. */
export interface LoginLimit {
  readonly store: TokenStore
  /** A text to the key of a record: its digest in a store that others see. */
  readonly recordKey: (text: string) => string | Promise<string>
  readonly owner: string
  readonly loginIntervalMs: number
  readonly loginHoldMs: number
  readonly loginQueue: LoginQueue
  readonly busyWaitMs: number
  readonly clock: Clock
  readonly sleep: (ms: number) => Promise<void>
  /** Throws when the key's own lease is another's by now. */
  readonly beforeSending: () => Promise<void>
}

/** The logins of this process that wait for one credential: the last of each line. */
export type LoginQueue = Map<string, Promise<unknown>>

const rejected = 'COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED'
const unavailable = 'COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE'
const busy = refusal('COFFER_TOKEN_CACHE_BUSY', 'kept', 'nothing')

/**
 * One login, unless one for this key may have been processed within `loginIntervalMs`, or the credential was refused
 * and has not changed since: a fleet that repeats a wrong password locks the account.
 *
 * Two records of their own: one of the key's logins, whose intent is the last login that may have been processed, and
 * one of the credential, whose body says that it was refused. Both are leased inside the key's own lease.
 */
export async function limitedLogin(
  limit: LoginLimit,
  key: string,
  step: LoginStep,
  send: (credential: string) => Promise<Exchange>,
): Promise<Exchange> {
  const { store, recordKey } = limit
  let secret: Awaited<ReturnType<typeof openSecret>>
  try {
    secret = await openSecret(step.credential)
  } catch (error) {
    if (!(error instanceof SecretUnavailable)) throw error
    return refusal('COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE', 'kept', 'nothing')
  }
  const credentialKey = await recordKey(credentialText(step))
  const loginKey = await recordKey(`ll1${formatParts([key, step.identity])}`)
  return await inTurn(limit.loginQueue, credentialKey, async () => {
    const ttlMs = step.timeoutMs + 5_000
    const credential = await acquirePatiently(limit, credentialKey, ttlMs)
    if (credential === undefined) return busy
    try {
      if (holdLeft(credential, secret.version, limit.loginHoldMs) > 0) return refusal(rejected, 'kept', 'grant')
      const held = (): Promise<boolean> => store.renew(credentialKey, credential.fence, ttlMs)
      const exchange = await spacedLogin(limit, loginKey, ttlMs, held, () => send(secret.text))
      if (exchange.kind === 'refused' && exchange.code === rejected && !isAboutClient(exchange.oauthError)) {
        await noted(
          store.commit(credentialKey, credential.fence, credential.generation + 1, formatRefused(secret.version)),
        )
      } else if (
        exchange.kind === 'granted' &&
        credential.body !== undefined &&
        parseRefused(credential.body).refused
      ) {
        await noted(store.commit(credentialKey, credential.fence, credential.generation + 1, formatAccepted()))
      }
      return exchange
    } finally {
      await noted(store.release(credentialKey, credential.fence, { intent: 'keep', holdMs: 0 }))
    }
  })
}

function isAboutClient(oauthError: string | undefined): boolean {
  return oauthError === 'invalid_client' || oauthError === 'unauthorized_client'
}

/** One login per key and interval: the intent of the record is the last login that may have been processed. */
async function spacedLogin(
  { store, owner, loginIntervalMs, beforeSending }: LoginLimit,
  loginKey: string,
  ttlMs: number,
  held: () => Promise<boolean>,
  send: () => Promise<Exchange>,
): Promise<Exchange> {
  const login = await store.acquire(loginKey, owner, ttlMs)
  if (login === undefined) return busy
  let intent: 'keep' | 'clear' = 'keep'
  try {
    const waitMs = login.intent === undefined ? 0 : loginIntervalMs - login.intent.ageMs
    if (waitMs > 0) return refusal(unavailable, 'kept', 'nothing', { retryAfterMs: waitMs, reason: 'held-back' })
    if (!(await store.intend(loginKey, login.fence, { digest: 'login', attempt: 1 }))) return busy
    intent = 'clear'
    // Looked at after the intent: a process that was stopped while it wrote it must not log in beyond its leases.
    await beforeSending()
    if (!(await held())) return busy
    intent = 'keep'
    const exchange = await send()
    if (exchange.kind === 'refused' && exchange.sent === 'kept') intent = 'clear'
    return exchange
  } finally {
    await noted(store.release(loginKey, login.fence, { intent, holdMs: 0 }))
  }
}

// What the issuer answered outweighs a store that fails afterwards: a token in hand is not thrown away for a note.
async function noted(writing: Promise<unknown>): Promise<void> {
  try {
    await writing
  } catch {
    // The intent stands, so no login is repeated before its interval; the lease lapses by itself.
  }
}

async function inTurn<T>(queue: LoginQueue, key: string, work: () => Promise<T>): Promise<T> {
  const before = queue.get(key) ?? Promise.resolve()
  const mine = before.then(work, work)
  queue.set(key, mine)
  try {
    return await mine
  } finally {
    if (queue.get(key) === mine) queue.delete(key)
  }
}

/** Keys that share a credential log in one after the other, so that a wrong password is presented once. */
async function acquirePatiently(limit: LoginLimit, key: string, ttlMs: number): Promise<Snapshot | undefined> {
  const since = instantOf(limit.clock)
  for (;;) {
    const snapshot = await limit.store.acquire(key, limit.owner, ttlMs)
    if (snapshot !== undefined || elapsedMs(since, instantOf(limit.clock)) >= limit.busyWaitMs) return snapshot
    await limit.sleep(100)
  }
}

/** The text of a credential's record. Every key that logs in with it shares the record. */
export function credentialText(step: LoginStep): string {
  return `lc1${formatParts([step.issuer, step.subject, step.identity])}`
}

/** The record keys that belong to one key alone, for a cache that forgets it. */
export function loginRecordTexts(key: string, steps: readonly LoginStep[]): readonly string[] {
  return steps.map((step) => `ll1${formatParts([key, step.identity])}`)
}

function holdLeft({ body, ageMs }: Snapshot, version: string | undefined, loginHoldMs: number): number {
  if (body === undefined) return 0
  const last = parseRefused(body)
  if (!last.refused) return 0
  // A version says whether the credential is still the one refused; without one, only time can.
  if (version !== undefined && last.version !== undefined)
    return version === last.version ? Number.POSITIVE_INFINITY : 0
  return loginHoldMs - ageMs
}

function formatRefused(version: string | undefined): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: 1, refused: true, ...(version !== undefined && { version }) }))
}

function formatAccepted(): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: 1, refused: false }))
}

// A record that does not parse holds the credential back: the safe reading of the two.
function parseRefused(bytes: Uint8Array): { readonly refused: boolean; readonly version: string | undefined } {
  try {
    const members: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (isFields(members) && members['v'] === 1) {
      const { refused, version } = members
      return { refused: refused !== false, version: typeof version === 'string' ? version : undefined }
    }
  } catch {
    // Read as refused below.
  }
  return { refused: true, version: undefined }
}
