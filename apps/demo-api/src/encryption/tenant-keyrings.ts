import {
  addDataKey,
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  createSealer,
  type Keyring,
  type Sealer,
} from '@coffer/field-encryption'
import type { Database } from '../db/transaction.js'
import type { Clock } from '../http/request-context.js'
import { addKeyRecords, type KeyringOwner, loadKeyRecords } from './key-records.js'
import { type PlatformTables, platformTables, purposes, type TenantTables, tenantTables } from './tables.js'

/** Encryption for the platform and for each tenant, every one under its own data keys. */
export interface Encryption {
  /** Tables whose rows are found before their tenant is known. */
  readonly platform: PlatformTables
  /** What is no column: private signing keys. */
  readonly sealer: Sealer
  /**
   * A tenant's tables, ready for synchronous use. Awaited before a transaction is opened, never inside one: loading keys
   * takes a transaction of its own, and the embedded database has one connection.
   */
  tenant(tenantId: string): Promise<TenantTables>
  /** The first data key of a new tenant; does nothing where there is one. */
  createTenantKey(tenantId: string): Promise<void>
  close(): void
}

export interface EncryptionOptions {
  readonly database: Database
  /** 32 bytes that wrap every data key. */
  readonly kek: Uint8Array
  readonly clock: Clock
  /** Tenant keyrings kept open, least recently used out first. Default 500. */
  readonly max?: number
}

/**
 * Opens the platform keyring, making its first key in an empty database.
 *
 * @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED` when the KEK is not this database's.
 */
export async function createEncryption({ database, kek, clock, max = 500 }: EncryptionOptions): Promise<Encryption> {
  const keyEncryptionKey = createLocalKeyEncryptionKey({ id: 'local', key: kek })
  const openings = new Map<string, Promise<Opening>>()

  async function open(owner: KeyringOwner): Promise<Keyring> {
    return createKeyring({
      keyEncryptionKeys: [keyEncryptionKey],
      loadKeys: () => loadKeyRecords(database, owner),
      clock,
    })
  }

  async function createFirstKey(owner: KeyringOwner): Promise<void> {
    if ((await loadKeyRecords(database, owner)).length > 0) return
    await addKeyRecords(database, owner, await addDataKey([], { keyEncryptionKey, clock }))
  }

  function opening(tenantId: string): Promise<Opening> {
    const found = openings.get(tenantId)
    if (found !== undefined) {
      openings.delete(tenantId)
      openings.set(tenantId, found)
      return found
    }
    const made = open(tenantId).then((keyring) => ({
      keyring,
      tables: tenantTables(createFieldCipher({ keyring, clock, purposes })),
    }))
    openings.set(tenantId, made)
    // A failure is not remembered: the next request tries again.
    made.catch(() => {
      if (openings.get(tenantId) === made) openings.delete(tenantId)
    })
    const oldest = openings.keys().next().value
    if (openings.size > max && oldest !== undefined) openings.delete(oldest)
    return made
  }

  await createFirstKey(null)
  const platformKeyring = await open(null)
  return {
    platform: platformTables(createFieldCipher({ keyring: platformKeyring, clock, purposes }), () =>
      platformKeyring.ready(),
    ),
    sealer: createSealer({ keyring: platformKeyring, name: 'signing-keys' }),
    async tenant(tenantId) {
      const { keyring, tables } = await opening(tenantId)
      await keyring.ready()
      return tables
    },
    createTenantKey: createFirstKey,
    close() {
      platformKeyring.close()
      for (const one of openings.values()) one.then(({ keyring }) => keyring.close()).catch(() => undefined)
      openings.clear()
    },
  }
}

interface Opening {
  readonly keyring: Keyring
  readonly tables: TenantTables
}
