import { readFileSync } from 'node:fs'
import { encryptStringSync, generateKey, makeKeychainSync } from '@47ng/cloak'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { expect, test } from 'vitest'
import { takeOver } from './migration/take-over.js'
import { usersTable } from './migration/users.js'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the code of the migration guide stands here too, and compiles', () => {
  const shown = [...read('../MIGRATION.md').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code)
  expect(shown).toEqual([read('./migration/users.ts'), read('./migration/take-over.ts')])
})

test('rows of prisma-field-encryption under two keys, in plaintext and new ones are taken over once', async () => {
  const users = usersTable(await createTestKeyring())
  const [older, newer] = [generateKey(), generateKey()]
  const keychain = makeKeychainSync([older, newer])
  const row = (id: string, email: string | null, name: string) => ({ id, tenantId: 'acme', email, name })
  const already = users.encrypt(row('4', 'new@example.com', 'New'))
  const { email_eq: _, ...stored } = already
  const rows = [
    row('1', encryptStringSync('Ada@example.com', older), encryptStringSync('Ada', newer)),
    row('2', null, encryptStringSync('Nobody', newer)),
    row('3', 'plain@example.com', 'Plain'),
    stored,
  ]
  const taken = takeOver(users, rows, keychain)
  expect(taken.map(({ id }) => id)).toEqual(['1', '2', '3'])
  expect(users.decryptMany(taken, { purpose: 'migration' })).toEqual([
    row('1', 'Ada@example.com', 'Ada'),
    row('2', null, 'Nobody'),
    row('3', 'plain@example.com', 'Plain'),
  ])
  expect(users.query('email_eq', { tenantId: 'acme', email: 'ada@EXAMPLE.com' })).toEqual([taken[0]?.email_eq])
  expect(takeOver(users, taken, keychain)).toEqual([])
})
