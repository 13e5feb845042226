import { createFieldCipher, createSealer, type DataKeyInfo, type DataKeyRecord } from '@coffer/field-encryption'
import type { Database } from '../db/transaction.js'
import type { Clock } from '../http/request-context.js'
import { createKeyrings, createPlatformKey, type RenewingKeyring, type Rotation } from './keyrings.js'
import { createOpeningGate } from './opening-gate.js'
import type { OpeningRequest } from './opening-records.js'
import { createOpenings, type OpenedTables, type Openings } from './openings.js'
import { purposes } from './purposes.js'
import { type PlatformTables, platformTables, type TenantTables, tenantTables } from './tables.js'

/** Encryption for the platform and for each tenant, every one under its own data keys. */
export interface Encryption {
  /** Tables whose rows are found before their tenant is known. */
  readonly platform: PlatformTables
  /** Transactions in which fields may be opened. */
  readonly openings: Openings
  /** What is no column: private signing keys. */
  readonly sealer: AsyncSealer
  /**
   * A tenant's tables outside of a request, where nothing opens. Awaited before a transaction is opened, never inside one:
   * loading keys takes a transaction of its own, and the embedded database has one connection.
   */
  tenant(tenantId: string): Promise<TenantTables>
  /** A tenant's data keys, oldest first, without their key material. Awaited like {@link tenant}. */
  keys(tenantId: string): Promise<readonly DataKeyInfo[]>
  /**
   * A new data key for the request's tenant, in use here at once and recorded with the request. Awaited like {@link tenant}.
   *
   * @throws {Problem} and there is no new key: `audit-unavailable`, `rate-limited` after ten keys in a day, and
   * `state-conflict` when the tenant has no version left.
   */
  rotate(request: OpeningRequest): Promise<Rotation>
  /** The first data key of a new tenant; does nothing where there is one. */
  createTenantKey(tenantId: string): Promise<void>
  close(): void
}

/** A sealer that waits until the platform's keys are fresh: whoever seals may be the first to come by in hours. */
export interface AsyncSealer {
  encrypt(plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array>
  decrypt(ciphertext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array>
}

export interface EncryptionOptions {
  readonly database: Database
  /** 32 bytes that wrap every data key. */
  readonly kek: Uint8Array
  readonly clock: Clock
  /** Tenant keyrings kept open, least recently used out first. Default 500. */
  readonly max?: number
  /** One JSON line for each data key that was made for the platform. Default: nothing is written. */
  readonly log?: ((line: string) => void) | undefined
}

interface Opening extends OpenedTables<TenantTables> {
  readonly ring: RenewingKeyring
}

/**
 * Opens the platform keyring, making its first key in an empty database.
 *
 * @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED` when the KEK is not this database's.
 * @throws {KeysLostError} when the database has rows of the platform and none of its keys.
 */
export async function createEncryption(options: EncryptionOptions): Promise<Encryption> {
  const { database, kek, clock, max = 500, log } = options
  const keyrings = createKeyrings({ database, kek, clock, onPlatformKey: (key) => log?.(platformKeyLine(key)) })
  const gate = createOpeningGate()
  const { onDecrypt } = gate
  const opened = new Map<string, Promise<Opening>>()

  function opening(tenantId: string): Promise<Opening> {
    const found = opened.get(tenantId)
    if (found !== undefined) {
      opened.delete(tenantId)
      opened.set(tenantId, found)
      return found
    }
    const made = keyrings.open(tenantId).then((ring) => ({
      ring,
      tables: tenantTables(createFieldCipher({ keyring: ring.keyring, clock, purposes, onDecrypt })),
    }))
    opened.set(tenantId, made)
    // A failure is not remembered: the next request tries again.
    made.catch(() => {
      if (opened.get(tenantId) === made) opened.delete(tenantId)
    })
    const oldest = opened.keys().next().value
    if (opened.size > max && oldest !== undefined) opened.delete(oldest)
    return made
  }

  async function ready(tenantId: string): Promise<Opening> {
    const one = await opening(tenantId)
    await one.ring.ready()
    return one
  }

  await createPlatformKey(database, keyrings)
  const platform = await keyrings.open(null)
  const sealer = createSealer({ keyring: platform.keyring, name: 'signing-keys' })
  return {
    platform: platformTables(createFieldCipher({ keyring: platform.keyring, clock, purposes, onDecrypt }), () =>
      platform.ready(),
    ),
    openings: createOpenings({ database, gate, clock, open: ready }),
    sealer: {
      async encrypt(plaintext, associatedData) {
        await platform.ready()
        return sealer.encrypt(plaintext, associatedData)
      },
      async decrypt(ciphertext, associatedData) {
        await platform.ready()
        return sealer.decrypt(ciphertext, associatedData)
      },
    },
    tenant: async (tenantId) => (await ready(tenantId)).tables,
    keys: async (tenantId) => (await ready(tenantId)).ring.keyring.keys,
    rotate: async (request) => (await ready(request.tenantId)).ring.rotate(request),
    createTenantKey: (tenantId) => keyrings.createFirstKey(tenantId),
    close() {
      platform.keyring.close()
      for (const one of opened.values()) one.then(({ ring }) => ring.keyring.close()).catch(() => undefined)
      opened.clear()
    },
  }
}

/** A line like those of requests. The tenants' keys are recorded with what is opened; the platform has no such record. */
function platformKeyLine({ id, version, createdAt, activeFrom }: DataKeyRecord): string {
  const [time, encryptsFrom] = [createdAt, activeFrom].map((at) => new Date(at).toISOString())
  return `${JSON.stringify({ level: 30, time, platform_data_key: id, version, encrypts_from: encryptsFrom })}\n`
}
