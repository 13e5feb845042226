import { type Awaitable, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { ColumnKeys, deriveColumnKey } from './column-keys.js'
import { columnKey } from './context.js'
import { FieldEncryptionError } from './errors.js'
import type { SuiteHeaders } from './format.js'
import type { DataKeyRecord } from './key-record.js'
import { MacInput } from './mac-input.js'
import { type Clock, checkInteger, checkOptions } from './options.js'
import { MessageSecrets } from './secrets.js'

export interface KeyringLimits {
  /** ms after which unwrapped keys are not used; default 3 600 000, from 60 000 to 86 400 000. */
  readonly maxAgeMs?: number
  /** Encryptions per data key in this process; default 2^40, at most 2^48. */
  readonly maxMessages?: number
  /** Plaintext bytes per data key in this process; default 2^50, at most 2^53 - 1. */
  readonly maxBytes?: number
  /** Columns whose derived keys are kept, per data key and tenant, least recently used out first; default 4096. */
  readonly maxColumnKeys?: number
}

export function resolveLimits(limits: KeyringLimits = {}): Required<KeyringLimits> {
  checkOptions('limits', limits, ['maxAgeMs', 'maxMessages', 'maxBytes', 'maxColumnKeys'])
  const { maxAgeMs = 3_600_000, maxMessages = 2 ** 40, maxBytes = 2 ** 50, maxColumnKeys = 4096 } = limits
  return Object.freeze({
    maxAgeMs: checkInteger('limits.maxAgeMs', maxAgeMs, 60_000, 86_400_000),
    maxMessages: checkInteger('limits.maxMessages', maxMessages, 1, 2 ** 48),
    maxBytes: checkInteger('limits.maxBytes', maxBytes, 1, Number.MAX_SAFE_INTEGER),
    maxColumnKeys: checkInteger('limits.maxColumnKeys', maxColumnKeys, 1, 1_000_000),
  })
}

/** What this process has encrypted under one data key. Survives a refresh of the ring. */
export class Usage {
  messages = 0
  bytes = 0
}

export interface RingKey {
  readonly record: DataKeyRecord
  readonly headers: SuiteHeaders
  readonly dataKey: Mac
  readonly usage: Usage
}

/** The data keys of one load. A call takes one ring and keeps it, so that a batch never mixes two loads. */
export class Ring {
  /** Where the HMAC inputs of this ring's keys are put together. */
  readonly input: MacInput = new MacInput()
  readonly #secrets: MessageSecrets = new MessageSecrets()
  readonly #backend: Backend
  readonly #limits: Required<KeyringLimits>
  readonly #clock: Clock
  readonly #byId = new Map<string, RingKey>()
  readonly #known: ReadonlySet<string>
  /** Active keys, highest version first. */
  readonly #active: readonly RingKey[]
  readonly #columnKeys = new Map<string, ColumnKeys>()

  constructor(options: {
    readonly backend: Backend
    readonly limits: Required<KeyringLimits>
    readonly clock: Clock
    readonly keys: readonly RingKey[]
    readonly records: readonly DataKeyRecord[]
  }) {
    const { backend, limits, clock, keys, records } = options
    this.#backend = backend
    this.#limits = limits
    this.#clock = clock
    for (const key of keys) this.#byId.set(key.record.id, key)
    this.#known = new Set(records.map((record) => record.id))
    this.#active = keys
      .filter((key) => key.record.state === 'active')
      .sort((a, b) => b.record.version - a.record.version)
  }

  /** For one message: the same ones again where it is done before the next begins. */
  get secrets(): MessageSecrets {
    return this.#backend.mode === 'sync' ? this.#secrets : new MessageSecrets()
  }

  has(keyId: string): boolean {
    return this.#known.has(keyId)
  }

  /** The newest active key that has begun and not ended; never an older one in its place (PCI DSS 3.7.5). */
  primaryAt(now: number): RingKey | null {
    for (const key of this.#active) {
      if (key.record.activeFrom <= now) return now >= key.record.activeUntil ? null : key
    }
    return null
  }

  /** The key to encrypt with; counts one message of `bytes` against its limits. */
  forEncrypt(bytes: number): RingKey {
    const key = this.primaryAt(this.#clock.now())
    if (key === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_EXPIRED')
    const { usage, record } = key
    if (usage.messages >= this.#limits.maxMessages || usage.bytes + bytes > this.#limits.maxBytes) {
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_EXHAUSTED', { keyId: record.id })
    }
    usage.messages += 1
    usage.bytes += bytes
    return key
  }

  /** The key that new tokens are made under: the one that encrypts, so that a row and its tokens are of one version. */
  forToken(): RingKey {
    const key = this.primaryAt(this.#clock.now())
    if (key === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_EXPIRED')
    return key
  }

  forDecrypt(keyId: string): RingKey {
    const key = this.#byId.get(keyId)
    if (key !== undefined) return key
    const code = this.#known.has(keyId)
      ? 'COFFER_FIELD_ENCRYPTION_KEY_UNAVAILABLE'
      : 'COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN'
    throw new FieldEncryptionError(code, { keyId })
  }

  /** A key by name, for what carries no key ID: to encrypt it must be active and within its period. */
  named(keyId: string, use: 'encrypt' | 'decrypt'): RingKey {
    const key = this.forDecrypt(keyId)
    const { state, activeFrom, activeUntil } = key.record
    const now = this.#clock.now()
    if (use === 'encrypt' && (state !== 'active' || now < activeFrom || now >= activeUntil)) {
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEY_EXPIRED', { keyId })
    }
    return key
  }

  /** Every key that may still decrypt, oldest first, including one not yet active: other processes may already use it. */
  forSearch(): readonly RingKey[] {
    return [...this.#byId.values()].sort((a, b) => a.record.version - b.record.version)
  }

  columnKeys(key: RingKey, tenant: string | null, table: string, column: string): ColumnKeys {
    // Names have no white space and the tenant comes last, so no two contexts share a cache key.
    const cacheKey =
      tenant === null ? `${key.record.id} ${table} ${column}` : `${key.record.id} ${table} ${column} ${tenant}`
    const known = this.#columnKeys.get(cacheKey)
    if (known !== undefined) {
      this.#columnKeys.delete(cacheKey)
      this.#columnKeys.set(cacheKey, known)
      return known
    }
    const keys = new ColumnKeys((purpose) =>
      deriveColumnKey(this.#backend, this.input, key.dataKey, tenant, table, column, purpose),
    )
    // Evicted keys are dropped, not zeroed: a call under way may still hold them.
    const oldest =
      this.#columnKeys.size >= this.#limits.maxColumnKeys ? this.#columnKeys.keys().next().value : undefined
    if (oldest !== undefined) this.#columnKeys.delete(oldest)
    this.#columnKeys.set(cacheKey, keys)
    return keys
  }

  /** The raw bytes of K[fpe], which is no HMAC key; the caller zeroes them. */
  formatPreservingKey(key: RingKey, tenant: string | null, table: string, column: string): Awaitable<Uint8Array> {
    return chain(columnKey(this.input, key.dataKey, tenant, table, column, 'fpe'), (bytes) => bytes.subarray(0, 32))
  }

  destroy(): void {
    this.#secrets.clear()
    for (const key of this.#byId.values()) key.dataKey.destroy()
    for (const keys of this.#columnKeys.values()) keys.destroy()
    this.#columnKeys.clear()
    this.#byId.clear()
  }
}
