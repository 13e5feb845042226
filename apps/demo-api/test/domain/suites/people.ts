import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reply, Role, StartTestApp, TenantSlug, TestApp } from '../api.js'

/** Roles, networks and the policy's view of them, over whichever database `start` opens. */
export function peopleSuite(start: StartTestApp): void {
  let api: TestApp
  const ids = new Map<string, string>()
  beforeAll(async () => {
    api = await start({ sizes: { customers: 2, cards: 2, payments: 4 } })
    const { body } = await api.call('/v1/users', { token: await api.as('acme', 'owner') })
    for (const { id, roles } of body.data) ids.set(roles[0], id)
  })
  afterAll(() => api?.close())

  const problem = (code: string) => `${api.publicUrl}/problems/${code}`
  const as = (role: Role, tenant: TenantSlug = 'acme') => api.as(tenant, role)
  const idOf = (role: Role) => ids.get(role) ?? ''
  const assign = async (by: Role, user: string, role: string, more: object = {}) =>
    api.call('/v1/assignments', { method: 'POST', token: await as(by), body: { user, role, ...more } })
  const unassign = async (by: Role, id: string) =>
    api.call(`/v1/assignments/${id}`, { method: 'DELETE', token: await as(by) })
  const assignmentOf = async (user: string, role: string) =>
    (await api.call('/v1/assignments?limit=100', { token: await as('owner') })).body.data.find(
      (one: { user: string; role: string }) => one.user === user && one.role === role,
    )?.id as string

  const refresh = (token: string) =>
    api.call('/v1/oauth/token', { method: 'POST', form: { grant_type: 'refresh_token', refresh_token: token } })

  describe('assignments', () => {
    test.each([
      ['maker', 'checker'],
      ['checker', 'maker'],
      ['maker', 'auditor'],
      ['auditor', 'checker'],
      ['maker', 'owner'],
      ['checker', 'owner'],
    ] as const)('a %s cannot be a %s as well', async (holder, role) => {
      const { status, body } = await assign('owner', idOf(holder), role)
      expect([status, body.type]).toEqual([422, problem('separation-of-duties')])
      expect(await assignmentOf(idOf(holder), role)).toBeUndefined()
    })

    test('nobody gives to or takes from oneself, not even the owner', async () => {
      expect((await assign('owner', idOf('owner'), 'support')).body.type).toBe(problem('permission-denied'))
      const own = await assignmentOf(idOf('owner'), 'owner')
      expect((await unassign('owner', own)).body.type).toBe(problem('permission-denied'))
    })

    test('an admin gives maker, checker and support alone, and not to an owner', async () => {
      for (const role of ['owner', 'admin', 'auditor']) {
        expect((await assign('admin', idOf('support'), role)).body.type).toBe(problem('permission-denied'))
      }
      expect((await assign('admin', idOf('owner'), 'support')).body.type).toBe(problem('permission-denied'))
      const given = await assign('admin', idOf('support'), 'maker')
      expect([given.status, given.body.granted_by]).toEqual([201, idOf('admin')])
      expect((await assign('admin', idOf('support'), 'maker')).body.type).toBe(problem('state-conflict'))
    })

    test('a role that is given works at the next request of a session that is there, and ends none', async () => {
      const session = (await api.login('acme', 'support')).body
      const create = (token: string) =>
        api.call('/v1/customers', { method: 'POST', token, key: crypto.randomUUID(), body: { name: 'A B' } })
      expect((await create(session.access_token)).status).toBe(201)
      expect((await refresh(session.refresh_token)).status).toBe(200)
    })

    test('a role that is taken away is gone at the next request, and every session of its holder with it', async () => {
      const session = (await api.login('acme', 'support')).body
      const bystander = await as('auditor')
      const id = await assignmentOf(idOf('support'), 'maker')
      expect((await unassign('admin', id)).status).toBe(200)
      const { status, body } = await api.call('/v1/me', { token: session.access_token })
      expect([status, body.type]).toEqual([401, problem('session-revoked')])
      expect((await refresh(session.refresh_token)).body.error).toBe('invalid_grant')
      expect((await api.call('/v1/me', { token: bystander })).status).toBe(200)
      // Who logs in again, in the same instant too, has what is left.
      api.forget('acme', 'support')
      const token = await as('support')
      expect((await api.call('/v1/me', { token })).body.roles).toEqual(['support'])
      const create = { method: 'POST', token, key: crypto.randomUUID(), body: { name: 'A B' } }
      expect((await api.call('/v1/customers', create)).body.type).toBe(problem('permission-denied'))
      expect((await unassign('admin', id)).status).toBe(404)
    })

    test('a role that is not taken away after all ends no session', async () => {
      const session = (await api.login('acme', 'owner')).body
      const refused = await unassign('admin', await assignmentOf(idOf('owner'), 'owner'))
      expect(refused.body.type).toBe(problem('permission-denied'))
      expect((await api.call('/v1/me', { token: session.access_token })).status).toBe(200)
    })

    test('a role with an end is held up to it and not at it', async () => {
      const end = api.clock.now() + 60_000
      const expires = (ms: number) => ({ expires_at: new Date(ms).toISOString() })
      expect((await assign('owner', idOf('support'), 'maker', expires(api.clock.now()))).status).toBe(400)
      const leap = { expires_at: '2030-06-30T23:59:60Z' }
      expect((await assign('owner', idOf('support'), 'maker', leap)).status).toBe(400)
      expect((await assign('owner', idOf('support'), 'maker', expires(end))).status).toBe(201)
      const roles = async () => (await api.call('/v1/me', { token: await as('support') })).body.roles
      await api.pass(59_999)
      expect(await roles()).toEqual(['maker', 'support'])
      api.clock.advance(1)
      expect(await roles()).toEqual(['support'])
      // Its rights went with its end: taking it away logs nobody out.
      expect((await unassign('owner', await assignmentOf(idOf('support'), 'maker'))).status).toBe(200)
      expect(await roles()).toEqual(['support'])
    })

    test('a tenant keeps an owner: of two owners who take each other out at once, one stays', async () => {
      expect((await assign('owner', idOf('admin'), 'owner')).status).toBe(201)
      const [first, second] = [await assignmentOf(idOf('owner'), 'owner'), await assignmentOf(idOf('admin'), 'owner')]
      const answers = await Promise.all([unassign('owner', second), unassign('admin', first)])
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      const left = await api.rows(
        "select 1 from app.role_assignments r join app.tenants t on t.id = r.tenant_id where t.slug = 'acme' and r.role = 'owner'",
      )
      expect(left).toHaveLength(1)
      api.forget()
      // Whoever is left gives it back.
      const survivor = answers[0]?.status === 200 ? 'owner' : 'admin'
      if (survivor === 'admin') {
        expect((await assign('admin', idOf('owner'), 'owner')).status).toBe(201)
        expect((await unassign('owner', second)).status).toBe(200)
      }
      api.forget()
    })

    test('an owner for a while cannot remove the one who stays', async () => {
      const end = { expires_at: new Date(api.clock.now() + 60_000).toISOString() }
      expect((await assign('owner', idOf('admin'), 'owner', end)).status).toBe(201)
      const removed = await unassign('admin', await assignmentOf(idOf('owner'), 'owner'))
      expect([removed.status, removed.body.type]).toEqual([409, problem('last-owner')])
      const token = await as('admin')
      const disabled = await api.call(`/v1/users/${idOf('owner')}/disable`, { method: 'POST', token })
      expect([disabled.status, disabled.body.type]).toEqual([409, problem('last-owner')])
      await api.pass(60_000)
      expect((await unassign('admin', await assignmentOf(idOf('owner'), 'owner'))).status).toBe(403)
    })

    test('no user gets the role of API tokens, a role that is none, or a role of a foreign tenant', async () => {
      for (const role of ['integration', 'root', 'constructor', '__proto__']) {
        expect((await assign('owner', idOf('support'), role)).status).toBe(400)
      }
      const foreign = (await api.call('/v1/me', { token: await as('maker', 'savanna') })).body.id
      expect((await assign('owner', foreign, 'support')).status).toBe(404)
    })
  })

  describe('the policy', () => {
    test('is shown whole, with the hash that decisions carry', async () => {
      const { body } = await api.call('/v1/policy', { token: await as('auditor') })
      expect(body.hash).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(body.denies.map(({ id }: { id: string }) => id)).toContain('four-eyes')
      expect(body.constraints).toContainEqual({ id: 'one-duty', roles: ['maker', 'checker', 'auditor'], at_most: 1 })
      expect(body.roles.map(({ role }: { role: string }) => role)).toHaveLength(7)
    })

    test('explains what a subject would get, rule by rule, without a value of the row', async () => {
      const [payment] = await api
        .call('/v1/payments?status=requires_approval&limit=1', { token: await as('maker') })
        .then(({ body }) => body.data)
      const made = payment ?? (await api.call('/v1/payments?limit=1', { token: await as('maker') })).body.data[0]
      const explain = async (body: object) =>
        api.call('/v1/policy/explain', { method: 'POST', token: await as('owner'), body })
      const resource = made.id
      const checker = await explain({ subject: idOf('checker'), permission: 'payment:approve', resource })
      expect(checker.body).toMatchObject({ decision: 'permit', reason: 'permitted', roles: ['checker'] })
      const maker = await explain({ subject: idOf('maker'), permission: 'payment:approve', resource })
      expect(maker.body).toMatchObject({ decision: 'deny', reason: 'no-permit', roles: ['maker'] })
      expect(maker.body.text).toMatch(/^No role of the subject permits payment:approve\./)
      const unknown = await explain({ subject: idOf('maker'), permission: 'payment:steal', resource })
      expect(unknown.body).toMatchObject({ decision: 'deny', reason: 'unknown-permission' })
      expect(checker.text).not.toContain(String(made.amount))
    })

    test('explains a refusal by its ID to this tenant alone', async () => {
      const refused = await api.call('/v1/policy', { token: await as('maker') })
      expect(refused.status).toBe(403)
      const ask = async (tenant: TenantSlug) =>
        api.call('/v1/policy/explain', {
          method: 'POST',
          token: await as('owner', tenant),
          body: { decision_id: refused.body.decision_id },
        })
      expect((await ask('acme')).body).toMatchObject({
        subject: idOf('maker'),
        permission: 'policy:read',
        decision: 'deny',
        reason: 'no-permit',
      })
      expect((await ask('savanna')).status).toBe(404)
    })

    test('asks for a decision or for a subject with a permission, and not for both', async () => {
      for (const body of [{}, { subject: idOf('maker') }, { decision_id: 'dec_x', subject: idOf('maker') }]) {
        const answer = await api.call('/v1/policy/explain', { method: 'POST', token: await as('owner'), body })
        expect(answer.status).toBe(400)
      }
    })
  })

  describe('networks', () => {
    const put = async (rules: readonly object[], more: object = {}, tenant: TenantSlug = 'acme') =>
      api.call('/v1/tenant/network', { method: 'PUT', token: await as('owner', tenant), body: { rules, ...more } })

    test('are not in the starter plan', async () => {
      const { status, body } = await put([{ cidr: '127.0.0.0/8' }], {}, 'savanna')
      expect([status, body.type]).toEqual([403, problem('feature-not-in-plan')])
    })

    test('a list that would lock the caller out is refused, a dry run changes nothing', async () => {
      expect((await put([{ cidr: '203.0.113.0/24' }])).body.type).toBe(problem('would-lock-out'))
      const dry = await put([{ cidr: '127.0.0.1' }], { dry_run: true })
      expect([dry.status, dry.body.dry_run, dry.body.data[0].cidr]).toEqual([200, true, '127.0.0.1/32'])
      expect((await api.call('/v1/tenant/network', { token: await as('owner') })).body.data).toEqual([])
    })

    test('an entry that is no network is named by its index', async () => {
      for (const cidr of [
        '10.0.0.5/24',
        '10.0.0.0/33',
        '010.0.0.0/8',
        '::ffff:10.0.0.0/64',
        'fe80::1%lo',
        'x',
        '127.0.0.0/8',
      ]) {
        const { status, body, text } = await put([{ cidr: '127.0.0.0/8' }, { cidr }])
        expect([status, body.type, body.index]).toEqual([422, problem('network-list-invalid'), 1])
        expect(text).not.toContain('fe80')
      }
    })

    test('the growth plan has room for twenty', async () => {
      const rules = (count: number) =>
        Array.from({ length: count }, (_, index) => ({ cidr: index === 0 ? '127.0.0.0/8' : `10.${index}.0.0/16` }))
      expect((await put(rules(20), { dry_run: true })).status).toBe(200)
      expect((await put(rules(21), { dry_run: true })).body.type).toBe(problem('feature-not-in-plan'))
    })

    test('an address outside the list is refused at the next request, users and API tokens alike', async () => {
      const rows = "select id from app.tenants where slug = 'acme'"
      await as('integration')
      const set = await put([{ cidr: '::ffff:127.0.0.0/104', note: 'this machine' }])
      expect([set.status, set.body.data[0].cidr]).toEqual([200, '127.0.0.0/8'])
      const check = async (address: string) =>
        (await api.call('/v1/tenant/network/test', { method: 'POST', token: await as('admin'), body: { address } }))
          .body
      expect(await check('::ffff:127.0.0.9')).toEqual({ allowed: true, rule: '127.0.0.0/8' })
      expect(await check('203.0.113.9')).toEqual({ allowed: false, rule: null })
      // As if the list had been made elsewhere: this machine is not on it.
      await api.rows(`update app.network_rules set cidr = '203.0.113.0/24' where tenant_id = (${rows})`)
      api.clock.advance(1_000)
      for (const role of ['owner', 'integration'] as const) {
        const { status, body } = await api.call('/v1/me', { token: await as(role) })
        expect([status, body.type]).toEqual([403, problem('network-not-allowed')])
      }
      expect((await api.call('/v1/me', { token: await as('owner', 'savanna') })).status).toBe(200)
      await api.rows(`delete from app.network_rules where tenant_id = (${rows})`)
      api.clock.advance(1_000)
      expect((await api.call('/v1/me', { token: await as('owner') })).status).toBe(200)
    })

    test('an excluded network gets no token, and the right password there looks like a wrong one', async () => {
      const rows = "select id from app.tenants where slug = 'acme'"
      const { email, password } = api.user('acme', 'owner')
      const session = (await api.login('acme', 'support')).body.refresh_token
      expect((await put([{ cidr: '127.0.0.0/8' }])).status).toBe(200)
      await api.rows(`update app.network_rules set cidr = '203.0.113.0/24' where tenant_id = (${rows})`)
      api.clock.advance(1_000)
      const login = (body: object) => api.call('/v1/auth/login', { method: 'POST', body })
      const right = await login({ email, password })
      const wrong = await login({ email, password: 'not-the-password-1' })
      const token = await api.login('acme', 'integration')
      const form = { grant_type: 'refresh_token', refresh_token: session }
      const refreshed = await api.call('/v1/oauth/token', { method: 'POST', form })
      await api.rows("update app.coffer_jwt_families set rotated_at = rotated_at - interval '11 seconds'")
      const elsewhere = await api.login('savanna', 'maker')
      await api.rows(`delete from app.network_rules where tenant_id = (${rows})`)
      api.clock.advance(1_000)

      const seen = ({ status, headers, body: { instance: _, ...rest } }: Reply) => [status, Object.keys(headers), rest]
      expect(right.status).toBe(401)
      expect(right.headers['www-authenticate']).toBe('Bearer realm="fincode"')
      expect(seen(right)).toEqual(seen(wrong))
      expect([token.status, token.body.error]).toEqual([401, 'invalid_client'])
      expect([refreshed.status, refreshed.body.error]).toEqual([400, 'invalid_grant'])
      expect([right, token, refreshed].map(({ text }) => text).join()).not.toContain('access_token')
      expect(elsewhere.status).toBe(200)
      expect((await login({ email, password })).status).toBe(200)
      // Presented from the wrong network it was not spent: it serves from the right one, as if it had never been there.
      expect((await refresh(session)).status).toBe(200)
      expect(api.lines.join()).not.toContain(email)
    })

    test('an API token’s own list holds beside the tenant’s', async () => {
      const token = await as('integration')
      const where =
        "where id in (select a.id from app.api_tokens a join app.tenants t on t.id = a.tenant_id where t.slug = 'acme')"
      await api.rows(`update app.api_tokens set networks = '{203.0.113.0/24}' ${where}`)
      api.clock.advance(1_000)
      const { body } = await api.call('/v1/me', { token })
      await api.rows(`update app.api_tokens set networks = '{}' ${where}`)
      api.clock.advance(1_000)
      expect(body.type).toBe(problem('network-not-allowed'))
      expect((await api.call('/v1/me', { token })).status).toBe(200)
    })
  })
}
