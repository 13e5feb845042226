import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatId, parseId } from '../../../src/http/identifier.js'
import { newKey, type Role, type StartTestApp, type TestApp } from '../api.js'

/** Who opened what, over whichever database `start` opens. */
export function openingsSuite(start: StartTestApp): void {
  let api: TestApp
  let customer: string
  let card: string
  let payment: string
  const number = '4000056655665556'
  const person = {
    name: 'Opened Person',
    email: 'opened.person@example.com',
    phone: '+447700900222',
    address: { line1: '2 Opened Road', city: 'Lagos', country: 'NG' },
    date_of_birth: '1979-01-31',
    national_id: 'NIN-OPENED',
  }
  beforeAll(async () => {
    api = await start({ sizes: { customers: 2, cards: 2, payments: 2 } })
    customer = (await post('maker', '/v1/customers', person)).body.id
    const holder = { number, exp_month: 1, exp_year: 2032, cardholder_name: 'Opened Holder' }
    card = (await post('maker', `/v1/customers/${customer}/cards`, holder)).body.id
    const paid = { customer, card, amount: 4_242, currency: 'NGN', description: 'Opened text', metadata: { a: 'b' } }
    payment = (await post('maker', '/v1/payments', paid)).body.id
  })
  afterAll(() => api?.close())

  const problem = (code: string) => `${api.publicUrl}/problems/${code}`
  // IDs are ordered by the millisecond: no two requests share one here.
  const get = async (role: Role, path: string) => {
    api.clock.advance(1)
    return api.call(path, { token: await api.as('acme', role) })
  }
  const post = async (role: Role, path: string, body: unknown, key = newKey()) => {
    api.clock.advance(1)
    return api.call(path, { method: 'POST', token: await api.as('acme', role), key, body })
  }
  /** Another hour: tokens of the one before have expired. */
  const nextHour = async () => {
    await api.pass(3_600_000)
    api.forget()
  }
  const reveal = (reason = 'chargeback') => post('owner', `/v1/cards/${card}/reveal`, { reason })
  const newest = async (limit = 1) => (await get('auditor', `/v1/audit/openings?limit=${limit}`)).body.data
  // The clock of the test stands: records of one millisecond have no order.
  const recordsOf = async ({ headers }: { headers: Readonly<Record<string, unknown>> }) =>
    (await newest(100)).filter((record: { request_id: string }) => record.request_id === headers['request-id'])
  const keyId = async () => (await get('auditor', '/v1/keys')).body.data[0].id as string

  describe('an opening', () => {
    test('is recorded with who, which fields of which rows, why, under which request, decision and key', async () => {
      const seen = await get('support', `/v1/customers/${customer}`)
      expect(seen.body.email).toBe(person.email)
      const [opening] = await newest()
      expect(opening).toEqual({
        id: expect.stringMatching(/^opn_/),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        request_id: seen.headers['request-id'],
        actor: (await get('support', '/v1/me')).body.id,
        purpose: 'display',
        object: 'customers',
        rows: [customer],
        fields: ['name', 'email', 'phone', 'address'],
        key_ids: [await keyId()],
        outcome: 'success',
        code: null,
        decision_id: expect.stringMatching(/^dec_/),
        reason: null,
      })
    })

    test('is of what the policy shows and no more: a hidden field is not opened, a masked one is, to be masked', async () => {
      const fieldsFor = async (role: Role) => {
        await get(role, `/v1/customers/${customer}`)
        return (await newest())[0].fields
      }
      expect(await fieldsFor('checker')).toEqual(['name', 'email', 'phone', 'address'])
      expect(await fieldsFor('auditor')).toEqual(['name', 'email', 'phone', 'address', 'date_of_birth', 'national_id'])
    })

    test('of a list is one record that names every row', async () => {
      const { data } = (await get('maker', '/v1/customers')).body
      const [opening] = await newest()
      expect([...opening.rows].sort()).toEqual(data.map(({ id }: { id: string }) => id).sort())
    })

    test('has the purpose of its request: approve, replay, reveal', async () => {
      const key = newKey()
      const approve = () => post('checker', `/v1/payments/${payment}/approve`, undefined, key)
      expect([(await approve()).status, (await newest())[0].purpose]).toEqual([200, 'approve'])
      expect([(await approve()).status, (await newest())[0].purpose]).toEqual([200, 'replay'])
      const revealed = await reveal('fraud_review')
      expect(revealed.body).toEqual({
        id: card,
        number,
        cardholder_name: 'Opened Holder',
        exp_month: 1,
        exp_year: 2032,
      })
      expect(revealed.headers['cache-control']).toBe('no-store')
      const openings = await newest(2)
      expect(openings.map(({ purpose, reason }: { purpose: string; reason: string }) => [purpose, reason])).toEqual(
        Array(2).fill(['reveal', 'fraud_review']),
      )
      const byObject = new Map(openings.map(({ object, ...rest }: { object: string }) => [object, rest]))
      expect(byObject.get('cards')).toMatchObject({ rows: [card], fields: ['cardholder_name'] })
      expect(byObject.get('pans')).toMatchObject({ fields: ['pan'] })
    })

    test('of a card number asks for a reason of the list, and is refused to everyone but the owner', async () => {
      expect((await reveal('because')).status).toBe(400)
      expect((await post('owner', `/v1/cards/${card}/reveal`, {})).status).toBe(400)
      for (const role of ['admin', 'maker', 'checker', 'support', 'auditor', 'integration'] as const) {
        const { status } = await post(role, `/v1/cards/${card}/reveal`, { reason: 'chargeback' })
        expect([role, status]).toEqual([role, 403])
      }
    })

    test('is seen by this tenant alone, and by no role but owner and auditor', async () => {
      const own = (await api.call('/v1/audit/openings', { token: await api.as('savanna', 'owner') })).body.data
      expect(own.flatMap(({ rows }: { rows: string[] }) => rows)).not.toContain(customer)
      expect((await get('support', '/v1/audit/openings')).status).toBe(403)
    })

    test('holds nothing personal, and can be neither changed nor deleted by the role that serves', async () => {
      const rows = await api.rows<{ row: string }>('select o::text as row from app.openings o')
      const text = rows.map(({ row }) => row).join('\n')
      const { address, ...flat } = person
      for (const value of [...Object.values(flat), address.line1, number, 'Opened Holder', '4242', 'Opened text']) {
        expect([value, text.includes(value)]).toEqual([value, false])
      }
      const grants = await api.rows<{ privilege: string }>(
        "select privilege_type as privilege from information_schema.table_privileges where table_name = 'openings' and grantee in ('coffer_app', 'coffer_auth', 'coffer_vault') order by 1",
      )
      expect(grants.map(({ privilege }) => privilege)).toEqual(['INSERT', 'SELECT'])
    })
  })

  describe('without its record', () => {
    test('nothing is shown and nothing is done: 503, and the write is undone', async () => {
      const count = async () => (await api.rows('select 1 from app.customers')).length
      const before = await count()
      await api.rows("alter table app.openings add constraint refuse check (actor = 'nobody') not valid")
      const read = await get('support', `/v1/customers/${customer}`)
      const made = await post('maker', '/v1/customers', { name: 'Never Made' })
      const revealed = await reveal()
      await api.rows('alter table app.openings drop constraint refuse')
      for (const { status, body, text } of [read, made, revealed]) {
        expect([status, body.type]).toEqual([503, problem('audit-unavailable')])
        expect(text).not.toMatch(/Opened|Never|4000056/)
      }
      expect(read.headers['retry-after']).toBe('5')
      expect(await count()).toBe(before)
      expect((await get('support', `/v1/customers/${customer}`)).status).toBe(200)
    })
  })

  describe('what was changed in the database', () => {
    /** Every encrypted column that an answer shows: its table, the row that is changed, and how it is read. */
    const columns = () =>
      [
        ...['name', 'email', 'phone', 'address', 'date_of_birth', 'national_id'].map((column) => ({
          table: 'app.customers',
          column,
          id: parseId('cus', customer) ?? '',
          read: () => get('maker', `/v1/customers/${customer}`),
        })),
        ...['amount', 'description', 'metadata'].map((column) => ({
          table: 'app.payments',
          column,
          id: parseId('pay', payment) ?? '',
          read: () => get('maker', `/v1/payments/${payment}`),
        })),
        { table: 'app.cards', column: 'cardholder_name', id: parseId('card', card) ?? '', read: () => reveal() },
      ] as const

    test('does not open, whichever column: edited, from another row, from another column; the failure is recorded', {
      timeout: 60_000,
    }, async () => {
      await nextHour()
      const other = (await post('maker', '/v1/customers', { ...person, name: 'Other' })).body.id
      const elsewhere = (
        await post('maker', `/v1/customers/${other}/cards`, {
          number: '4242424242424242',
          exp_month: 1,
          exp_year: 2032,
          cardholder_name: 'Other Holder',
        })
      ).body.id
      await post('maker', '/v1/payments', {
        customer: other,
        card: elsewhere,
        amount: 1,
        currency: 'NGN',
        description: 'x',
        metadata: { a: 'b' },
      })
      for (const { table, column, id, read } of columns()) {
        const [stored] = await api.rows<{ own: string; foreign: string }>(
          `select ${column} as own, (select y.${column} from ${table} y where y.id > x.id and y.${column} is not null order by y.id desc limit 1) as foreign from ${table} x where id = $1`,
          [id],
        )
        const own = stored?.own ?? ''
        const [sibling] = await api.rows<{ value: string }>(
          `select ${table === 'app.payments' ? 'amount' : table === 'app.cards' ? 'cardholder_name' : column === 'name' ? 'national_id' : 'name'} as value from ${table} where id = $1`,
          [id],
        )
        const forged = {
          edited: `${own.slice(0, 30)}${own[30] === 'A' ? 'B' : 'A'}${own.slice(31)}`,
          moved: stored?.foreign ?? '',
          ...(sibling?.value === own ? {} : { sibling: sibling?.value ?? '' }),
        }
        for (const [how, value] of Object.entries(forged)) {
          await api.rows(`update ${table} set ${column} = $2 where id = $1`, [id, value])
          const { status, body, text, headers } = await read()
          const [record] = await newest()
          expect([column, how, status, body.type]).toEqual([column, how, 500, problem('internal')])
          expect(text).not.toMatch(/Opened|NIN|4000056/)
          expect(record).toMatchObject({
            request_id: headers['request-id'],
            outcome: 'failure',
            code: expect.stringMatching(/^COFFER_FIELD_ENCRYPTION_(?:DECRYPTION_FAILED|MALFORMED|TYPE_MISMATCH)$/),
          })
        }
        await api.rows(`update ${table} set ${column} = $2 where id = $1`, [id, own])
        expect([column, (await read()).status]).toEqual([column, 200])
      }
    })

    test('a value of another tenant, whole row and all, does not open', async () => {
      const [row] = await api.rows<{ id: string; name: string }>('select id, name from app.customers where id = $1', [
        parseId('cus', customer),
      ])
      const [savanna] = await api.rows<{ id: string; name: string }>(
        "select c.id, c.name from app.customers c join app.tenants t on t.id = c.tenant_id where t.slug = 'savanna' limit 1",
      )
      await api.rows('update app.customers set name = $2 where id = $1', [savanna?.id, row?.name])
      const read = () =>
        api
          .as('savanna', 'maker')
          .then((token) => api.call(`/v1/customers/${formatId('cus', savanna?.id ?? '')}`, { token }))
      expect((await read()).status).toBe(500)
      await api.rows('update app.customers set name = $2 where id = $1', [savanna?.id, savanna?.name])
      expect((await read()).status).toBe(200)
    })

    test('a card that points to another entry of the vault shows no number', async () => {
      const [row] = await api.rows<{ vault_ref: string }>('select vault_ref from app.cards where id = $1', [
        parseId('card', card),
      ])
      await api.rows(
        'update app.cards set vault_ref = (select id from vault.pans where tenant_id = app.cards.tenant_id and id <> vault_ref limit 1) where id = $1',
        [parseId('card', card)],
      )
      const { status, text } = await reveal()
      await api.rows('update app.cards set vault_ref = $2 where id = $1', [parseId('card', card), row?.vault_ref])
      expect([status, /[0-9]{12}/.test(text.replace(/req_\w+/, ''))]).toEqual([500, false])
    })

    test('an answer that was stored for a repeat and then changed is not replayed', async () => {
      const key = newKey()
      const send = () => post('maker', '/v1/customers', { name: 'Repeated' }, key)
      expect((await send()).status).toBe(201)
      await api.rows(
        'update app.idempotency_keys x set answer = y.answer from app.idempotency_keys y where x.key = $1 and y.id <> x.id',
        [key],
      )
      expect((await send()).status).toBe(500)
    })
  })

  describe('budgets', () => {
    test('a hundred fields an hour are revealed to one caller; the next waits, and what is refused is recorded', {
      timeout: 60_000,
    }, async () => {
      await nextHour()
      for (let count = 0; count < 50; count += 1) expect((await reveal()).status).toBe(200)
      const refused = await reveal()
      expect([refused.status, refused.body.type, refused.headers['retry-after']]).toEqual([
        429,
        problem('rate-limited'),
        '3600',
      ])
      const recorded = { outcome: 'failure', code: 'COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED' }
      expect(await recordsOf(refused)).toContainEqual(expect.objectContaining(recorded))
      // Other purposes and other callers have their own.
      expect((await get('owner', `/v1/payments/${payment}`)).status).toBe(200)
      await nextHour()
      expect((await reveal()).status).toBe(200)
      // Counted from the records, whoever wrote them: another process, or this one before it was started again.
      await api.rows(
        `insert into app.openings select ('00000000-0000-4000-8' || left(md5(random()::text), 3) || '-' || lpad(n::text, 12, '0'))::uuid, tenant_id, at, request_id, actor, purpose, object, row_ids, fields, key_ids, outcome, code, decision_id, reason
           from app.openings, generate_series(1, 97) n where id = (select id from app.openings where purpose = 'reveal' and outcome = 'success' order by id desc limit 1)`,
      )
      const refusedAgain = await reveal()
      expect(refusedAgain.status).toBe(429)
      expect(await recordsOf(refusedAgain)).toContainEqual(expect.objectContaining(recorded))
    })

    test('a caller has a hundred look-ups of card numbers an hour, found or not, each recorded', async () => {
      const search = (sought: string) => post('support', '/v1/cards/search', { number: sought })
      const [first, second] = [await search(number), await search('4000000000000002')]
      expect([first.body.data.length, second.body.data.length]).toEqual([1, 0])
      const [missed, hit] = await newest(2)
      expect([hit.purpose, hit.object, hit.rows.length, missed.rows]).toEqual(['lookup', 'pans', 1, []])
      await api.rows(
        `insert into app.openings select gen_random_uuid(), tenant_id, at, request_id, actor, purpose, object, row_ids, fields, key_ids, outcome, code, decision_id, reason
           from app.openings, generate_series(1, 97) where id = $1`,
        [parseId('opn', missed.id)],
      )
      expect((await search(number)).status).toBe(200)
      const refused = await search(number)
      expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3600'])
      await nextHour()
      expect((await search(number)).status).toBe(200)
    })
  })
}
