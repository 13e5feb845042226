// users.ts
import type { CloakKeychain } from '@47ng/cloak'
import { cloakedStringRegex, decryptStringSync, findKeyForMessage } from '@47ng/cloak'
import { createFieldCipher, field, type Keyring } from '@coffer/field-encryption'

export function usersTable(keyring: Keyring) {
  const cipher = createFieldCipher({ keyring, purposes: { profile: {}, migration: {} } })
  return cipher.table(
    'users',
    { email: field.string(), name: field.string() },
    {
      bind: { tenant: 'tenantId', row: 'id' },
      indexes: { email_eq: { on: ['email'], bits: 64, normalize: { email: 'email' } } },
    },
  )
}

export function oldText(stored: string | null, keychain: CloakKeychain): string | null {
  if (stored === null || !cloakedStringRegex.test(stored)) return stored
  return decryptStringSync(stored, findKeyForMessage(stored, keychain))
}
