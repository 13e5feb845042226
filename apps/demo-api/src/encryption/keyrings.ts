import {
  addDataKey,
  createKeyring,
  createLocalKeyEncryptionKey,
  type DataKeyInfo,
  type DataKeyRecord,
  type Keyring,
} from '@coffer/field-encryption'
import type { Database, Transaction } from '../db/transaction.js'
import { newId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { Clock } from '../http/request-context.js'
import { isDue, planRotation, renewalDelayMs, rotationDelayMs } from './key-periods.js'
import { changeKeyRecords, holdsPlatformRows, type KeyringOwner, loadKeyRecords } from './key-records.js'
import { notice, type OpeningRequest, recordOpenings } from './opening-records.js'

/** A keyring that gives itself the next data key before the present one's year is over. */
export interface RenewingKeyring {
  readonly keyring: Keyring
  /** Keys loaded, fresh, and one of them able to encrypt. Takes transactions of its own, so never awaited inside one. */
  ready(): Promise<void>
  /** The newest version that this process has loaded. */
  version(): number
  /**
   * A new data key, in use here from now on. A rotation less than a minute ago is this one. Recorded with the key, for the
   * request that made it.
   *
   * @throws {Problem} and there is no new key: `audit-unavailable`, `rate-limited` after ten keys in a day, and
   * `state-conflict` when no version is left.
   */
  rotate(request: OpeningRequest): Promise<Rotation>
}

export interface Rotation {
  readonly key: DataKeyInfo
  /** `false`: another rotation has just made it. */
  readonly made: boolean
}

/** The platform's rows are there and its data keys are not: nothing could be opened, and new keys would hide it. */
export class KeysLostError extends Error {
  override readonly name = 'KeysLostError'
}

export interface KeyringsOptions {
  readonly database: Database
  /** 32 bytes that wrap every data key. */
  readonly kek: Uint8Array
  readonly clock: Clock
  /** Told of each data key that was made for the platform, which is no tenant's to record. */
  readonly onPlatformKey?: ((key: DataKeyRecord) => void) | undefined
}

/** Makes and opens keyrings, all under one KEK. */
export interface Keyrings {
  /** Does nothing where there is a key already. */
  createFirstKey(owner: KeyringOwner): Promise<void>
  open(owner: KeyringOwner): Promise<RenewingKeyring>
}

/** How often a keyring is looked at for its end, and how soon after a failure to renew it. */
const checkEveryMs = 86_400_000
const retryAfterMs = 60_000

export function createKeyrings({ database, kek, clock, onPlatformKey }: KeyringsOptions): Keyrings {
  const keyEncryptionKey = createLocalKeyEncryptionKey({ id: 'local', key: kek })
  const withKey = (records: readonly DataKeyRecord[], activateAfterMs: number) =>
    addDataKey(records, { keyEncryptionKey, clock, activateAfterMs })

  async function change(
    owner: KeyringOwner,
    next: (stored: readonly DataKeyRecord[]) => Promise<readonly DataKeyRecord[]>,
    added?: (tx: Transaction, record: DataKeyRecord) => Promise<unknown>,
  ): Promise<{ readonly records: readonly DataKeyRecord[]; readonly made: boolean }> {
    // Set by the last attempt, which is the one that was committed.
    let before = 0
    const counted = (stored: readonly DataKeyRecord[]) => {
      before = stored.length
      return next(stored)
    }
    const records = await changeKeyRecords(database, owner, counted, added)
    if (owner === null) for (const key of records.slice(before)) onPlatformKey?.(key)
    return { records, made: records.length > before }
  }

  async function open(owner: KeyringOwner): Promise<RenewingKeyring> {
    const keyring = await createKeyring({
      keyEncryptionKeys: [keyEncryptionKey],
      loadKeys: () => loadKeyRecords(database, owner),
      clock,
    })
    let checkedAt = Number.NEGATIVE_INFINITY
    let nextCheckMs = 0
    let renewing: Promise<void> | null = null

    const recordKey =
      (request: OpeningRequest) =>
      (tx: Transaction, { id }: DataKeyRecord) =>
        recordOpenings(tx, request, [notice(clock.now(), 'rotate', { object: 'data_keys', keyIds: [id] })])

    async function renew(): Promise<void> {
      const next = async (stored: readonly DataKeyRecord[]) => {
        const now = clock.now()
        // Another process may have done it since these keys were loaded.
        return isDue(stored, now) ? withKey(stored, renewalDelayMs(stored, now)) : stored
      }
      await change(owner, next, owner === null ? undefined : recordKey(bySystem(owner, clock.now())))
      await keyring.refresh()
    }

    async function renewIfDue(): Promise<void> {
      const now = clock.now()
      // Also when the clock is set back by more than the interval.
      if (Math.abs(now - checkedAt) < nextCheckMs) return
      if (isDue(keyring.keys, now)) {
        try {
          renewing ??= renew()
          await renewing
        } catch (error) {
          // There is a month left to try again; without a key to encrypt with there is not.
          if (keyring.primaryKeyId === null) throw error
          checkedAt = now
          nextCheckMs = retryAfterMs
          return
        } finally {
          renewing = null
        }
      }
      checkedAt = now
      nextCheckMs = checkEveryMs
    }

    const opened: RenewingKeyring = {
      keyring,
      async ready() {
        await keyring.ready()
        await renewIfDue()
      },
      version: () => keyring.keys.reduce((newest, { version }) => Math.max(newest, version), 0),
      async rotate(request) {
        const next = async (stored: readonly DataKeyRecord[]) => {
          const now = clock.now()
          const plan = planRotation(stored, now)
          if (plan === 'used-up') throw new Problem('state-conflict')
          if (plan === 'too-often') {
            throw new Problem('rate-limited', { retryAfterSeconds: Math.ceil(rotationDelayMs(stored, now) / 1000) })
          }
          return plan === 'add' ? withKey(stored, 0) : stored
        }
        const { records, made } = await change(owner, next, recordKey(request))
        await keyring.refresh()
        const key = keyring.keys.find(({ id }) => id === records.at(-1)?.id)
        if (key === undefined) throw new TypeError('the keyring has not loaded the key that was stored')
        return { key, made }
      },
    }
    await opened.ready()
    return opened
  }

  return {
    open,
    async createFirstKey(owner) {
      await change(owner, async (stored) => (stored.length > 0 ? stored : withKey(stored, 0)))
    },
  }
}

/** The yearly key is asked for by nobody: the request is the renewal itself. */
function bySystem(tenantId: string, now: number): OpeningRequest {
  const requestId = newId('req', now)
  return { tenantId, actor: 'system', requestId, permission: 'self', decisionId: () => null }
}

/** @throws {KeysLostError} when the platform's rows outlived its data keys. */
export async function createPlatformKey(database: Database, keyrings: Keyrings): Promise<void> {
  const stored = await loadKeyRecords(database, null)
  if (stored.length === 0 && (await holdsPlatformRows(database))) throw new KeysLostError()
  await keyrings.createFirstKey(null)
}
