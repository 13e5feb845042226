import type { Awaitable } from './awaitable.js'
import { type Backend, type BackendName, type Mac, selectBackend } from './backend.js'
import { fromBase64url, toBase64url } from './base64url.js'
import { equalBytes, utf8 } from './bytes.js'
import { FieldEncryptionError } from './errors.js'
import { headersOf } from './format.js'
import { checkKeyEncryptionKey, type KeyEncryptionKey } from './key-encryption-key.js'
import { checkRecords, checkValue, type DataKeyRecord, keyIdBytes } from './key-record.js'
import { type KeyringLimits, Ring, type RingKey, resolveLimits, Usage } from './key-use.js'
import {
  type Clock,
  checkedClock,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  type Mode,
  systemClock,
} from './options.js'
import { type IsLate, SingleFlight } from './single-flight.js'

/** A record without its key material, and what this process has encrypted with it. */
export interface DataKeyInfo extends Omit<DataKeyRecord, 'wrapped' | 'check'> {
  readonly messages: number
  readonly bytes: number
}

/** The unwrapped data keys of this process. */
export interface Keyring<M extends Mode = 'sync'> {
  readonly mode: M
  readonly backend: BackendName
  /** The key that encrypts now; null when none may. */
  readonly primaryKeyId: string | null
  readonly keys: readonly DataKeyInfo[]
  /** At once while the keys are fresh; starts a refresh past half of `maxAgeMs`, waits for it past `maxAgeMs`. */
  ready(): Promise<void>
  /**
   * Loads and unwraps anew, swapped in atomically; a failure keeps the old keys. `loadKeys` is asked after this call:
   * whoever calls while a load is under way shares the next one.
   */
  refresh(): Promise<void>
  /** The records with every data key under another KEK; the data is untouched. */
  rewrap(to: KeyEncryptionKey): Promise<readonly DataKeyRecord[]>
  /** Zeroes the keys. Later calls throw `COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE`. */
  close(): void
}

export interface KeyringOptions {
  /** One or more; a record names the one that opens it. */
  readonly keyEncryptionKeys: readonly KeyEncryptionKey[]
  /** Called at creation and at each refresh, which is given up after 30 s; at most 255 records. */
  readonly loadKeys: () => Promise<readonly DataKeyRecord[]>
  /** Default `'auto'`: node where the runtime has it, else noble. */
  readonly backend?: 'auto' | BackendName
  /** Lower versions are refused. Default 1. */
  readonly minDecryptVersion?: number
  readonly limits?: KeyringLimits
  readonly clock?: Clock
  /** Gets the code of a failed background refresh. */
  readonly onRefreshFailure?: (code: FieldEncryptionError['code']) => void
}

/** What ciphers and sealers of this package take from a keyring. */
export interface KeyringCore {
  readonly backend: Backend
  /** The keys to use for one call, all from the same load. `…_KEYRING_UNAVAILABLE` when they are too old. */
  use(): Ring
}

const cores = new WeakMap<object, KeyringCore>()

export function coreOf(keyring: unknown): KeyringCore {
  const core = typeof keyring === 'object' && keyring !== null ? cores.get(keyring) : undefined
  if (core === undefined) throw new TypeError('keyring must come from createKeyring of this copy of the package')
  return core
}

/**
 * Loads the key records and unwraps every data key that may be used. Sets no timer and draws no random bytes, so it may
 * stand at the top level of a module on every runtime; it waits for as long as `loadKeys` does.
 *
 * @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_KEYRING_INVALID`, `…_KEY_UNWRAP_FAILED`, `…_KEYRING_UNAVAILABLE`
 */
export function createKeyring(options: KeyringOptions & { readonly backend: 'webcrypto' }): Promise<Keyring<'async'>>
export function createKeyring(
  options: KeyringOptions & { readonly backend?: 'auto' | 'node' | 'noble' },
): Promise<Keyring<'sync'>>
export async function createKeyring(options: KeyringOptions): Promise<Keyring<Mode>> {
  checkOptions('createKeyring', options, [
    'keyEncryptionKeys',
    'loadKeys',
    'backend',
    'minDecryptVersion',
    'limits',
    'clock',
    'onRefreshFailure',
  ])
  const {
    keyEncryptionKeys,
    loadKeys,
    backend = 'auto',
    minDecryptVersion = 1,
    limits,
    clock: given = systemClock,
    onRefreshFailure,
  } = options
  if (!Array.isArray(keyEncryptionKeys) || keyEncryptionKeys.length === 0) {
    throw new TypeError('keyEncryptionKeys must hold at least one KeyEncryptionKey')
  }
  for (const kek of keyEncryptionKeys) checkKeyEncryptionKey('keyEncryptionKeys', kek)
  checkFunction('loadKeys', loadKeys)
  checkOneOf('backend', backend, ['auto', 'node', 'noble', 'webcrypto'])
  checkInteger('minDecryptVersion', minDecryptVersion, 1, 255)
  const clock = checkedClock('clock', given)
  if (onRefreshFailure !== undefined) checkFunction('onRefreshFailure', onRefreshFailure)
  const store = new KeyStore({
    keks: new Map(keyEncryptionKeys.map((kek) => [kek.id, kek])),
    loadKeys,
    backend: selectBackend(backend),
    minDecryptVersion,
    limits: resolveLimits(limits),
    clock,
    onRefreshFailure,
  })
  await store.open()
  return publish(store)
}

function publish(store: KeyStore): Keyring<Mode> {
  const keyring: Keyring<Mode> = Object.freeze({
    mode: store.settings.backend.mode,
    backend: store.settings.backend.name,
    get primaryKeyId() {
      return store.primaryKeyId()
    },
    get keys() {
      return store.describe()
    },
    ready: () => store.ready(),
    refresh: () => store.refresh(),
    rewrap: (to: KeyEncryptionKey) => store.rewrap(to),
    close: () => store.close(),
  })
  cores.set(keyring, { backend: store.settings.backend, use: () => store.use() })
  return keyring
}

/** A minute, at the default of an hour. */
const retriesInMaxAge = 60

interface Settings {
  readonly keks: ReadonlyMap<string, KeyEncryptionKey>
  readonly loadKeys: () => Promise<readonly DataKeyRecord[]>
  readonly backend: Backend
  readonly minDecryptVersion: number
  readonly limits: Required<KeyringLimits>
  readonly clock: Clock
  readonly onRefreshFailure: ((code: FieldEncryptionError['code']) => void) | undefined
}

class KeyStore {
  readonly settings: Settings
  readonly #usage = new Map<string, Usage>()
  #records: readonly DataKeyRecord[] = []
  #ring: Ring | null = null
  #loadedAt = 0
  /** Milliseconds that have passed by the clock: setting it back takes none of them away, and those after it count. */
  #passed = 0
  #lastSeen: number
  readonly #loads: SingleFlight = new SingleFlight((isLate) => this.#load(isLate))
  /** After a failed background refresh the next one waits: a KMS that is down is not asked at every request. */
  #retryAt = 0
  #closed = false

  constructor(settings: Settings) {
    this.settings = settings
    this.#lastSeen = settings.clock.now()
  }

  /** The first load has no limit of its own: workerd refuses a timer at the top level of a module. */
  open(): Promise<void> {
    return this.#load(() => false)
  }

  use(): Ring {
    const age = this.#age()
    const ring = this.#ring
    if (this.#closed || ring === null || age > this.settings.limits.maxAgeMs) throw unavailable()
    if (age > this.settings.limits.maxAgeMs / 2) this.#refreshInBackground()
    return ring
  }

  async ready(): Promise<void> {
    if (this.#closed) throw unavailable()
    const age = this.#age()
    if (age > this.settings.limits.maxAgeMs) await this.#loads.join()
    else if (age > this.settings.limits.maxAgeMs / 2) this.#refreshInBackground()
  }

  refresh(): Promise<void> {
    return this.#closed ? Promise.reject(unavailable()) : this.#loads.fresh()
  }

  primaryKeyId(): string | null {
    return this.#ring?.primaryAt(this.settings.clock.now())?.record.id ?? null
  }

  describe(): readonly DataKeyInfo[] {
    return this.#records.map(({ wrapped: _wrapped, check: _check, ...info }) => {
      const usage = this.#usageOf(info.id)
      return Object.freeze({ ...info, messages: usage.messages, bytes: usage.bytes })
    })
  }

  async rewrap(to: KeyEncryptionKey): Promise<readonly DataKeyRecord[]> {
    checkKeyEncryptionKey('to', to)
    if (this.#closed) throw unavailable()
    const rewrapped: DataKeyRecord[] = []
    for (const record of this.#records) rewrapped.push(await this.#rewrapOne(record, to))
    return checkRecords(rewrapped)
  }

  close(): void {
    this.#closed = true
    this.#ring?.destroy()
    this.#ring = null
    this.#records = []
  }

  #age(): number {
    return this.#elapse() - this.#loadedAt
  }

  #elapse(): number {
    const now = this.settings.clock.now()
    if (now > this.#lastSeen) this.#passed += now - this.#lastSeen
    this.#lastSeen = now
    return this.#passed
  }

  #refreshInBackground(): void {
    if (this.#loads.busy || this.#passed < this.#retryAt) return
    const told = this.#loads.join().catch((error: unknown): unknown => {
      this.#retryAt = this.#passed + this.settings.limits.maxAgeMs / retriesInMaxAge
      const code = error instanceof FieldEncryptionError ? error.code : unavailable().code
      return this.settings.onRefreshFailure?.(code)
    })
    // Nobody awaits a background refresh: a hook that throws or rejects must not end the process.
    told.catch(() => {})
  }

  async #load(isLate: IsLate): Promise<void> {
    // Age counts from before the load: what is loaded may be as old as the moment it was asked for.
    const startedAt = this.#elapse()
    const records = checkRecords(await this.#loadRecords())
    const keys = await Promise.all(records.map((record) => this.#unwrap(record)))
    if (this.#closed || isLate()) {
      for (const key of keys) key?.dataKey.destroy()
      throw unavailable()
    }
    const previous = this.#ring
    const { backend, limits, clock } = this.settings
    this.#ring = new Ring({ backend, limits, clock, keys: keys.filter((key) => key !== null), records })
    this.#records = records
    this.#loadedAt = startedAt
    // A batch of the async backend may still be using the ring it began with; its keys are not ours to zero anyway.
    if (backend.mode === 'sync') previous?.destroy()
  }

  async #loadRecords(): Promise<unknown> {
    try {
      return await this.settings.loadKeys()
    } catch {
      // The cause may hold a connection string; the application sees its own failure in its own loadKeys.
      throw unavailable()
    }
  }

  async #unwrap(record: DataKeyRecord): Promise<RingKey | null> {
    const mayDecrypt = record.state === 'active' || record.state === 'decrypt-only'
    if (!mayDecrypt || record.version < this.settings.minDecryptVersion) return null
    const bytes = await this.#unwrapBytes(record)
    const dataKey = await this.#importChecked(bytes, record)
    return { record, headers: headersOf(keyIdBytes(record.id)), dataKey, usage: this.#usageOf(record.id) }
  }

  async #unwrapBytes(record: DataKeyRecord): Promise<Uint8Array> {
    const kek = this.settings.keks.get(record.keyEncryptionKeyId)
    const wrapped = fromBase64url(record.wrapped)
    if (kek === undefined || wrapped === null) throw unwrapFailed(record)
    let bytes: unknown
    try {
      bytes = await kek.unwrap(wrapped, { keyId: record.id, version: record.version })
    } catch {
      // What a KMS says of itself stays with it.
      throw unwrapFailed(record)
    }
    if (!(bytes instanceof Uint8Array) || bytes.length !== 32) throw unwrapFailed(record)
    return bytes
  }

  /** Key wrap binds no context: the check value ties the unwrapped key to its own record. */
  async #importChecked(bytes: Uint8Array, record: DataKeyRecord): Promise<Mac> {
    const dataKey = await this.settings.backend.importMac(bytes)
    bytes.fill(0)
    const check: Awaitable<string> = checkValue(dataKey, record)
    if (equalBytes(utf8(await check), utf8(record.check))) return dataKey
    dataKey.destroy()
    throw unwrapFailed(record)
  }

  async #rewrapOne(record: DataKeyRecord, to: KeyEncryptionKey): Promise<DataKeyRecord> {
    if (record.state === 'destroyed') return record
    const bytes = await this.#unwrapBytes(record)
    try {
      const copy = Uint8Array.from(bytes)
      const dataKey = await this.#importChecked(copy, record)
      dataKey.destroy()
      const wrapped = await to.wrap(bytes, { keyId: record.id, version: record.version })
      return { ...record, keyEncryptionKeyId: to.id, wrapped: toBase64url(wrapped) }
    } finally {
      bytes.fill(0)
    }
  }

  #usageOf(id: string): Usage {
    const known = this.#usage.get(id)
    if (known !== undefined) return known
    const usage = new Usage()
    this.#usage.set(id, usage)
    return usage
  }
}

function unavailable(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEYRING_UNAVAILABLE')
}

function unwrapFailed(record: DataKeyRecord): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED', { keyId: record.id })
}
