import { CompactSign } from 'jose'
import type { SignatureAlgorithm } from '../algorithms.js'
import { DeadlinePassed, withDeadline } from '../deadline.js'
import { isJwtError, JwtError } from '../errors.js'
import type { KeySet, PreparedKey } from '../key-set.js'
import { type KeySource, type KeySourceState, keySource } from '../key-source.js'
import type { Sealer } from '../sealer.js'
import { corrupt, formatRing, type KeyRecord, parseRing, type RingRecord } from './key-record.js'
import { type KeyRingOptions, type RingConfig, readKeyRingOptions } from './key-ring-options.js'
import { type KeyState, placeKeys } from './key-states.js'
import { evolveRing, type FreshKey, type RingChange, revokeKey } from './ring-changes.js'
import { generateKey, openKey, prepareKey } from './signing-keys.js'

/** One key, as {@link KeyRing.status} tells it. Times are epoch ms. */
export interface KeyStatus {
  readonly kid: string
  readonly state: KeyState
  readonly activeFrom: number
  readonly retiredFrom: number | undefined
}

/** A JWKS as it goes over HTTP. */
export interface JwksDocument {
  readonly body: string
  readonly headers: Readonly<Record<'content-type' | 'cache-control' | 'etag', string>>
}

/** Key of what an issuer takes from a ring; not exported from the package. */
export const ringSigner: unique symbol = Symbol('coffer.jwt.ringSigner')

/** What an issuer takes from a ring. */
export interface RingSigner {
  readonly issuer: string
  readonly accessTtlMs: number
  readonly algorithm: SignatureAlgorithm
  /** Characters of the longest signature. */
  readonly signatureChars: number
  sign(payload: Uint8Array): Promise<string>
}

/** The signing keys of one issuer, over any number of processes. A verifier in the same process takes it as `keys`. */
export interface KeyRing extends KeySource {
  readonly [ringSigner]: RingSigner
  /**
   * The public keys as a document: pending, active and retiring ones.
   *
   * @throws {JwtError} `COFFER_JWT_KEY_RING_UNAVAILABLE`: the store was not read for `publishAheadMs / 2`. Answer 503,
   *   so that verifiers keep what they have.
   */
  jwks(): JwksDocument
  status(): readonly KeyStatus[]
  /**
   * Creates, erases and re-reads what is due; idempotent.
   *
   * @throws {JwtError} `COFFER_JWT_STORE_UNAVAILABLE`, `COFFER_JWT_KEY_RING_CORRUPT`, `COFFER_JWT_KEY_RING_UNAVAILABLE`
   */
  maintain(): Promise<void>
  /**
   * Takes a compromised key out of the JWKS now; the pending key, or a new one, signs from now on. Verifiers elsewhere
   * trust the old key until they fetch: revoke the issuer to end its tokens at once.
   *
   * @throws {TypeError} No such key.
   */
  revoke(kid: string): Promise<void>
  close(): void
}

/**
 * Opens the key ring of an issuer, and makes its first key where the store has none. Keys rotate by themselves: each is
 * published before it signs and stays published until its last token has expired; private keys leave sealed only.
 *
 * @throws {TypeError} A missing, unknown or mistyped option. @throws {RangeError} One out of range.
 * @throws {JwtError} As `maintain`.
 * @example
 * const ring = await createKeyRing({ issuer, algorithm: 'ES256', store: memoryKeyRingStore(), sealer })
 */
export async function createKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const ring = new Ring(readKeyRingOptions(options))
  await ring.maintain()
  ring.start()
  return ring
}

/** The record as one process holds it. */
interface Loaded {
  readonly record: RingRecord
  /** The text it was read from, or written as. */
  readonly body: string
  readonly readAt: number
}

class Ring implements KeyRing {
  readonly #config: RingConfig
  readonly #private = new Map<string, CryptoKey>()
  readonly #prepared = new Map<string, PreparedKey>()
  #loaded: Loaded | undefined
  #running: Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()
  #attemptAt = Number.NEGATIVE_INFINITY
  #set: KeySet | undefined
  #setUntil = Number.NEGATIVE_INFINITY
  /** Until when a verifier need not ask: no key retires and no re-read is due before it. */
  #quietUntil = Number.NEGATIVE_INFINITY
  #isClosed = false
  #corrupt = false
  #timer: unknown

  readonly #sealer: Sealer

  constructor(config: RingConfig) {
    this.#config = config
    const { sealer } = config
    this.#sealer = {
      encrypt: (plaintext, data) => this.#inTime(() => sealer.encrypt(plaintext, data)),
      decrypt: (ciphertext, data) => this.#inTime(() => sealer.decrypt(ciphertext, data)),
    }
  }

  get [keySource](): KeySourceState {
    return this.#source
  }

  readonly #source: KeySourceState = {
    usable: (now) => this.#usable(now),
    usableUntil: () => this.#quietUntil,
    refuse: (now) => this.#refusal(now),
    load: () => this.#reload(),
    // Another process may have published a key since; a key is known a day before it signs, so this is rare.
    loadUnknown: (_kid, now) => (this.#isReadDue(now, 5_000) ? this.#maintainQuietly() : undefined),
  }

  get [ringSigner](): RingSigner {
    const { issuer, accessTtlMs, algorithm, spec } = this.#config
    const bytes = spec.signatureBytes ?? 256
    return {
      issuer,
      accessTtlMs,
      algorithm,
      signatureChars: Math.ceil((bytes * 4) / 3),
      sign: (payload) => this.#sign(payload),
    }
  }

  jwks(): JwksDocument {
    const now = this.#config.clock.now()
    // Every copy that is handed out is trusted for another max-age: also by those who could ask a better process.
    if (this.#isLost(now)) {
      if (this.#isReadDue(now)) void this.#maintainQuietly()
      throw new JwtError('COFFER_JWT_KEY_RING_UNAVAILABLE')
    }
    const keys = this.#placed(now).filter((key) => key.state !== 'retired')
    const alg = this.#config.algorithm
    const listed = keys.map(({ record: { jwk, kid } }) => ({ ...jwk, kid, use: 'sig', alg }))
    return {
      body: JSON.stringify({ keys: listed }),
      headers: {
        'content-type': 'application/jwk-set+json',
        'cache-control': `public, max-age=${Math.floor(this.#config.jwksMaxAgeMs / 1_000)}`,
        // Each kid is the SHA-256 thumbprint of its key: together they say all that the body does.
        etag: `"${keys.map((key) => key.record.kid).join('.')}"`,
      },
    }
  }

  status(): readonly KeyStatus[] {
    return this.#placed(this.#config.clock.now()).map(({ record, state, retiredFrom }) => {
      return Object.freeze({ kid: record.kid, state, activeFrom: record.activeFrom, retiredFrom })
    })
  }

  maintain(): Promise<void> {
    this.#running ??= this.#inTurn((record, now, fresh) => evolveRing(record, now, fresh, this.#config)).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async revoke(kid: string): Promise<void> {
    await this.#inTurn((record, now, fresh) => revokeKey(record, kid, now, fresh, this.#config.accessTtlMs))
  }

  close(): void {
    this.#isClosed = true
    this.#config.timers?.clear(this.#timer)
    this.#timer = undefined
  }

  /** Reads the store again by timer, until closed. */
  start(): void {
    const { timers, refreshMs } = this.#config
    if (timers === null) return
    this.#timer = timers.set(() => {
      void this.#maintainQuietly()
      this.start()
    }, refreshMs)
  }

  /** Also after the clock was set back: until it is where it was, nothing would be due. */
  #isReadDue(now: number, pauseMs = this.#config.refreshMs): boolean {
    return now - this.#attemptAt >= pauseMs || now < this.#attemptAt
  }

  /**
   * Whether the record is too old to rest on: a key that was revoked elsewhere would live on here for as long as the
   * store does not answer.
   */
  #isLost(now: number): boolean {
    return this.#loaded === undefined || now - this.#loaded.readAt >= this.#config.publishAheadMs / 2
  }

  #refusal(now: number): JwtError<'COFFER_JWT_KEYS_NOT_READY' | 'COFFER_JWT_KEYS_UNAVAILABLE'> {
    if (this.#running !== undefined) return new JwtError('COFFER_JWT_KEYS_NOT_READY')
    const retryAfterMs = Math.max(0, this.#attemptAt + this.#config.refreshMs - now)
    return new JwtError('COFFER_JWT_KEYS_UNAVAILABLE', { retryAfterMs })
  }

  /** Waits for the re-read that is due or under way; one that failed is not tried again before its time. */
  async #reload(): Promise<void> {
    const { clock } = this.#config
    if (this.#running !== undefined || this.#isReadDue(clock.now())) await this.#maintainQuietly()
    const now = clock.now()
    if (this.#usable(now) === undefined) throw this.#refusal(now)
  }

  /** A failed re-read is no failure of its caller: how old the record may grow is judged where it is used to sign. */
  #maintainQuietly(): Promise<void> {
    return this.maintain().catch(() => undefined)
  }

  async #sign(payload: Uint8Array): Promise<string> {
    const { clock, algorithm } = this.#config
    if (this.#isReadDue(clock.now())) await this.#maintainQuietly()
    const now = clock.now()
    if (this.#corrupt) throw corrupt()
    const active = this.#placed(now).find((key) => key.state === 'active')
    const key = active === undefined ? undefined : this.#private.get(active.record.kid)
    if (this.#isLost(now) || active === undefined || key === undefined)
      throw new JwtError('COFFER_JWT_KEY_RING_UNAVAILABLE')
    const header = { alg: algorithm, kid: active.record.kid, typ: 'at+jwt' }
    return new CompactSign(payload).setProtectedHeader(header).sign(key)
  }

  #placed(now: number): ReturnType<typeof placeKeys> {
    return placeKeys(this.#loaded?.record.keys ?? [], this.#config.accessTtlMs, now)
  }

  #usable(now: number): KeySet | undefined {
    const isIdle = this.#running === undefined && !this.#isClosed
    if (isIdle && this.#isReadDue(now)) void this.#maintainQuietly()
    if (now >= this.#setUntil) this.#buildSet(now)
    const { refreshMs, publishAheadMs } = this.#config
    const lostFrom = (this.#loaded?.readAt ?? Number.NEGATIVE_INFINITY) + publishAheadMs / 2
    this.#quietUntil = Math.min(this.#setUntil, this.#attemptAt + refreshMs, lostFrom)
    return this.#isLost(now) ? undefined : this.#set
  }

  /** The verifying half: what the JWKS lists, until the next key retires. */
  #buildSet(now: number): void {
    const placed = this.#placed(now)
    const listed = new Map(placed.filter((key) => key.state !== 'retired').map((key) => [key.record.kid, key]))
    for (const [kid, key] of this.#prepared) {
      if (listed.has(kid)) continue
      key.epoch++
      this.#prepared.delete(kid)
    }
    for (const [kid, { record }] of listed) {
      if (!this.#prepared.has(kid)) this.#prepared.set(kid, prepareKey(record, this.#config.algorithm))
    }
    const retirements = [...listed.values()].flatMap((key) => (key.retiredFrom === undefined ? [] : [key.retiredFrom]))
    this.#setUntil = Math.min(Number.POSITIVE_INFINITY, ...retirements)
    this.#quietUntil = Math.min(this.#quietUntil, this.#setUntil)
    this.#set =
      this.#prepared.size === 0 ? undefined : { byKid: new Map(this.#prepared), usable: [...this.#prepared.values()] }
  }

  /** One change after the other: a slow one must not bring back the record that it had read before a revocation. */
  #inTurn(change: RingChange): Promise<void> {
    const turn = this.#last.then(() => this.#update(change))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Read, change, write by compare-and-swap; then open what was read. */
  async #update(change: RingChange): Promise<void> {
    const { store, clock, issuer, algorithm, spec } = this.#config
    const fresh = this.#freshKey()
    this.#attemptAt = clock.now()
    for (let attempt = 0; attempt < 8; attempt++) {
      const now = clock.now()
      const stored = await this.#asStoreCall(() => store.read())
      const record = await this.#recordOf(stored?.body)
      const changed = await change(record ?? { issuer, algorithm: spec.name, revision: 0, keys: [] }, now, fresh)
      if (stored !== undefined && changed === record) return this.#load(record, stored.body, now)
      const written = { ...changed, revision: changed.revision + 1 }
      const body = await this.#format(written)
      if (await this.#asStoreCall(() => store.write(body, stored?.version))) return this.#load(written, body, now)
    }
    throw new JwtError('COFFER_JWT_STORE_UNAVAILABLE', { message: `the key ring of ${algorithm} changes too often` })
  }

  /** What the store holds; undefined where no ring was ever written. */
  async #recordOf(body: string | undefined): Promise<RingRecord | undefined> {
    const known = this.#loaded
    if (body === undefined && known === undefined) return undefined
    if (body !== undefined && body === known?.body) return known.record
    try {
      if (body === undefined) throw corrupt()
      const record = await parseRing(body, this.#config.issuer, this.#config.spec.name, this.#sealer)
      // Authentic, but not newer than what this process knows: an earlier record would bring revoked keys back.
      if (known !== undefined && record.revision <= known.record.revision) throw corrupt()
      return record
    } catch (error) {
      throw this.#refused(error)
    }
  }

  async #format(record: RingRecord): Promise<string> {
    try {
      return await formatRing(record, this.#sealer)
    } catch {
      throw new JwtError('COFFER_JWT_KEY_RING_UNAVAILABLE')
    }
  }

  /** A sealer that does not answer says nothing of the record; any other failure to read it makes it corrupt. */
  #refused(error: unknown): JwtError {
    if (error instanceof DeadlinePassed) return new JwtError('COFFER_JWT_KEY_RING_UNAVAILABLE')
    this.#corrupt = true
    return isJwtError(error) ? error : corrupt()
  }

  #inTime<T>(call: () => T | Promise<T>): Promise<T> {
    return withDeadline(call, this.#config.callTimeoutMs, this.#config.timers)
  }

  /** What a store throws is its own; the caller gets a code, and nothing that could hold a secret. */
  async #asStoreCall<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.#inTime(call)
    } catch {
      throw new JwtError('COFFER_JWT_STORE_UNAVAILABLE')
    }
  }

  /** Makes at most one key however often a write is retried. */
  #freshKey(): FreshKey {
    let made: Promise<Omit<KeyRecord, 'activeFrom'>> | undefined
    return async (activeFrom) => {
      made ??= generateKey(this.#config, this.#sealer)
      return { ...(await made), activeFrom }
    }
  }

  async #load(record: RingRecord, body: string, now: number): Promise<void> {
    const opened = new Map<string, CryptoKey>()
    try {
      for (const key of record.keys) {
        if (key.sealed === undefined || key.revoked) continue
        opened.set(key.kid, this.#private.get(key.kid) ?? (await openKey(key, key.sealed, this.#config, this.#sealer)))
      }
    } catch (error) {
      throw this.#refused(error)
    }
    this.#private.clear()
    for (const [kid, key] of opened) this.#private.set(kid, key)
    this.#corrupt = false
    this.#loaded = { record, body, readAt: now }
    this.#buildSet(now)
  }
}
