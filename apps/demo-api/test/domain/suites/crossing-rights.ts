import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createRevocations, type Revocations } from '../../../src/auth/revocations.js'
import { lockSubject } from '../../../src/auth/subject-rows.js'
import { createDatabase, type Transaction } from '../../../src/db/transaction.js'
import { formatId } from '../../../src/http/identifier.js'
import { underTenantLock } from '../../../src/tenants/tenants.js'
import { newKey, type Reply, type Role, type StartTestApp, type TestApp } from '../api.js'

interface Person {
  readonly id: string
  readonly token: string
}

/** Requests that wait for their transaction while a right of their sender goes, over whichever database `start` opens. */
export function crossingRightsSuite(start: StartTestApp): void {
  let api: TestApp
  let revocations: Revocations
  let tenantId: string
  beforeAll(async () => {
    api = await start({ sizes: { customers: 2, cards: 2, payments: 4 } })
    const database = createDatabase(api.app.source)
    revocations = await createRevocations({ database, issuer: api.publicUrl, clock: api.clock })
    const [tenant] = await api.rows<{ id: string }>("select id from app.tenants where slug = 'acme'")
    tenantId = tenant?.id ?? ''
  }, 180_000)
  afterAll(async () => {
    vi.restoreAllMocks()
    revocations?.index.close()
    await api?.close()
  })

  const problem = (code: string) => `${api.publicUrl}/problems/${code}`
  const outcome = ({ status, body }: Reply) => [status, body.type]
  const post = (path: string, token: string, body?: unknown) =>
    api.call(path, { method: 'POST', token, key: newKey(), ...(body === undefined ? {} : { body }) })

  async function person(role: Role): Promise<Person> {
    const [row] = await api.rows<{ id: string }>(
      'select user_id as id from app.role_assignments where role = $1 and tenant_id = $2',
      [role, tenantId],
    )
    const token = await api.as('acme', role)
    // Known to the guards, which will not look again within this second: the clock stands.
    await api.call('/v1/me', { token })
    return { id: row?.id ?? '', token }
  }

  /** Takes every role of a user away as the API does, and gives it back. */
  async function takeRoles(tx: Transaction, id: string): Promise<void> {
    await lockSubject(tx, 'user', id, 'no key update')
    await tx.query('delete from app.role_assignments where user_id = $1', [id])
  }
  const restore = ({ id }: Person, role: Role) =>
    api.rows(
      'insert into app.role_assignments (id, tenant_id, user_id, role, created_at) values (gen_random_uuid(), $1, $2, $3, now())',
      [tenantId, id, role],
    )

  /** Sends a request from inside a transaction that changes something, which commits once the request waits for it. */
  async function crossing(change: (tx: Transaction) => Promise<unknown>, send: () => Promise<Reply>): Promise<Reply> {
    const { source } = api.app
    const { answer } = await createDatabase(source).tenant(tenantId, async (tx) => {
      await change(tx)
      const arrivals = vi.spyOn(source, 'transaction')
      const answer = send()
      answer.catch(() => undefined)
      await vi.waitFor(() => expect(arrivals).toHaveBeenCalled(), { timeout: 20_000, interval: 5 })
      arrivals.mockRestore()
      if (source.kind === 'server') await expect.poll(isWaiting, { timeout: 20_000, interval: 20 }).toBe(true)
      return { answer }
    })
    return answer
  }
  /** Whether somebody waits for a lock of this database; the embedded one has one connection, so everybody does. */
  async function isWaiting(): Promise<boolean> {
    const [row] = await api.rows<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    return (row?.n ?? 0) > 0
  }

  async function waiting(): Promise<string> {
    const token = (await person('owner')).token
    const { body } = await api.call('/v1/payments?status=requires_approval&limit=1', { token })
    return body.data[0].id
  }
  const statusOf = async (payment: string) =>
    (await api.call(`/v1/payments/${payment}`, { token: await api.as('acme', 'owner') })).body.status

  describe('a request that waits while', () => {
    test('its sender loses a role and every session moves nothing', async () => {
      const [checker, payment] = [await person('checker'), await waiting()]
      const taken = async (tx: Transaction) => {
        await takeRoles(tx, checker.id)
        await revocations.endSubject(tx, formatId('usr', checker.id))
      }
      const answer = await crossing(taken, () => post(`/v1/payments/${payment}/approve`, checker.token))
      expect(outcome(answer)).toEqual([401, problem('session-revoked')])
      expect(await statusOf(payment)).toBe('requires_approval')
      await restore(checker, 'checker')
      api.forget('acme', 'checker')
    })

    test('its sender loses a role alone is refused by the policy', async () => {
      const [checker, payment] = [await person('checker'), await waiting()]
      const answer = await crossing(
        (tx) => takeRoles(tx, checker.id),
        () => post(`/v1/payments/${payment}/approve`, checker.token),
      )
      expect(outcome(answer)).toEqual([403, problem('permission-denied')])
      expect(await statusOf(payment)).toBe('requires_approval')
      await restore(checker, 'checker')
    })

    test('an administrator loses the role gives nobody one', async () => {
      const [admin, auditor] = [await person('admin'), await person('auditor')]
      const before = await api.rows('select id from app.role_assignments where user_id = $1', [auditor.id])
      const taken = async (tx: Transaction) => {
        await underTenantLock(tenantId).lock(tx)
        await takeRoles(tx, admin.id)
      }
      const body = { user: formatId('usr', auditor.id), role: 'support' }
      const answer = await crossing(taken, () => post('/v1/assignments', admin.token, body))
      expect(outcome(answer)).toEqual([403, problem('permission-denied')])
      expect(await api.rows('select id from app.role_assignments where user_id = $1', [auditor.id])).toEqual(before)
      await restore(admin, 'admin')
    })

    test('its sender is disabled moves nothing', async () => {
      const [support, victim] = [await person('admin'), await person('support')]
      const disable = (tx: Transaction) =>
        tx.query("update app.users set status = 'disabled' where id = $1", [support.id])
      const answer = await crossing(disable, () =>
        post(`/v1/users/${formatId('usr', victim.id)}/disable`, support.token),
      )
      expect(outcome(answer)).toEqual([401, problem('session-revoked')])
      expect(await api.rows('select status from app.users where id = $1', [victim.id])).toEqual([{ status: 'active' }])
      await api.rows("update app.users set status = 'active' where id = $1", [support.id])
    })

    test('its API token is revoked, or the owner of the token disabled, moves nothing', async () => {
      const token = await api.as('acme', 'integration')
      const [card] = await api.rows<{ id: string; customer_id: string }>(
        'select id, customer_id from app.cards where tenant_id = $1 limit 1',
        [tenantId],
      )
      const body = {
        customer: formatId('cus', card?.customer_id ?? ''),
        card: formatId('card', card?.id ?? ''),
        amount: 100,
        currency: 'EUR',
      }
      const count = () => api.rows('select count(*)::int as n from app.payments where tenant_id = $1', [tenantId])
      await api.call('/v1/me', { token })
      const before = await count()
      const owners = `(select owner_user_id from app.api_tokens where tenant_id = '${tenantId}')`
      const changes = [
        [
          `update app.api_tokens set revoked_at = now() where tenant_id = '${tenantId}'`,
          'update app.api_tokens set revoked_at = null',
        ],
        [`update app.users set status = 'disabled' where id in ${owners}`, "update app.users set status = 'active'"],
      ] as const
      for (const [change, back] of changes) {
        const answer = await crossing(
          (tx) => tx.query(change),
          () => post('/v1/payments', token, body),
        )
        expect(outcome(answer)).toEqual([401, problem('session-revoked')])
        await api.rows(back)
      }
      expect(await count()).toEqual(before)
      expect((await post('/v1/payments', token, body)).status).toBe(201)
    })
  })

  test('whoever takes a role away waits for what its holder is doing', async () => {
    const [owner, support] = [await person('owner'), await person('support')]
    const [held] = await api.rows<{ id: string }>('select id from app.role_assignments where user_id = $1', [
      support.id,
    ])
    const path = `/v1/assignments/${formatId('asg', held?.id ?? '')}`
    const answer = await crossing(
      (tx) => lockSubject(tx, 'user', support.id, 'share'),
      () => api.call(path, { method: 'DELETE', token: owner.token }),
    )
    expect(answer.status).toBe(200)
    await restore(support, 'support')
    api.forget('acme', 'support')
  })

  test('a new password whose session is ended while it is made is kept, and starts none', async () => {
    const { source } = api.app
    const begin = source.transaction.bind(source)
    const change = async (role: Role, next: string, token: string) =>
      post('/v1/me/password', token, { current_password: api.user('acme', role).password, new_password: next })
    const [maker, auditor, owner] = [await person('maker'), await person('auditor'), await person('owner')]
    const count = vi.spyOn(source, 'transaction')
    expect((await change('maker', 'correct horse 7 staple', maker.token)).status).toBe(200)
    const last = count.mock.calls.length
    count.mockRestore()

    const [held] = await api.rows<{ id: string }>('select id from app.role_assignments where user_id = $1', [
      auditor.id,
    ])
    const path = `/v1/assignments/${formatId('asg', held?.id ?? '')}`
    let seen = 0
    let taken: Reply | undefined
    // The last one stores the session.
    const crossed = vi.spyOn(source, 'transaction').mockImplementation(async (work) => {
      seen += 1
      if (seen === last) taken = await api.call(path, { method: 'DELETE', token: owner.token })
      return begin(work)
    })
    const answer = await change('auditor', 'correct horse 8 staple', auditor.token)
    crossed.mockRestore()
    expect(taken?.status).toBe(200)
    expect(outcome(answer)).toEqual([401, problem('session-revoked')])
  })
}
