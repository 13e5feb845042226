import { type Awaitable, chain } from './awaitable.js'
import { type Mac, selectBackend } from './backend.js'
import { fromBase64url, toBase64url } from './base64url.js'
import { toHex } from './bytes.js'
import { keyCheck } from './context.js'
import { FieldEncryptionError } from './errors.js'
import { checkKeyEncryptionKey, type KeyEncryptionKey } from './key-encryption-key.js'
import { MacInput } from './mac-input.js'
import { type Clock, checkedClock, checkFunction, checkInteger, checkOptions, systemClock } from './options.js'
import { checkedRandomBytes, type RandomBytes } from './random-pool.js'

export type DataKeyState = 'active' | 'decrypt-only' | 'disabled' | 'destroyed'

/** One data key as the application stores it: JSON, apart from the data it protects (PCI DSS 3.6.1). */
export interface DataKeyRecord {
  /** 8 lower-case hex digits, not `00000000`. */
  readonly id: string
  /** 1 to 255, ascending. */
  readonly version: number
  readonly state: DataKeyState
  /** Milliseconds since the epoch, as are the other times. */
  readonly createdAt: number
  readonly activeFrom: number
  readonly activeUntil: number
  readonly keyEncryptionKeyId: string
  /** base64url; empty when destroyed. */
  readonly wrapped: string
  /** base64url of 16 bytes that tie the data key to this record; empty when destroyed. */
  readonly check: string
}

export interface AddDataKeyOptions {
  /** Wraps the new key. */
  readonly keyEncryptionKey: KeyEncryptionKey
  /** ms until the new key encrypts; 0 for the first key, else required: at least the `maxAgeMs` of every process. */
  readonly activateAfterMs?: number
  /** ms for which the key encrypts; default 365 days, at most 731 (SP 800-57 part 1, 5.3.6). */
  readonly cryptoperiodMs?: number
  readonly clock?: Clock
  /** Default: `crypto.getRandomValues`. */
  readonly randomBytes?: RandomBytes
}

const dayMs = 86_400_000
const maxVersion = 255
const idPattern = /^(?!00000000)[0-9a-f]{8}$/
const dataKeyBytes = 32

/** The check value of a data key: 16 bytes under the key itself, over ID, version and creation time. */
export function checkValue(
  dataKey: Mac,
  record: Pick<DataKeyRecord, 'id' | 'version' | 'createdAt'>,
): Awaitable<string> {
  const check = keyCheck(new MacInput(), dataKey, keyIdBytes(record.id), record.version, record.createdAt)
  return chain(check, (mac) => toBase64url(mac.subarray(0, 16)))
}

export function keyIdBytes(id: string): Uint8Array {
  const number = Number.parseInt(id, 16)
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)
}

/** Copies records that agree with each other, in ascending version. `…_KEYRING_INVALID` otherwise. */
export function checkRecords(value: unknown): readonly DataKeyRecord[] {
  if (!Array.isArray(value) || value.length > maxVersion) throw invalid()
  const records = value.map(checkRecord).sort((a, b) => a.version - b.version)
  const ids = new Set(records.map((record) => record.id))
  const versions = new Set(records.map((record) => record.version))
  if (ids.size !== records.length || versions.size !== records.length) throw invalid()
  return Object.freeze(records)
}

function checkRecord(value: unknown): DataKeyRecord {
  if (typeof value !== 'object' || value === null) throw invalid()
  const { id, version, state, createdAt, activeFrom, activeUntil, keyEncryptionKeyId, wrapped, check } =
    value as Partial<Record<keyof DataKeyRecord, unknown>>
  if (typeof id !== 'string' || !idPattern.test(id)) throw invalid()
  if (!isCount(version) || version < 1 || version > maxVersion) throw invalid(id)
  if (state !== 'active' && state !== 'decrypt-only' && state !== 'disabled' && state !== 'destroyed') throw invalid(id)
  if (!isCount(createdAt) || !isCount(activeFrom) || !isCount(activeUntil) || activeFrom >= activeUntil)
    throw invalid(id)
  if (typeof keyEncryptionKeyId !== 'string' || keyEncryptionKeyId === '') throw invalid(id)
  if (typeof wrapped !== 'string' || typeof check !== 'string') throw invalid(id)
  const destroyed = state === 'destroyed'
  if (destroyed ? wrapped !== '' || check !== '' : !isBytes(wrapped, 24, 8192) || !isBytes(check, 16, 16))
    throw invalid(id)
  return Object.freeze({ id, version, state, createdAt, activeFrom, activeUntil, keyEncryptionKeyId, wrapped, check })
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isBytes(text: string, min: number, max: number): boolean {
  if (text.length > max * 2) return false
  const bytes = fromBase64url(text)
  return bytes !== null && bytes.length >= min && bytes.length <= max
}

function invalid(keyId?: string): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_KEYRING_INVALID', keyId === undefined ? {} : { keyId })
}

/**
 * Makes a data key and returns the records with it, the new one last. Store the result; the input is not changed.
 *
 * @param records - What is stored now; `[]` for the first key.
 * @throws RangeError for the 256th key or a time out of range. Refusals of `keyEncryptionKey.wrap` pass through.
 * @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_KEYRING_INVALID` when `records` contradict each other.
 */
export async function addDataKey(
  records: readonly DataKeyRecord[],
  options: AddDataKeyOptions,
): Promise<readonly DataKeyRecord[]> {
  checkOptions('addDataKey', options, ['keyEncryptionKey', 'activateAfterMs', 'cryptoperiodMs', 'clock', 'randomBytes'])
  const {
    keyEncryptionKey,
    activateAfterMs,
    cryptoperiodMs = 365 * dayMs,
    clock: given = systemClock,
    randomBytes = webRandomBytes,
  } = options
  checkKeyEncryptionKey('keyEncryptionKey', keyEncryptionKey)
  const clock = checkedClock('clock', given)
  checkFunction('randomBytes', randomBytes)
  checkInteger('cryptoperiodMs', cryptoperiodMs, 1, 731 * dayMs)
  const existing = checkRecords(records)
  if (existing.length > 0 && activateAfterMs === undefined) {
    throw new TypeError(
      'activateAfterMs is required: every process must have loaded the new key before one encrypts with it',
    )
  }
  const delay = checkInteger('activateAfterMs', activateAfterMs ?? 0, 0, 366 * dayMs)
  const version = (existing.at(-1)?.version ?? 0) + 1
  if (version > maxVersion) throw new RangeError('a keyring holds at most 255 data keys')

  const random = checkedRandomBytes(randomBytes)
  const id = freshId(random, existing)
  const createdAt = clock.now()
  const dataKey = random(dataKeyBytes)
  try {
    const mac = await selectBackend('auto').importMac(dataKey)
    const check = await checkValue(mac, { id, version, createdAt })
    mac.destroy()
    const wrapped = toBase64url(await keyEncryptionKey.wrap(dataKey, { keyId: id, version }))
    const activeFrom = createdAt + delay
    const added: DataKeyRecord = {
      id,
      version,
      state: 'active',
      createdAt,
      activeFrom,
      activeUntil: activeFrom + cryptoperiodMs,
      keyEncryptionKeyId: keyEncryptionKey.id,
      wrapped,
      check,
    }
    return checkRecords([...existing, added])
  } finally {
    dataKey.fill(0)
  }
}

function freshId(random: RandomBytes, existing: readonly DataKeyRecord[]): string {
  // A handful of tries is enough for 255 taken IDs out of 2^32; a source that repeats itself is refused.
  for (let attempts = 0; attempts < 16; attempts++) {
    const id = toHex(random(4))
    if (idPattern.test(id) && !existing.some((record) => record.id === id)) return id
  }
  throw new TypeError('randomBytes repeats itself')
}

function webRandomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length))
}
