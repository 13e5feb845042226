import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatId, newUuid } from '../../../src/http/identifier.js'
import type { Role, StartTestApp, TenantSlug, TestApp } from '../api.js'
import { type Operation, type OwnObjects, operations } from './operations.js'

/** Who may do what, over whichever database `start` opens. */
export function authorizationGrid(start: StartTestApp): void {
  const roles: readonly Role[] = ['owner', 'admin', 'maker', 'checker', 'support', 'auditor', 'integration']
  let api: TestApp
  let own: OwnObjects
  let foreign: OwnObjects
  let expired: string
  const narrowTokens = new Map<string, Promise<string>>()

  /** One object of each kind of a tenant, read from the database so that the grid does not lean on the routes it tests. */
  async function objectsOf(slug: TenantSlug): Promise<OwnObjects> {
    const one = async (table: string, where = '') =>
      (
        await api.rows<{ id: string }>(
          `select x.id from app.${table} x join app.tenants t on t.id = x.tenant_id where t.slug = $1 ${where} limit 1`,
          [slug],
        )
      )[0]?.id ?? ''
    const [card] = await api.rows<{ id: string; customer_id: string }>(
      'select c.id, c.customer_id from app.cards c join app.tenants t on t.id = c.tenant_id where t.slug = $1 limit 1',
      [slug],
    )
    const support = slug === 'acme' ? "and r.role = 'support'" : "and r.role = 'checker'"
    const [held] = await api.rows<{ id: string; user_id: string }>(
      `select r.id, r.user_id from app.role_assignments r join app.tenants t on t.id = r.tenant_id where t.slug = $1 ${support}`,
      [slug],
    )
    return {
      customer: formatId('cus', card?.customer_id ?? ''),
      card: formatId('card', card?.id ?? ''),
      payment: formatId('pay', await one('payments', "and x.status = 'requires_approval'")),
      user: formatId('usr', held?.user_id ?? ''),
      assignment: formatId('asg', held?.id ?? ''),
    }
  }

  beforeAll(async () => {
    api = await start({ sizes: { customers: 4, cards: 6, payments: 60 } })
    own = await objectsOf('acme')
    foreign = await objectsOf('savanna')
    expired = (await api.login('acme', 'owner')).body.access_token
    await api.pass(3_700_000)
  })
  afterAll(() => api?.close())

  const prefixes = { assignment: 'asg', card: 'card', customer: 'cus', payment: 'pay', user: 'usr' } as const

  function send(operation: Operation, id: string, token: string | undefined) {
    return api.call(operation.path(id), { method: operation.method, ...operation.call?.(own), token })
  }

  function idOf(operation: Operation, of: OwnObjects): string {
    return operation.object === 'none' ? '' : of[operation.object]
  }

  /** An owner's token for one scope, logged in once. */
  function narrowed(scope: string): Promise<string> {
    const { email, password } = api.user('acme', 'owner')
    const made = () =>
      api
        .call('/v1/auth/login', { method: 'POST', body: { email, password, scope } })
        .then(({ body }) => body.access_token)
    const token = narrowTokens.get(scope) ?? made()
    narrowTokens.set(scope, token)
    return token
  }

  describe.each(operations)('$method $name', (operation) => {
    const withObject = operation.object !== 'none'

    test('without a token it is refused as unauthenticated', async () => {
      const { status, headers } = await send(operation, idOf(operation, own), undefined)
      expect(status).toBe(401)
      expect(headers['www-authenticate']).toMatch(/^Bearer /)
    })

    test('with an expired token it is refused', async () => {
      const { status, body } = await send(operation, idOf(operation, own), expired)
      expect([status, body.type]).toEqual([401, `${api.publicUrl}/problems/token-expired`])
    })

    if (operation.permission !== 'self') {
      test('with a token of another scope it is refused', async () => {
        const token = await narrowed(operation.permission === 'tenant:read' ? 'role:read' : 'tenant:read')
        const { status, body } = await send(operation, idOf(operation, own), token)
        expect([status, body.type]).toEqual([403, `${api.publicUrl}/problems/scope-insufficient`])
      })
    }

    test.each(roles)('%s', async (role) => {
      const token = await api.as('acme', role)
      const allowed = operation.who.includes(role)
      if (!allowed || operation.ends === undefined) {
        const { status, body } = await send(operation, idOf(operation, own), token)
        if (allowed) {
          expect(operation.passes).toContain(status)
        } else {
          // An API token lacks the scope as well; a user is refused by the policy, with the ID to ask why.
          const problem = role === 'integration' ? 'scope-insufficient' : 'permission-denied'
          expect([status, body.type]).toEqual([403, `${api.publicUrl}/problems/${problem}`])
          if (role !== 'integration') expect(body.decision_id).toMatch(/^dec_/)
        }
      }
      if (!withObject) return

      const absent = formatId(prefixes[operation.object as keyof typeof prefixes], newUuid(api.clock.now()))
      const answers = await Promise.all(
        [idOf(operation, foreign), absent, 'not-an-id'].map((id) => send(operation, id, token)),
      )
      for (const answer of answers) {
        expect(answer.status).toBe(allowed ? 404 : 403)
        if (allowed) expect({ ...answer.body, instance: '' }).toEqual({ ...answers[0]?.body, instance: '' })
      }
    })
  })

  test('a foreign ID in a body, a filter or a cursor finds nothing of the other tenant', async () => {
    const [maker, owner] = [await api.as('acme', 'maker'), await api.as('acme', 'owner')]
    const pay = (ids: object) => ({ customer: own.customer, card: own.card, amount: 1, currency: 'NGN', ...ids })
    for (const ids of [
      { customer: foreign.customer },
      { card: foreign.card },
      { customer: foreign.customer, card: foreign.card },
    ]) {
      const call = { method: 'POST', token: maker, key: crypto.randomUUID(), body: pay(ids) }
      expect((await api.call('/v1/payments', call)).status).toBe(404)
    }
    const filtered = await api.call(`/v1/payments?customer=${foreign.customer}`, { token: maker })
    expect(filtered.body).toEqual({ data: [], has_more: false })
    const all = await api.call('/v1/payments?limit=100', { token: maker })
    const after = await api.call(`/v1/payments?limit=100&starting_after=${foreign.payment}`, { token: maker })
    const mine = new Set(all.body.data.map(({ id }: { id: string }) => id))
    expect(after.body.data.every(({ id }: { id: string }) => mine.has(id))).toBe(true)
    for (const body of [
      { subject: foreign.user, permission: 'payment:read' },
      { subject: own.user, permission: 'payment:read', resource: foreign.payment },
      { subject: own.user, permission: 'customer:read', resource: foreign.customer },
      { subject: own.user, permission: 'card:read', resource: foreign.card },
      { subject: own.user, permission: 'user:read', resource: foreign.user },
      { subject: own.user, permission: 'assignment:delete', resource: foreign.assignment },
    ]) {
      expect((await api.call('/v1/policy/explain', { method: 'POST', token: owner, body })).status).toBe(404)
    }
  })

  test('the grid names every operation of the API document', async () => {
    const { body } = await api.call('/openapi.json')
    const documented = Object.entries(body.paths as Record<string, object>)
      .filter(([path]) => /^\/(v1|access)\//.test(path) && !/^\/v1\/(auth|oauth)\//.test(path))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .filter((name) => !name.startsWith('HEAD ') && name !== 'POST /v1/me/password')
    const tested = operations.map(({ method, path }) => `${method} ${path('{id}')}`)
    expect([...tested].sort()).toEqual([...documented].sort())
  })
}
