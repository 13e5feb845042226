import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatApiToken } from '../../../src/auth/api-tokens.js'
import { basic, newKey, type Role, type StartTestApp, type TestApp } from '../api.js'
import { begin, finish } from './slow-request.js'

/** Logging in and out, over whichever database `start` opens. */
export function tokenSuite(start: StartTestApp): void {
  let api: TestApp
  beforeAll(async () => {
    api = await start({ sizes: { customers: 2, cards: 2, payments: 2 } })
  })
  afterAll(() => api?.close())

  const problem = (code: string) => `${api.publicUrl}/problems/${code}`
  const refresh = (token: string, more: Record<string, string> = {}) =>
    api.call('/v1/oauth/token', {
      method: 'POST',
      form: { grant_type: 'refresh_token', refresh_token: token, ...more },
    })
  const exchange = (authorization: string, more: Record<string, string> = {}) =>
    api.call('/v1/oauth/token', {
      method: 'POST',
      form: { grant_type: 'client_credentials', ...more },
      headers: { authorization },
    })
  const revoke = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    api.call('/v1/oauth/revoke', { method: 'POST', form, headers })
  const me = (token: string) => api.call('/v1/me', { token })
  const idOf = async (role: Role) => (await me(await api.as('acme', role))).body.id as string

  describe('login', () => {
    test('gives an access token of at most an hour and a refresh token, and says who the user is', async () => {
      const { status, body, headers } = await api.login('acme', 'maker')
      expect([status, body.token_type, body.expires_in]).toEqual([200, 'Bearer', 3600])
      expect(headers['cache-control']).toBe('no-store')
      const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString())
      expect(Object.keys(claims).sort()).toEqual(
        ['aud', 'auth_time', 'client_id', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub', 'tenant'].sort(),
      )
      const { body: self } = await me(body.access_token)
      expect(self).toMatchObject({ kind: 'user', roles: ['maker'], email: 'maker.acme@example.com' })
      expect(self.tenant).toMatchObject({ slug: 'acme', plan: 'growth' })
    })

    test('finds the account whatever the spelling of the address', async () => {
      const { password } = api.user('acme', 'maker')
      const body = { email: 'MAKER.Acme@Example.COM', password }
      expect((await api.call('/v1/auth/login', { method: 'POST', body })).status).toBe(200)
    })

    test('answers an unknown address, a wrong password and a disabled user alike', async () => {
      const { email, password } = api.user('savanna', 'checker')
      const savannaOwner = await api.as('savanna', 'owner')
      const target = (await me(await api.as('savanna', 'checker'))).body.id
      const disabled = await api.call(`/v1/users/${target}/disable`, { method: 'POST', token: savannaOwner })
      expect(disabled.status).toBe(200)
      const answers = await Promise.all(
        [
          { email: 'nobody@example.com', password },
          { email: 'maker.acme@example.com', password },
          { email, password },
        ].map((body) => api.call('/v1/auth/login', { method: 'POST', body })),
      )
      for (const { status, body, headers } of answers) {
        expect([status, body.type, body.error]).toEqual([401, problem('credentials-invalid'), 'invalid_grant'])
        expect({ ...body, instance: '' }).toEqual({ ...answers[0]?.body, instance: '' })
        expect(headers['www-authenticate']).toBe(answers[0]?.headers['www-authenticate'])
      }
    })

    test('refuses a scope that no permission has', async () => {
      const { email, password } = api.user('acme', 'maker')
      const body = { email, password, scope: 'payment:read everything:do' }
      const answer = await api.call('/v1/auth/login', { method: 'POST', body })
      expect([answer.status, answer.body.type]).toEqual([400, problem('validation-failed')])
    })

    test('says nothing of the input in its refusals', async () => {
      const body = { email: 'canary.person@example.com', password: 'canary-pass-1234', surprise: 'canary-value' }
      const { status, text } = await api.call('/v1/auth/login', { method: 'POST', body })
      expect(status).toBe(400)
      expect(text).not.toMatch(/canary|surprise/)
    })
  })

  describe('API tokens', () => {
    test('are exchanged for an access token without a refresh token', async () => {
      const { tokenId, apiToken } = api.apiToken('acme')
      const { status, body } = await exchange(basic(tokenId, apiToken))
      expect(status).toBe(200)
      expect(body.refresh_token).toBeUndefined()
      expect((await me(body.access_token)).body).toMatchObject({
        id: tokenId,
        kind: 'api-token',
        roles: ['integration'],
        client_id: tokenId,
        session_id: null,
      })
    })

    test('give the scope asked for, within their own', async () => {
      const { tokenId, apiToken } = api.apiToken('acme')
      const narrow = await exchange(basic(tokenId, apiToken), { scope: 'payment:read' })
      expect(narrow.body.scope).toBe('payment:read')
      const { access_token: token } = narrow.body
      expect((await api.call('/v1/payments', { token })).status).toBe(200)
      expect((await api.call('/v1/customers', { token })).status).toBe(403)
      const wide = await exchange(basic(tokenId, apiToken), { scope: 'payment:approve' })
      expect([wide.status, wide.body.error]).toEqual([400, 'invalid_scope'])
    })

    test('are refused alike when unknown, mistyped, another one’s, or sent in no form', async () => {
      const { tokenId, apiToken } = api.apiToken('acme')
      const other = api.apiToken('savanna')
      const last = apiToken.endsWith('A') ? 'B' : 'A'
      const headers = [
        basic(tokenId, apiToken.slice(0, -1) + last),
        basic(tokenId, formatApiToken('test')),
        basic(tokenId, other.apiToken),
        basic(other.tokenId, apiToken),
        basic('usr_00000000000000000000000000', apiToken),
        `Bearer ${apiToken}`,
        'Basic !!!',
      ]
      for (const header of headers) {
        const { status, body, headers: sent } = await exchange(header)
        expect([status, body.error]).toEqual([401, 'invalid_client'])
        expect(sent['www-authenticate']).toMatch(/^Basic /)
        expect(body.error_uri).toBe(problem('credentials-invalid'))
      }
    })

    test('end with the user who owns them, at the next request', async () => {
      const { tokenId, apiToken } = api.apiToken('savanna')
      const { body } = await exchange(basic(tokenId, apiToken))
      expect((await me(body.access_token)).status).toBe(200)
      await api.rows("update app.api_tokens set revoked_at = now() where name = 'Integration' and id = any($1)", [
        (
          await api.rows<{ id: string }>(
            "select a.id from app.api_tokens a join app.tenants t on t.id = a.tenant_id where t.slug = 'savanna'",
          )
        ).map(({ id }) => id),
      ])
      // Another process made the change: it is seen within a second.
      api.clock.advance(1_000)
      expect((await me(body.access_token)).body.type).toBe(problem('session-revoked'))
      expect((await exchange(basic(tokenId, apiToken))).status).toBe(401)
    })
  })

  describe('refresh tokens', () => {
    test('are spent once; a later reuse ends the session and its access tokens', async () => {
      const first = (await api.login('acme', 'support')).body
      const second = (await refresh(first.refresh_token)).body
      expect(second.refresh_token).not.toBe(first.refresh_token)
      // The window of a retry is measured by the clock of the database.
      await api.rows("update app.coffer_jwt_families set rotated_at = rotated_at - interval '11 seconds'")
      const reused = await refresh(first.refresh_token)
      expect([reused.status, reused.body.error]).toEqual([400, 'invalid_grant'])
      expect((await refresh(second.refresh_token)).status).toBe(400)
      expect((await me(second.access_token)).body.type).toBe(problem('session-revoked'))
    })

    test('give a retry the same successor', async () => {
      const first = (await api.login('acme', 'support')).body
      const [one, two] = [await refresh(first.refresh_token), await refresh(first.refresh_token)]
      expect(two.body.refresh_token).toBe(one.body.refresh_token)
    })

    test('are refused to another client, and in the grant of an API token', async () => {
      const first = (await api.login('acme', 'support')).body
      expect((await refresh(first.refresh_token, { client_id: 'somebody-else' })).body.error).toBe('invalid_grant')
      const { tokenId, apiToken } = api.apiToken('acme')
      const mixed = await api.call('/v1/oauth/token', {
        method: 'POST',
        form: { grant_type: 'refresh_token', refresh_token: first.refresh_token },
        headers: { authorization: basic(tokenId, apiToken) },
      })
      expect(mixed.body.error).toBe('invalid_request')
    })

    test('carry an access token across its expiry', async () => {
      const first = (await api.login('acme', 'support')).body
      await api.pass(3_606_000)
      expect((await me(first.access_token)).body.type).toBe(problem('token-expired'))
      const next = (await refresh(first.refresh_token)).body
      expect((await me(next.access_token)).status).toBe(200)
      api.forget()
    })

    test('of an unknown grant type are refused by name', async () => {
      const { status, body } = await api.call('/v1/oauth/token', { method: 'POST', form: { grant_type: 'password' } })
      expect([status, body.error]).toEqual([400, 'unsupported_grant_type'])
    })

    test('parameters that are not known are ignored, and one given twice is refused', async () => {
      const first = (await api.login('acme', 'support')).body
      expect((await refresh(first.refresh_token, { audience: 'x' })).status).toBe(200)
      const twice = await api.call('/v1/oauth/token', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' },
      })
      expect([twice.status, twice.body.error]).toEqual([400, 'invalid_request'])
    })
  })

  describe('ending access', () => {
    test('revoking a refresh token ends the session at the next request; revoking it again changes nothing', async () => {
      const { access_token: access, refresh_token: token } = (await api.login('acme', 'auditor')).body
      expect((await revoke({ token })).status).toBe(200)
      expect((await me(access)).body.type).toBe(problem('session-revoked'))
      expect((await refresh(token)).status).toBe(400)
      expect((await revoke({ token })).status).toBe(200)
      expect((await revoke({ token: 'never issued' })).status).toBe(200)
    })

    test('revoking an access token ends it; another client cannot', async () => {
      const { tokenId, apiToken } = api.apiToken('acme')
      const { access_token: access } = (await exchange(basic(tokenId, apiToken))).body
      expect((await revoke({ token: access })).status).toBe(200)
      expect((await me(access)).status).toBe(200)
      expect((await revoke({ token: access }, { authorization: basic(tokenId, formatApiToken('test')) })).status).toBe(
        401,
      )
      expect((await revoke({ token: access }, { authorization: basic(tokenId, apiToken) })).status).toBe(200)
      expect((await me(access)).body.type).toBe(problem('session-revoked'))
    })

    test('a new password ends every session but the one that it starts', async () => {
      const { email, password } = api.user('acme', 'auditor')
      const elsewhere = (await api.login('acme', 'auditor')).body
      const here = (await api.login('acme', 'auditor')).body
      const change = (current: string, next: string) =>
        api.call('/v1/me/password', {
          method: 'POST',
          token: here.access_token,
          body: { current_password: current, new_password: next },
        })
      expect((await change('wrong password 1', 'a new password 1')).status).toBe(401)
      for (const weak of ['short1', 'lettersonlyhere', '123456789012', 'my acme password 1', 'auditor.acme 123']) {
        expect((await change(password, weak)).body.type).toBe(problem('password-refused'))
      }
      const changed = await change(password, 'correct horse 7 staple')
      expect(changed.status).toBe(200)
      api.clock.advance(1_000)
      expect((await me(here.access_token)).body.type).toBe(problem('session-revoked'))
      expect((await me(elsewhere.access_token)).body.type).toBe(problem('session-revoked'))
      expect((await refresh(elsewhere.refresh_token)).status).toBe(400)
      expect((await me(changed.body.access_token)).status).toBe(200)
      const login = (text: string) => api.call('/v1/auth/login', { method: 'POST', body: { email, password: text } })
      expect((await login(password)).status).toBe(401)
      expect((await login('correct horse 7 staple')).status).toBe(200)
    })

    test('an API token has no password to change', async () => {
      const token = await api.as('acme', 'integration')
      const body = { current_password: 'x', new_password: 'correct horse 7 staple' }
      expect((await api.call('/v1/me/password', { method: 'POST', token, body })).status).toBe(403)
    })

    test('disabling a user ends their sessions at the next request, and is refused to oneself and to an admin on an owner', async () => {
      const owner = await api.as('acme', 'owner')
      const admin = await api.as('acme', 'admin')
      const [ownerId, supportId] = [await idOf('owner'), await idOf('support')]
      const disable = (id: string, token: string) => api.call(`/v1/users/${id}/disable`, { method: 'POST', token })
      expect((await disable(ownerId, owner)).body.type).toBe(problem('permission-denied'))
      expect((await disable(ownerId, admin)).body.type).toBe(problem('permission-denied'))
      const session = (await api.login('acme', 'support')).body
      const disabled = await disable(supportId, admin)
      expect([disabled.status, disabled.body.status]).toEqual([200, 'disabled'])
      expect((await me(session.access_token)).body.type).toBe(problem('session-revoked'))
      expect((await refresh(session.refresh_token)).status).toBe(400)
      expect((await disable(supportId, admin)).body.type).toBe(problem('state-conflict'))
    })
  })

  test('what is taken away while the body arrives does not act: a session, a role, a role and the sessions with it', async () => {
    const owner = await api.as('acme', 'owner')
    const whole = await begin(api, await api.as('acme', 'maker'))
    expect(await finish(whole)).toMatch(/^HTTP\/1\.1 201 /)

    const revoked = (await api.login('acme', 'maker')).body
    const late = await begin(api, revoked.access_token)
    await api.call('/v1/oauth/revoke', { method: 'POST', form: { token: revoked.refresh_token } })
    const refused = await finish(late)
    expect(refused).toMatch(/^HTTP\/1\.1 401 /)
    expect(refused).toContain('/problems/session-revoked')

    // Another process took it: roles are read again within a second.
    const dropped = await begin(api, await api.as('acme', 'maker'))
    const [held] = await api.rows<{ id: string; expires_at: null }>(
      "select r.id from app.role_assignments r join app.tenants t on t.id = r.tenant_id where t.slug = 'acme' and r.role = 'maker'",
    )
    await api.rows("update app.role_assignments set expires_at = '2026-01-01' where id = $1", [held?.id])
    api.clock.advance(1_000)
    const denied = await finish(dropped)
    expect(denied).toMatch(/^HTTP\/1\.1 403 /)
    expect(denied).toContain('/problems/permission-denied')
    await api.rows('update app.role_assignments set expires_at = null where id = $1', [held?.id])
    api.clock.advance(1_000)

    const ended = await begin(api, await api.as('acme', 'maker'))
    const assignments = (await api.call('/v1/assignments?limit=100', { token: owner })).body.data
    const { id } = assignments.find(({ role }: { role: string }) => role === 'maker')
    expect((await api.call(`/v1/assignments/${id}`, { method: 'DELETE', token: owner })).status).toBe(200)
    const over = await finish(ended)
    expect(over).toMatch(/^HTTP\/1\.1 401 /)
    expect(over).toContain('/problems/session-revoked')
  })

  test('a key is no credential: an idempotency key does not authenticate', async () => {
    const { status } = await api.call('/v1/payments', { method: 'POST', key: newKey(), body: {} })
    expect(status).toBe(401)
  })
}
