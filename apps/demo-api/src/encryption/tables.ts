import { type FieldCipher, field } from '@coffer/field-encryption'
import type { Address } from '../db/schema.js'
import type { Purpose } from './purposes.js'

const bind = { tenant: 'tenantId', row: 'id' } as const

/**
 * Every encrypted column of a tenant's tables. Each value opens only in the tenant, table, column and row it was written
 * for: moved anywhere else in the database, it does not open.
 */
export function tenantTables(cipher: FieldCipher<Purpose, 'sync'>) {
  return {
    users: cipher.table('users', { name: field.string({ maxBytes: 400 }) }, { bind }),
    customers: cipher.table(
      'customers',
      {
        name: field.string({ maxBytes: 400 }),
        email: field.string({ maxBytes: 320 }),
        phone: field.string({ maxBytes: 32 }),
        address: field.json<Address>(),
        dateOfBirth: field.date({ boundAs: 'date_of_birth' }),
        nationalId: field.string({ maxBytes: 64, boundAs: 'national_id' }),
      },
      {
        bind,
        indexes: {
          emailEq: { on: ['email'], bits: 64, normalize: { email: 'email' } },
          phoneEq: { on: ['phone'], bits: 64, normalize: { phone: 'digits' } },
        },
      },
    ),
    cards: cipher.table(
      'cards',
      { cardholderName: field.string({ maxBytes: 400, boundAs: 'cardholder_name' }) },
      { bind },
    ),
    pans: cipher.table(
      'pans',
      { pan: field.string({ maxBytes: 19, pad: 32, commitment: 32, redacted: true }) },
      { bind, indexes: { panEq: { on: ['pan'], bits: 128, normalize: { pan: 'digits' } } } },
    ),
    payments: cipher.table(
      'payments',
      {
        amount: field.integer(),
        description: field.string({ maxBytes: 1024 }),
        metadata: field.json<Readonly<Record<string, string>>, object>({ maxBytes: 24_576 }),
      },
      { bind },
    ),
    idempotencyKeys: cipher.table('idempotency_keys', { answer: field.string({ maxBytes: 65_536 }) }, { bind }),
  }
}

export type TenantTables = ReturnType<typeof tenantTables>

/** Columns that are searched before the tenant is known: under the platform's keyring, tenant not bound. */
export function platformTables(cipher: FieldCipher<Purpose, 'sync'>, ready: () => Promise<void>) {
  return {
    users: cipher.table(
      'users',
      { email: field.string({ maxBytes: 320 }) },
      {
        bind: { tenant: null, row: 'id' },
        indexes: { emailEq: { on: ['email'], bits: 64, normalize: { email: 'email' } } },
      },
    ),
    /** Keys loaded and fresh; awaited before a transaction is opened. */
    ready,
  }
}

export type PlatformTables = ReturnType<typeof platformTables>
