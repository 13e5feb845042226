import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
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
  const old = '00000000-0001-7000-8000-000000000000'
  await first.rows(
    `insert into app.openings (id, tenant_id, at, request_id, actor, purpose, object, row_ids, fields, key_ids, outcome)
     select $1, id, to_timestamp(0), 'req_' || repeat('0', 26), 'system', 'rotate', 'data_keys', '{}', '{}', '{}', 'success'
       from app.tenants where slug = 'acme'`,
    [old],
  )
  const record = async (api: TestApp) => (await api.rows('select 1 from app.openings where id = $1', [old])).length
  expect(await record(first)).toBe(1)
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
  // A record of an opening whose time is over does not survive it.
  await vi.waitFor(async () => expect(await record(second)).toBe(0), { timeout: 20_000 })
  await second.close()
})

test('sessions survive a restart: a refresh token works, a spent one is caught, a revoked one stays revoked', {
  timeout: 120_000,
}, async () => {
  const refresh = (api: TestApp, token: string) =>
    api.call('/v1/oauth/token', { method: 'POST', form: { grant_type: 'refresh_token', refresh_token: token } })
  const problemOf = async (api: TestApp, token: string) => (await api.call('/v1/me', { token })).body.type
  const age = (api: TestApp, by: string) =>
    api.rows(`update app.coffer_jwt_families set rotated_at = clock_timestamp() - interval '${by}'`)

  const first = await start()
  const idle = (await first.login('acme', 'maker')).body
  const rotated = (await first.login('acme', 'checker')).body
  const successor = (await refresh(first, rotated.refresh_token)).body
  const ended = (await first.login('acme', 'support')).body
  await first.call('/v1/oauth/revoke', { method: 'POST', form: { token: ended.refresh_token } })
  await first.close()

  const second = await start()
  const next = (await refresh(second, idle.refresh_token)).body
  expect((await second.call('/v1/me', { token: next.access_token })).status).toBe(200)
  expect(await problemOf(second, ended.access_token)).toBe(`${second.publicUrl}/problems/session-revoked`)
  expect((await refresh(second, ended.refresh_token)).body.error).toBe('invalid_grant')

  // An answer that was lost in the restart: the retry gets the same successor.
  await age(second, '1 second')
  expect((await refresh(second, rotated.refresh_token)).body.refresh_token).toBe(successor.refresh_token)
  await age(second, '11 seconds')
  expect((await refresh(second, rotated.refresh_token)).body.error).toBe('invalid_grant')
  expect((await refresh(second, successor.refresh_token)).body.error).toBe('invalid_grant')
  expect(await problemOf(second, successor.access_token)).toBe(`${second.publicUrl}/problems/session-revoked`)
  await second.close()

  const third = await start()
  expect(await problemOf(third, successor.access_token)).toBe(`${third.publicUrl}/problems/session-revoked`)
  expect((await refresh(third, next.refresh_token)).status).toBe(200)
  await third.close()
})
