import type { CloakKeychain } from '@47ng/cloak'
import { parseCiphertext } from '@coffer/field-encryption'
import { oldText, type usersTable } from './users.js'

interface OldRow {
  readonly id: string
  readonly tenantId: string
  readonly email: string | null
  readonly name: string | null
}

export function takeOver(users: ReturnType<typeof usersTable>, rows: readonly OldRow[], keychain: CloakKeychain) {
  const old = rows.filter(({ email, name }) => [email, name].some((value) => value !== null && !isNew(value)))
  return users.encryptMany(
    old.map((row) => ({ ...row, email: oldText(row.email, keychain), name: oldText(row.name, keychain) })),
  )
}

function isNew(stored: string): boolean {
  try {
    return parseCiphertext(stored).keyId !== ''
  } catch {
    return false
  }
}
