import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { welcome } from '../../src/welcome.js'
import { type Install, newInstall, testApp } from './api.js'

let folder: string
let install: Install

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coffer-samples-'))
  install = await newInstall()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('only credentials that work are shown: none from another secret, none that was changed, disabled or revoked', {
  timeout: 120_000,
}, async () => {
  const start = (sampleSecret: Uint8Array) =>
    testApp({
      sizes: { customers: 2, cards: 2, payments: 2 },
      install: { ...install, sampleSecret },
      database: { kind: 'directory', path: join(folder, 'data') },
    })
  const shown = (app: Awaited<ReturnType<typeof start>>) =>
    app.app.credentials.map(({ tenant, role }) => `${tenant}/${role}`)

  const first = await start(install.sampleSecret)
  expect(shown(first)).toHaveLength(11)
  const current = first.user('acme', 'support').password
  const changed = await first.call('/v1/me/password', {
    method: 'POST',
    token: await first.as('acme', 'support'),
    body: { current_password: current, new_password: 'nine-lamps-burn-4' },
  })
  expect(changed.status).toBeLessThan(300)
  await first.rows(
    "update app.users set status = 'disabled' where id in (select user_id from app.role_assignments where role = 'auditor')",
  )
  await first.rows(
    "update app.api_tokens set revoked_at = now() where tenant_id = (select id from app.tenants where slug = 'savanna')",
  )
  await first.close()

  const other = await start(randomBytes(32))
  expect(shown(other)).toEqual([])
  await other.close()

  const second = await start(install.sampleSecret)
  expect(shown(second).sort()).toEqual(
    [
      ...['admin', 'checker', 'integration', 'maker', 'owner'].map((role) => `acme/${role}`),
      ...['checker', 'maker', 'owner'].map((role) => `savanna/${role}`),
    ].sort(),
  )
  expect((await second.login('acme', 'maker')).status).toBe(200)
  await second.close()
})

test('where none works, the welcome says so and prints no login', () => {
  const options = {
    publicUrl: 'https://localhost:8443',
    caFile: 'ca.pem',
    dataDir: '.data',
    madeSecrets: [],
    seconds: 1,
  }
  const text = welcome({ ...options, credentials: [] })
  expect(text).toContain('none to show. This database was made with another DATA_DIR')
  expect(text).not.toContain('/v1/auth/login')
  expect(welcome({ ...options, credentials: null })).not.toContain('Sample credentials')
})
