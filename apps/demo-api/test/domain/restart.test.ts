import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { basic, type Install, newInstall, type TestApp, testApp } from './api.js'

let folder: string
let install: Install
const sizes = { customers: 2, cards: 2, payments: 2 }
const start = (more: Partial<Install> = {}): Promise<TestApp> =>
  testApp({ sizes, install: { ...install, ...more }, database: { kind: 'directory', path: join(folder, 'data') } })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coffer-restart-'))
  install = await newInstall()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a restart keeps keys, data, credentials and revocations, and another KEK is refused without a trace', {
  timeout: 120_000,
}, async () => {
  const first = await start()
  const { access_token: kept } = (await first.login('acme', 'maker')).body
  const { tokenId, apiToken } = first.apiToken('acme')
  const ended = (await first.login('acme', 'integration')).body.access_token
  await first.call('/v1/oauth/revoke', {
    method: 'POST',
    form: { token: ended },
    headers: { authorization: basic(tokenId, apiToken) },
  })
  const { data } = (await first.call('/v1/customers', { token: kept })).body
  const keys = (await first.call('/.well-known/jwks.json')).text
  await first.close()

  await expect(start({ kek: randomBytes(32) })).rejects.toMatchObject({
    code: 'COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED',
  })

  const second = await start()
  expect((await second.call('/v1/customers', { token: kept })).body.data).toEqual(data)
  expect((await second.call('/.well-known/jwks.json')).text).toBe(keys)
  expect((await second.call('/v1/me', { token: ended })).body.type).toBe(`${second.publicUrl}/problems/session-revoked`)
  expect(second.app.credentials).toEqual(first.app.credentials)
  expect((await second.login('savanna', 'owner')).status).toBe(200)
  expect(await second.rows('select 1 from app.customers')).toHaveLength(4)
  await second.close()
})
