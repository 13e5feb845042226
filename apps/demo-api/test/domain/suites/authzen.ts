import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatId, newUuid } from '../../../src/http/identifier.js'
import { document } from '../../../src/policy/policy.js'
import type { Reply, Role, StartTestApp, TenantSlug, TestApp } from '../api.js'

interface Question {
  readonly subject: string
  readonly permission: string
  readonly resource: string
}

/** The policy decision point of AuthZEN 1.0, over whichever database `start` opens. */
export function authZenSuite(start: StartTestApp): void {
  const people: readonly Role[] = ['owner', 'admin', 'maker', 'checker', 'support', 'auditor']
  let api: TestApp
  const ids = new Map<string, string>()
  let payment: string
  let customer: string
  let card: string
  let tenant: string

  beforeAll(async () => {
    api = await start({ sizes: { customers: 2, cards: 2, payments: 12 } })
    for (const slug of ['acme', 'savanna'] as const) {
      const { body } = await api.call('/v1/users', { token: await api.as(slug, 'owner') })
      for (const { id, roles } of body.data) ids.set(`${slug}/${roles[0]}`, id)
    }
    const token = await api.as('acme', 'maker')
    const [made] = (await api.call('/v1/payments?status=requires_approval&limit=1', { token })).body.data
    ;({ id: payment, customer, card } = made)
    tenant = (await api.call('/v1/me', { token })).body.tenant.id
  }, 120_000)
  afterAll(() => api?.close())

  const idOf = (role: Role, slug: TenantSlug = 'acme') => ids.get(`${slug}/${role}`) ?? ''
  const problem = (code: string) => `${api.publicUrl}/problems/${code}`

  /** As AuthZEN writes it. */
  function evaluation({ subject, permission, resource }: Question) {
    const [type = '', name = ''] = permission.split(':')
    return { subject: { type: 'user', id: subject }, action: { name }, resource: { type, id: resource } }
  }

  async function post(path: string, body: unknown, headers: Record<string, string> = {}, role: Role = 'owner') {
    return api.call(`/access/v1/${path}`, { method: 'POST', token: await api.as('acme', role), body, headers })
  }
  const ask = async (question: Question) => (await post('evaluation', evaluation(question))).body
  const mayApprove = (role: Role) => ({ subject: idOf(role), permission: 'payment:approve', resource: payment })

  describe('an evaluation', () => {
    test('answers with the decision and nothing else', async () => {
      const { status, body, headers } = await post('evaluation', evaluation(mayApprove('checker')))
      expect([status, body, headers['cache-control']]).toEqual([200, { decision: true }, 'no-store'])
      expect(await ask(mayApprove('maker'))).toEqual({ decision: false })
    })

    test('believes no role, attribute or row of the request', async () => {
      const asked = evaluation(mayApprove('maker'))
      const claimed = { roles: ['checker'], person: newUuid(api.clock.now()), requestedByPerson: 'somebody' }
      const body = {
        subject: { ...asked.subject, properties: claimed },
        action: { ...asked.action, properties: claimed },
        resource: { ...asked.resource, properties: { ...claimed, tenantId: tenant } },
        context: claimed,
        unknown: 'ignored',
      }
      expect((await post('evaluation', body)).body).toEqual({ decision: false })
    })

    test('about who is no user of the tenant is no', async () => {
      const absent = formatId('usr', newUuid(api.clock.now()))
      for (const subject of [idOf('checker', 'savanna'), absent, 'checker', '', '__proto__']) {
        expect(await ask({ ...mayApprove('checker'), subject })).toEqual({ decision: false })
      }
      const { tokenId } = api.apiToken('acme')
      for (const subject of [
        { type: 'api-token', id: tokenId },
        { type: 'user', id: tokenId },
        { type: 'group', id: idOf('checker') },
      ]) {
        const asked = { ...evaluation(mayApprove('checker')), subject }
        expect((await post('evaluation', asked)).body).toEqual({ decision: false })
      }
    })

    test('on what is no row of the tenant is no, as is one on a row of another type', async () => {
      const [foreign] = (await api.call('/v1/payments?limit=1', { token: await api.as('savanna', 'maker') })).body.data
      const absent = formatId('pay', newUuid(api.clock.now()))
      for (const resource of [foreign.id, absent, customer, card, idOf('maker'), tenant, 'x']) {
        expect(await ask({ ...mayApprove('checker'), resource })).toEqual({ decision: false })
      }
      const read = { subject: idOf('owner'), permission: 'user:read' }
      expect(await ask({ ...read, resource: payment })).toEqual({ decision: false })
      expect(await ask({ ...read, resource: idOf('maker') })).toEqual({ decision: true })
    })

    test('on another tenant or on nothing is no, whatever the permission', async () => {
      const foreign = (await api.call('/v1/me', { token: await api.as('savanna', 'owner') })).body.tenant.id
      const permissions = Object.entries(document.resources).flatMap(([type, { actions }]) =>
        actions.map((action) => `${type}:${action}`),
      )
      for (const resource of [foreign, 'no-such-thing']) {
        for (let from = 0; from < permissions.length; from += 20) {
          const some = permissions.slice(from, from + 20)
          const evaluations = some.map((permission) => evaluation({ subject: idOf('owner'), permission, resource }))
          const { body } = await post('evaluations', { evaluations })
          expect(body.evaluations).toEqual(some.map(() => ({ decision: false })))
        }
      }
      // Of its own tenant the owner may.
      expect(await ask({ subject: idOf('owner'), permission: 'key:rotate', resource: tenant })).toEqual({
        decision: true,
      })
    })

    test('on what is yet to be made names what it is made in', async () => {
      const create = { subject: idOf('maker'), permission: 'payment:create', resource: customer }
      expect(await ask(create)).toEqual({ decision: true })
      const restrict = (status: string) => api.rows(`update app.customers set status = '${status}'`)
      await restrict('restricted')
      const restricted = await ask(create)
      await restrict('active')
      expect(restricted).toEqual({ decision: false })
      expect(await ask({ subject: idOf('maker'), permission: 'customer:create', resource: tenant })).toEqual({
        decision: true,
      })
    })

    test('of a permission that is none is no', async () => {
      for (const permission of ['payment:steal', 'constructor:toString', ':', 'payment:*'])
        expect(await ask({ ...mayApprove('owner'), permission })).toEqual({ decision: false })
    })

    test('follows a role at the next request', async () => {
      const assignment = { user: idOf('support'), role: 'checker' }
      const token = await api.as('acme', 'owner')
      expect(await ask(mayApprove('support'))).toEqual({ decision: false })
      const given = await api.call('/v1/assignments', { method: 'POST', token, body: assignment })
      expect(await ask(mayApprove('support'))).toEqual({ decision: true })
      await api.call(`/v1/assignments/${given.body.id}`, { method: 'DELETE', token })
      expect(await ask(mayApprove('support'))).toEqual({ decision: false })
    })
  })

  test('decides as the API itself explains: every permission of four roles', async () => {
    const resources = { payment, customer, card, user: idOf('support') }
    const questions = (['owner', 'maker', 'checker', 'support'] as const).flatMap((role) =>
      Object.entries(document.resources).flatMap(([type, { actions }]) =>
        actions.map((action) => ({
          subject: idOf(role),
          permission: `${type}:${action}`,
          resource:
            type === 'payment' && action === 'create'
              ? customer
              : (Object.entries(resources).find(([name]) => name === type)?.[1] ?? tenant),
        })),
      ),
    )
    const token = await api.as('acme', 'auditor')
    for (let from = 0; from < questions.length; from += 20) {
      const some = questions.slice(from, from + 20)
      const { body } = await post('evaluations', { evaluations: some.map(evaluation) })
      const explained = await Promise.all(
        some.map(async (question) => {
          const answer = await api.call('/v1/policy/explain', { method: 'POST', token, body: question })
          return { decision: answer.body.decision === 'permit' }
        }),
      )
      expect(body.evaluations).toEqual(explained)
    }
  })

  describe('evaluations', () => {
    const verdicts = ({ body }: Reply) => body.evaluations.map(({ decision }: { decision: boolean }) => decision)

    test('take what they lack from the request, and are answered in order', async () => {
      const { action, resource } = evaluation(mayApprove('checker'))
      const asked = people.map((role) => ({ subject: { type: 'user', id: idOf(role) } }))
      const answer = await post('evaluations', { action, resource, evaluations: asked })
      expect(verdicts(answer)).toEqual(people.map((role) => role === 'checker'))
    })

    test.each([
      ['execute_all', [true, false, true]],
      ['deny_on_first_deny', [true, false]],
      ['permit_on_first_permit', [true]],
    ])('under %s', async (semantic, expected) => {
      const evaluations = (['checker', 'maker', 'checker'] as const).map((role) => evaluation(mayApprove(role)))
      const answer = await post('evaluations', { evaluations, options: { evaluations_semantic: semantic } })
      expect(verdicts(answer)).toEqual(expected)
    })

    test('without items are one evaluation; an item that is none is an error in its place', async () => {
      expect((await post('evaluations', evaluation(mayApprove('checker')))).body).toEqual({ decision: true })
      const evaluations = [evaluation(mayApprove('checker')), { subject: 'canary' }, 7]
      const { status, body, text } = await post('evaluations', { evaluations })
      expect([status, verdicts({ body } as Reply)]).toEqual([200, [true, false, false]])
      expect(body.evaluations[1].context.error.status).toBe(400)
      expect(text).not.toContain('canary')
    })
  })

  describe('a request', () => {
    test.each([
      ['no subject', 'evaluation', { action: { name: 'read' }, resource: { type: 'payment', id: 'x' } }],
      [
        'an ID that is no text',
        'evaluation',
        { subject: { type: 'user', id: 7 }, action: { name: 'read' }, resource: { type: 'payment', id: 'x' } },
      ],
      ['an unknown semantic', 'evaluations', { evaluations: [{}], options: { evaluations_semantic: 'canary' } }],
      ['more evaluations than twenty', 'evaluations', { evaluations: Array.from({ length: 21 }, () => ({})) }],
      ['a list', 'evaluations', []],
    ])('with %s is refused without an echo', async (_fault, path, body) => {
      const answer = await post(path, body)
      expect([answer.status, answer.body.type]).toEqual([400, problem('validation-failed')])
      expect(answer.text).not.toContain('canary')
    })

    test('carries its X-Request-ID back, whatever the answer is', async () => {
      const id = { 'x-request-id': 'bfe9eb29-ab87-4ca3-be83-a1d5d8305716' }
      const asked = evaluation(mayApprove('checker'))
      const answers = [
        await post('evaluation', asked, id),
        await post('evaluation', {}, id),
        await post('evaluation', asked, id, 'maker'),
        await api.call('/access/v1/evaluation', { method: 'POST', body: asked, headers: id }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([200, 400, 403, 401])
      for (const { headers } of answers) {
        expect(headers['x-request-id']).toBe(id['x-request-id'])
        expect(headers['request-id']).toMatch(/^req_/)
      }
      const long = await post('evaluation', asked, { 'x-request-id': 'x'.repeat(257) })
      expect([long.status, long.headers['x-request-id']]).toEqual([400, undefined])
      const other = await api.call('/v1/me', { token: await api.as('acme', 'owner'), headers: id })
      expect(other.headers['x-request-id']).toBeUndefined()
    })

    test('of an API token needs the scope, which the token of the demo has not', async () => {
      const { tokenId, apiToken } = api.apiToken('acme')
      const exchanged = async () => (await api.login('acme', 'integration')).body.access_token as string
      const asked = { method: 'POST', body: evaluation(mayApprove('checker')) }
      const refused = await api.call('/access/v1/evaluation', { ...asked, token: await exchanged() })
      expect(refused.body.type).toBe(problem('scope-insufficient'))
      const change = (text: string) =>
        api.rows(`update app.api_tokens set scopes = ${text} where token_hash = encode(sha256($1::bytea), 'hex')`, [
          Buffer.from(apiToken),
        ])
      await change("scopes || '{policy:evaluate}'")
      api.clock.advance(1_000)
      const allowed = await api.call('/access/v1/evaluation', { ...asked, token: await exchanged() })
      await change("array_remove(scopes, 'policy:evaluate')")
      api.clock.advance(1_000)
      expect([tokenId.slice(0, 4), allowed.body]).toEqual(['tok_', { decision: true }])
    })

    test('whose row cannot be read is no answer about the subject', async () => {
      await api.rows('alter table app.payments rename to payments_away')
      const one = await post('evaluation', evaluation(mayApprove('checker')))
      const several = await post('evaluations', { evaluations: [evaluation(mayApprove('checker'))] })
      await api.rows('alter table app.payments_away rename to payments')
      for (const { status, body } of [one, several]) expect([status, body.type]).toEqual([500, problem('internal')])
      expect(await ask(mayApprove('checker'))).toEqual({ decision: true })
    })
  })

  test('the decision point says where it is', async () => {
    const { body } = await api.call('/.well-known/authzen-configuration')
    expect(body).toEqual({
      policy_decision_point: api.publicUrl,
      access_evaluation_endpoint: `${api.publicUrl}/access/v1/evaluation`,
      access_evaluations_endpoint: `${api.publicUrl}/access/v1/evaluations`,
    })
  })
}
