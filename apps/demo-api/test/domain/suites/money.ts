import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseId } from '../../../src/http/identifier.js'
import { type Call, newKey, type Reply, type Role, type StartTestApp, type TestApp } from '../api.js'

/** Payments, cards and customers, over whichever database `start` opens. */
export function moneySuite(start: StartTestApp): void {
  let api: TestApp
  let customer: string
  let card: string

  beforeAll(async () => {
    api = await start({ sizes: { customers: 3, cards: 3, payments: 6 } })
    const token = await api.as('acme', 'maker')
    const made = await post('/v1/customers', 'maker', {
      name: 'Ada Money',
      email: 'ada.money@example.com',
      phone: '+447700900123',
      address: { line1: '1 High Road', city: 'Lagos', country: 'NG' },
      date_of_birth: '1990-02-28',
      national_id: 'NIN-12345678',
    })
    customer = made.body.id
    card = (await post(`/v1/customers/${customer}/cards`, 'maker', newCard('4242424242424242'))).body.id
    expect([typeof token, made.status]).toEqual(['string', 201])
  })
  afterAll(() => api?.close())

  const problem = (code: string) => `${api.publicUrl}/problems/${code}`
  const newCard = (number: string) => ({ number, exp_month: 6, exp_year: 2031, cardholder_name: 'Ada Money' })
  const pay = (more: object = {}) => ({ customer, card, amount: 125_000, currency: 'NGN', ...more })

  async function post(path: string, role: Role, body?: unknown, key: string | null = newKey()): Promise<Reply> {
    const call: Call = { method: 'POST', token: await api.as('acme', role), body, ...(key === null ? {} : { key }) }
    return api.call(path, call)
  }

  async function get(path: string, role: Role): Promise<Reply> {
    return api.call(path, { token: await api.as('acme', role) })
  }

  describe('maker and checker', () => {
    test('a payment waits for a checker, whose approval names the decision', async () => {
      const made = await post('/v1/payments', 'maker', pay({ description: 'School fees', metadata: { order: 'A-1' } }))
      expect([made.status, made.body.status, made.body.amount]).toEqual([201, 'requires_approval', 125_000])
      const approved = await post(`/v1/payments/${made.body.id}/approve`, 'checker')
      expect([approved.status, approved.body.status]).toEqual([200, 'succeeded'])
      expect(approved.body.decision_id).toMatch(/^dec_/)
      expect(approved.body.decided_by).not.toBe(approved.body.requested_by)
      expect((await get(`/v1/payments/${made.body.id}`, 'auditor')).body).toEqual(approved.body)
    })

    test('a rejected payment stays rejected', async () => {
      const { id } = (await post('/v1/payments', 'maker', pay())).body
      expect((await post(`/v1/payments/${id}/reject`, 'checker')).body.status).toBe('rejected')
      expect((await post(`/v1/payments/${id}/approve`, 'checker')).body.type).toBe(problem('state-conflict'))
    })

    test('nobody approves what they asked for, not even through an API token of theirs', async () => {
      // The maker becomes a checker after asking: four eyes compare persons, not roles.
      const { id } = (await post('/v1/payments', 'maker', pay())).body
      const owner = await api.as('acme', 'owner')
      const assignments = (await get('/v1/assignments?limit=100', 'owner')).body.data
      const maker = assignments.find(({ role }: { role: string }) => role === 'maker')
      await api.call(`/v1/assignments/${maker.id}`, { method: 'DELETE', token: owner })
      const body = { user: maker.user, role: 'checker' }
      expect((await api.call('/v1/assignments', { method: 'POST', token: owner, body })).status).toBe(201)
      // Who loses a role is logged out.
      api.forget('acme', 'maker')

      const refused = await post(`/v1/payments/${id}/approve`, 'maker')
      expect([refused.status, refused.body.type]).toEqual([403, problem('permission-denied')])
      const why = await api.call('/v1/policy/explain', {
        method: 'POST',
        token: owner,
        body: { decision_id: refused.body.decision_id },
      })
      expect(why.body).toMatchObject({ decision: 'deny', reason: 'denied', rule_id: 'four-eyes', roles: ['checker'] })
      const rule = why.body.rules.find(({ id: name }: { id: string }) => name === 'four-eyes')
      expect(rule).toMatchObject({
        effect: 'deny',
        verdict: 'true',
        when: 'resource.requestedByPerson eq $subject.person',
      })
      expect((await post(`/v1/payments/${id}/approve`, 'checker')).status).toBe(200)

      const now = (await get('/v1/assignments?limit=100', 'owner')).body.data
      const again = now.find(
        ({ user, role }: { user: string; role: string }) => user === maker.user && role === 'checker',
      )
      await api.call(`/v1/assignments/${again.id}`, { method: 'DELETE', token: owner })
      await api.call('/v1/assignments', { method: 'POST', token: owner, body: { user: maker.user, role: 'maker' } })
      api.forget('acme', 'maker')
    })

    test('why a maker may not approve their own payment names the role and four eyes both', async () => {
      const { id, requested_by: subject } = (await post('/v1/payments', 'maker', pay())).body
      const explain = async (body: object) =>
        (await api.call('/v1/policy/explain', { method: 'POST', token: await api.as('acme', 'owner'), body })).body
      const asked = await explain({ subject, permission: 'payment:approve', resource: id })
      expect([asked.reason, asked.text]).toEqual([
        'no-permit',
        'No role of the subject permits payment:approve. The rule four-eyes denies it as well (resource.requestedByPerson eq $subject.person).',
      ])
      // The refusal itself was made before the row was read.
      const refused = await post(`/v1/payments/${id}/approve`, 'maker')
      const told = await explain({ decision_id: refused.body.decision_id })
      expect(told.text).toContain(
        'The rule four-eyes may deny it as well (resource.requestedByPerson eq $subject.person).',
      )
    })

    test('of approvals and rejections that race, one has effect', async () => {
      const { id } = (await post('/v1/payments', 'maker', pay())).body
      const verbs = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'approve' : 'reject'))
      const answers = await Promise.all(verbs.map((verb) => post(`/v1/payments/${id}/${verb}`, 'checker')))
      const won = answers.filter(({ status }) => status === 200)
      expect(won).toHaveLength(1)
      expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
      expect((await get(`/v1/payments/${id}`, 'maker')).body.status).toBe(won[0]?.body.status)
    })

    test('below the threshold of the tenant a payment succeeds at once, at it it waits', async () => {
      await api.rows("update app.tenants set approval_threshold = 1000 where slug = 'acme'")
      const [below, at] = [
        await post('/v1/payments', 'maker', pay({ amount: 999 })),
        await post('/v1/payments', 'maker', pay({ amount: 1000 })),
      ]
      await api.rows("update app.tenants set approval_threshold = 0 where slug = 'acme'")
      expect([below.body.status, at.body.status]).toEqual(['succeeded', 'requires_approval'])
    })
  })

  describe('idempotency', () => {
    test('a repeat gets the first answer and makes nothing', async () => {
      const key = newKey()
      const first = await post('/v1/payments', 'maker', pay(), key)
      const repeat = await post('/v1/payments', 'maker', pay(), key)
      const quoted = await post('/v1/payments', 'maker', pay(), `"${key}"`)
      for (const { status, body, headers } of [repeat, quoted]) {
        expect([status, body, headers['idempotent-replayed']]).toEqual([201, first.body, 'true'])
      }
      expect(first.headers['idempotent-replayed']).toBeUndefined()
    })

    test('a hundred requests with one key make one payment', async () => {
      const key = newKey()
      const count = async () => (await api.rows<{ n: number }>('select count(*)::int n from app.payments'))[0]?.n ?? 0
      const before = await count()
      const answers = await Promise.all(Array.from({ length: 100 }, () => post('/v1/payments', 'maker', pay(), key)))
      const ids = new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.id))
      expect(ids.size).toBe(1)
      expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true)
      expect(await count()).toBe(before + 1)
    })

    test('another body under the same key is refused, another order of its members is not', async () => {
      const key = newKey()
      const first = await post('/v1/payments', 'maker', pay(), key)
      const mismatch = await post('/v1/payments', 'maker', pay({ amount: 1 }), key)
      expect([mismatch.status, mismatch.body.type]).toEqual([422, problem('idempotency-mismatch')])
      const shuffled = Object.fromEntries(Object.entries(pay()).reverse())
      expect((await post('/v1/payments', 'maker', shuffled, key)).body.id).toBe(first.body.id)
    })

    test('a key is of one principal: another one’s is another payment', async () => {
      const key = newKey()
      const [one, two] = [
        await post('/v1/payments', 'maker', pay(), key),
        await post('/v1/payments', 'integration', pay(), key),
      ]
      expect(two.status).toBe(201)
      expect(two.body.id).not.toBe(one.body.id)
    })

    test('a refusal is not remembered, and a missing or malformed key is refused', async () => {
      const key = newKey()
      expect((await post('/v1/payments', 'maker', pay({ card: `card_${'0'.repeat(26)}` }), key)).status).toBe(404)
      expect((await post('/v1/payments', 'maker', pay(), key)).status).toBe(201)
      expect((await post('/v1/payments', 'maker', pay(), null)).body.type).toBe(problem('idempotency-key-missing'))
      for (const bad of ['', ' ', 'a b', 'x'.repeat(65), '"open']) {
        expect((await post('/v1/payments', 'maker', pay(), bad)).status).toBe(400)
      }
    })

    test('a key is forgotten after 24 hours, and not a moment before', async () => {
      const key = newKey()
      const first = (await post('/v1/payments', 'maker', pay(), key)).body.id
      await api.pass(24 * 3_600_000 - 1)
      api.forget()
      expect((await post('/v1/payments', 'maker', pay(), key)).body.id).toBe(first)
      api.clock.advance(1)
      api.forget()
      expect((await post('/v1/payments', 'maker', pay(), key)).body.id).not.toBe(first)
    })
  })

  describe('input', () => {
    test.each([
      ['an amount of zero', { amount: 0 }],
      ['a negative amount', { amount: -1 }],
      ['an amount in text', { amount: '125000' }],
      ['a fraction', { amount: 1.5 }],
      ['an amount past the largest', { amount: 1_000_000_000_000 }],
      ['another currency', { currency: 'XTS' }],
      ['an unknown member', { status: 'succeeded' }],
      ['metadata that is no text', { metadata: { note: 1 } }],
      ['metadata that nests', { metadata: { a: { b: 'c' } } }],
    ])('%s is refused', async (_name, more) => {
      const { status, body } = await post('/v1/payments', 'maker', pay(more))
      expect([status, body.type]).toEqual([400, problem('validation-failed')])
    })

    test('the largest amount and `constructor` as a metadata name come back as they were', async () => {
      const more = { amount: 999_999_999_999, metadata: { constructor: 'text', toString: 'x' } }
      const { body } = await post('/v1/payments', 'maker', pay(more))
      expect([body.amount, body.metadata]).toEqual([more.amount, more.metadata])
    })

    test.each([
      '4242 4242 4242 4242',
      '4242-4242-4242-4242',
      'card 4242.4242.4242.4242 please',
      '４２４２４２４２４２４２４２４２',
    ])('free text with a card number is refused: %s', async (text) => {
      for (const more of [{ description: text }, { metadata: { note: text } }]) {
        const answer = await post('/v1/payments', 'maker', pay(more))
        expect([answer.status, answer.body.type]).toEqual([422, problem('cardholder-data-in-text')])
        expect(answer.text).not.toContain('4242')
      }
    })

    test('a card pays for its own customer only', async () => {
      const other = (await post('/v1/customers', 'maker', { name: 'Other Person' })).body.id
      expect((await post('/v1/payments', 'maker', pay({ customer: other }))).status).toBe(404)
    })

    test('a restricted customer gets neither payments nor cards, and can still be corrected', async () => {
      const { id } = (await post('/v1/customers', 'maker', { name: 'Restricted Person' })).body
      const own = (await post(`/v1/customers/${id}/cards`, 'maker', newCard('4111111111111111'))).body.id
      await api.rows("update app.customers set status = 'restricted' where id = $1", [parseId('cus', id)])
      for (const refused of [
        await post('/v1/payments', 'maker', pay({ customer: id, card: own })),
        await post(`/v1/customers/${id}/cards`, 'maker', newCard('4242424242424242')),
      ]) {
        expect([refused.status, refused.body.type]).toEqual([403, problem('permission-denied')])
      }
      const token = await api.as('acme', 'maker')
      const patched = await api.call(`/v1/customers/${id}`, { method: 'PATCH', token, body: { name: 'Corrected' } })
      expect([patched.status, patched.body.name]).toEqual([200, 'Corrected'])
    })

    test('a suspended tenant reads and does nothing else', async () => {
      await api.rows("update app.tenants set status = 'suspended' where slug = 'acme'")
      api.clock.advance(1_000)
      const refused = await post('/v1/payments', 'maker', pay())
      const read = await get('/v1/payments', 'maker')
      await api.rows("update app.tenants set status = 'active' where slug = 'acme'")
      api.clock.advance(1_000)
      expect([refused.status, refused.body.type, read.status]).toEqual([403, problem('permission-denied'), 200])
    })
  })

  describe('cards', () => {
    test('show first six and last four, and nothing of the number in between', async () => {
      const { body, text, status } = await post(`/v1/customers/${customer}/cards`, 'maker', newCard('5555555555554444'))
      expect(status).toBe(201)
      expect(body).toMatchObject({ brand: 'mastercard', bin: '555555', last4: '4444', exp_month: 6, exp_year: 2031 })
      expect(text).not.toContain('5555555555554444')
    })

    test('a verification code is refused, not ignored, and not repeated', async () => {
      for (const name of ['cvc', 'cvv', 'cvv2', 'security_code']) {
        const body = { ...newCard('4242424242424242'), [name]: '987' }
        const answer = await post(`/v1/customers/${customer}/cards`, 'maker', body)
        expect([answer.status, answer.body.type]).toEqual([400, problem('validation-failed')])
        expect(answer.text).not.toMatch(/987|cvc|cvv|security_code/)
      }
    })

    test.each([
      ['that fails Luhn', '4242424242424241'],
      ['of no known brand', '9999999999999995'],
      ['that is no published test number', '4539578763621486'],
    ])('a number %s is not accepted', async (_name, number) => {
      const answer = await post(`/v1/customers/${customer}/cards`, 'maker', newCard(number))
      expect([answer.status, answer.body.type]).toEqual([422, problem('card-not-accepted')])
      expect(answer.text).not.toContain(number)
    })

    test('a card is good to the end of its month', async () => {
      const now = new Date(api.clock.now())
      const month = { exp_month: now.getUTCMonth() + 1, exp_year: now.getUTCFullYear() }
      const last = new Date(Date.UTC(month.exp_year, month.exp_month - 2, 1))
      const past = { exp_month: last.getUTCMonth() + 1, exp_year: last.getUTCFullYear() }
      const path = `/v1/customers/${customer}/cards`
      expect((await post(path, 'maker', { ...newCard('4242424242424242'), ...month })).status).toBe(201)
      expect((await post(path, 'maker', { ...newCard('4242424242424242'), ...past })).status).toBe(422)
    })

    test('a number is in the vault once per tenant, however many cards carry it and however they race', async () => {
      const path = `/v1/customers/${customer}/cards`
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => post(path, 'maker', newCard('378282246310005'))),
      )
      expect(answers.every(({ status }) => status === 201)).toBe(true)
      const refs = await api.rows<{ n: number }>(
        "select count(distinct vault_ref)::int n from app.cards where bin = '378282' and tenant_id = (select id from app.tenants where slug = 'acme')",
      )
      expect(refs[0]?.n).toBe(1)
    })
  })

  describe('customers', () => {
    const person = () => ({
      name: 'Ada Money',
      email: 'ada.money@example.com',
      phone: '+447700900123',
      address: { line1: '1 High Road', city: 'Lagos', country: 'NG' },
      date_of_birth: '1990-02-28',
      national_id: 'NIN-12345678',
    })
    const masked = { email: 'a***@example.com', phone: '****0123', address: null }
    const hidden = { date_of_birth: null, national_id: '****5678' }
    const clear = () => {
      const { name, email, phone, address } = person()
      return { name, email, phone, address }
    }

    test.each<[Role, () => object, readonly string[]]>([
      ['owner', () => ({ name: 'Ada Money', ...masked, ...hidden }), []],
      ['admin', () => ({ name: 'Ada Money', ...masked, ...hidden }), []],
      ['maker', () => ({ ...clear(), ...hidden }), []],
      ['integration', () => ({ ...clear(), ...hidden }), []],
      ['checker', () => ({ name: 'Ada Money', ...masked }), ['date_of_birth', 'national_id']],
      ['support', clear, ['date_of_birth', 'national_id']],
      ['auditor', () => ({ name: null, ...masked, ...hidden }), []],
    ])('%s sees its fields of a customer, in every answer', async (role, fields, absent) => {
      const token = await api.as('acme', role)
      const search = { method: 'POST', token, body: { email: 'ADA.MONEY@example.com' } }
      const seen = [
        (await get(`/v1/customers/${customer}`, role)).body,
        (await get('/v1/customers?limit=100', role)).body.data.find(({ id }: { id: string }) => id === customer),
        (await api.call('/v1/customers/search', search)).body.data[0],
      ]
      for (const view of seen) {
        expect(view).toMatchObject({ id: customer, status: 'active', ...fields() })
        for (const name of absent) expect(view).not.toHaveProperty(name)
      }
    })

    test('are found by e-mail whatever the case, and not by a part of it', async () => {
      const token = await api.as('acme', 'support')
      const search = async (email: string) =>
        (await api.call('/v1/customers/search', { method: 'POST', token, body: { email } })).body.data.length
      expect(await search('Ada.Money@EXAMPLE.com')).toBe(1)
      expect(await search('ada.mone@example.com')).toBe(0)
    })

    test('a correction changes what it names, its index too, and nothing else', async () => {
      const { id } = (await post('/v1/customers', 'maker', { ...person(), email: 'before@example.com' })).body
      const token = await api.as('acme', 'support')
      const patch = (body: object) => api.call(`/v1/customers/${id}`, { method: 'PATCH', token, body })
      expect((await patch({ email: 'after@example.com' })).body).toMatchObject({
        email: 'after@example.com',
        name: 'Ada Money',
      })
      const search = async (email: string) =>
        (await api.call('/v1/customers/search', { method: 'POST', token, body: { email } })).body.data
      expect(await search('before@example.com')).toEqual([])
      expect((await search('after@example.com'))[0]?.id).toBe(id)
      expect((await patch({})).status).toBe(400)
      expect((await patch({ status: 'restricted' })).status).toBe(400)
      expect((await patch({ date_of_birth: '2025-02-30' })).status).toBe(400)
    })

    test('pages go from the newest to the oldest without a gap or a repeat', async () => {
      const token = await api.as('acme', 'support')
      const all = (await api.call('/v1/customers?limit=100', { token })).body.data.map(({ id }: { id: string }) => id)
      const seen: string[] = []
      for (let after = '', more = true; more; ) {
        const { body } = await api.call(`/v1/customers?limit=2${after && `&starting_after=${after}`}`, { token })
        seen.push(...body.data.map(({ id }: { id: string }) => id))
        more = body.has_more
        after = seen.at(-1) ?? ''
      }
      expect(seen).toEqual(all)
      expect([...all].sort().reverse()).toEqual(all)
      for (const limit of ['0', '101', '1.5', 'x', '']) {
        expect((await api.call(`/v1/customers?limit=${limit}`, { token })).status).toBe(400)
      }
    })
  })
}
