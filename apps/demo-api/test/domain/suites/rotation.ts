import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tenantCiphertext } from '../../../src/encryption/key-usage.js'
import { parseId } from '../../../src/http/identifier.js'
import { newKey, type Role, type StartTestApp, type TestApp } from '../api.js'

interface KeyView {
  readonly id: string
  readonly version: number
  readonly encrypts: boolean
  readonly rows: number
  readonly columns: readonly { readonly table: string; readonly column: string; readonly rows: number }[]
}

/** Data keys that change while the API serves, over whichever database `start` opens. */
export function rotationSuite(start: StartTestApp): void {
  let api: TestApp
  beforeAll(async () => {
    api = await start({ sizes: { customers: 4, cards: 4, payments: 6 } })
  })
  afterAll(() => api?.close())

  const send = async (role: Role, path: string, body?: unknown, method = 'POST') =>
    api.call(path, {
      method,
      token: await api.as('acme', role),
      key: newKey(),
      ...(body === undefined ? {} : { body }),
    })
  const read = async (role: Role, path: string) => (await api.call(path, { token: await api.as('acme', role) })).body
  const keys = async (): Promise<readonly KeyView[]> => (await read('auditor', '/v1/keys')).data
  const rotate = () => send('owner', '/v1/keys/rotate')
  const person = (tag: string) => ({ name: `Rotated ${tag}`, email: `${tag}@example.com`, phone: '+447700900001' })
  const found = async (email: string) =>
    (await send('support', '/v1/customers/search', { email })).body.data.map(({ id }: { id: string }) => id)
  const cardOf = { exp_month: 1, exp_year: 2032, cardholder_name: 'A Holder' }

  test('counts what is under each key as the database holds it, column by column', async () => {
    const [only, ...others] = await keys()
    expect([only?.version, only?.encrypts, others]).toEqual([1, true, []])
    for (const [name, columns] of Object.entries(tenantCiphertext)) {
      const table = name.slice(name.indexOf('.') + 1)
      for (const column of columns) {
        const [stored] = await api.rows<{ rows: number }>(
          `select count(*)::int as rows from ${name} where ${column} like 'fle1.__${only?.id}.%' and tenant_id = (select id from app.tenants where slug = 'acme')`,
        )
        const counted = only?.columns.find((one) => one.table === table && one.column === column)?.rows ?? 0
        expect([name, column, counted]).toEqual([name, column, stored?.rows])
      }
    }
    expect(only?.rows).toBe(only?.columns.reduce((sum, { rows }) => sum + rows, 0))
  })

  test('names every column of ciphertext in its count', async () => {
    const columns = await api.rows<{ name: string }>(
      `select table_schema || '.' || table_name || '.' || column_name as name from information_schema.columns
        where domain_schema = 'app' and domain_name = 'fle1' order by 1`,
    )
    // The address of a user is under the platform's key: it is looked for before a tenant is known.
    const counted = Object.entries(tenantCiphertext).flatMap(([table, names]) =>
      names.map((name) => `${table}.${name}`),
    )
    expect(columns.map(({ name }) => name)).toEqual([...counted, 'app.users.email'].sort())
  })

  test('a rotation: new values are under the new key, old ones open, and a row moves when it is written', async () => {
    api.clock.advance(1)
    const old = (await send('maker', '/v1/customers', { ...person('old.one'), national_id: 'NIN-1' })).body
    const before = await read('maker', `/v1/customers/${old.id}`)
    api.clock.advance(1)
    const made = await rotate()
    expect([made.status, made.body.version, made.body.encrypts]).toEqual([201, 2, true])
    expect((await read('auditor', '/v1/audit/openings?limit=1')).data[0]).toMatchObject({
      request_id: made.headers['request-id'],
      actor: (await read('owner', '/v1/me')).id,
      purpose: 'rotate',
      key_ids: [made.body.id],
    })
    const keyIds = async (id: string) => {
      const [row] = await api.rows<Record<string, string>>(
        'select name, email, phone, national_id, email_eq, phone_eq from app.customers where id = $1',
        [parseId('cus', id)],
      )
      const { email_eq, phone_eq, ...cells } = row ?? {}
      const ids = Object.values(cells).flatMap((cell) => (cell === null ? [] : [cell.slice(7, 15)]))
      return { ids: new Set(ids), versions: new Set([email_eq?.slice(0, 2), phone_eq?.slice(0, 2)]) }
    }
    const first = (await keys())[1]
    expect(await keyIds(old.id)).toEqual({ ids: new Set([first?.id]), versions: new Set(['01']) })
    const fresh = (await send('maker', '/v1/customers', person('new.one'))).body
    expect(await keyIds(fresh.id)).toEqual({ ids: new Set([made.body.id]), versions: new Set(['02']) })
    expect(await read('maker', `/v1/customers/${old.id}`)).toEqual(before)

    // Support corrects the name, and may not see the national ID: it moves too, unseen.
    const corrected = await send('support', `/v1/customers/${old.id}`, { name: 'Rotated Corrected' }, 'PATCH')
    expect([corrected.status, 'national_id' in corrected.body]).toEqual([200, false])
    const openings = (await read('auditor', '/v1/audit/openings?limit=20')).data.filter(
      ({ request_id: request }: { request_id: string }) => request === corrected.headers['request-id'],
    )
    expect(openings.map(({ purpose, fields }: { purpose: string; fields: string[] }) => [purpose, fields])).toEqual(
      expect.arrayContaining([
        ['rekey', ['email', 'phone', 'national_id']],
        ['display', ['name', 'email', 'phone', 'address']],
      ]),
    )
    expect(await keyIds(old.id)).toEqual({ ids: new Set([made.body.id]), versions: new Set(['02']) })
    expect(await read('maker', `/v1/customers/${old.id}`)).toEqual({ ...before, name: 'Rotated Corrected' })
    const moved = (await keys())[1]
    expect((first?.rows ?? 0) - (moved?.rows ?? 0)).toBe(4)
    expect(await found('old.one@example.com')).toEqual([old.id])
    expect(await found('NEW.one@example.com')).toEqual([fresh.id])
  })

  test('two at once make one key, and one within the minute is the same', async () => {
    await api.pass(60_000)
    const before = (await keys()).length
    const answers = await Promise.all([rotate(), rotate(), rotate()])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201])
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    await api.pass(59_999)
    expect((await rotate()).status).toBe(200)
    // One record for one key: whoever is told of a key that is there has made none.
    expect(await api.rows("select 1 from app.openings where purpose = 'rotate'")).toHaveLength(before)
    expect((await keys()).map(({ encrypts }) => encrypts)).toEqual([true, ...Array(before).fill(false)])
  })

  test('a card number is stored once, found by its index and paid with, whatever key it is under', async () => {
    const customer = (await send('maker', '/v1/customers', person('card.owner'))).body.id
    const number = '6011000990139424'
    const count = async () => (await api.rows('select 1 from vault.pans')).length
    const key = newKey()
    const add = async () =>
      api.call(`/v1/customers/${customer}/cards`, {
        method: 'POST',
        token: await api.as('acme', 'maker'),
        key,
        body: { number, ...cardOf },
      })
    const pans = await count()
    const first = await add()
    await api.pass(60_000)
    expect((await rotate()).status).toBe(201)
    // The same request again, over a rotation, is a repeat; another one is another card of the same number.
    const repeated = await add()
    expect([repeated.status, repeated.headers['idempotent-replayed'], repeated.body]).toEqual([201, 'true', first.body])
    const second = (await send('maker', `/v1/customers/${customer}/cards`, { number, ...cardOf })).body
    expect(await count()).toBe(pans)
    const search = await send('support', '/v1/cards/search', { number })
    const ids = search.body.data.map(({ id }: { id: string }) => id)
    expect(ids).toEqual(expect.arrayContaining([first.body.id, second.id]))
    expect(search.text).not.toContain(number)
    const fresh = '3056930902'
    expect((await send('support', '/v1/cards/search', { number: `${fresh}5904` })).body.type).toMatch(
      /card-not-accepted$/,
    )
    expect((await send('support', '/v1/cards/search', { number: '4000000000000002' })).body).toEqual({ data: [] })
  })

  test('100 writes and reads while a key is rotated: none fails, and every value opens afterwards', {
    timeout: 60_000,
  }, async () => {
    await api.pass(60_000)
    const [customer] = (await read('maker', '/v1/customers?limit=1')).data
    const card = (await send('maker', `/v1/customers/${customer.id}/cards`, { number: '4242424242424242', ...cardOf }))
      .body
    const [maker, support] = [await api.as('acme', 'maker'), await api.as('acme', 'support')]
    const jobs = Array.from({ length: 100 }, (_, index) => {
      const job = index % 5
      if (job === 0)
        return () =>
          api.call('/v1/customers', { method: 'POST', token: maker, key: newKey(), body: person(`busy.${index}`) })
      if (job === 1)
        return () =>
          api.call('/v1/payments', {
            method: 'POST',
            token: maker,
            key: newKey(),
            body: { customer: customer.id, card: card.id, amount: 1_000 + index, currency: 'NGN' },
          })
      if (job === 2)
        return () =>
          api.call(`/v1/customers/${customer.id}`, { method: 'PATCH', token: support, body: { name: `Busy ${index}` } })
      return () => api.call(job === 3 ? '/v1/payments?limit=5' : '/v1/customers?limit=5', { token: maker })
    })
    const answers = await Promise.all([
      ...jobs.slice(0, 50).map((job) => job()),
      rotate(),
      ...jobs.slice(50).map((job) => job()),
    ])
    expect(answers.filter(({ status }) => status >= 400).map(({ text }) => text)).toEqual([])
    const payments = (await read('maker', '/v1/payments?limit=100')).data
    expect(payments.filter(({ amount }: { amount: number }) => amount > 1_000 && amount < 1_100)).toHaveLength(20)
    const busy = (await read('maker', '/v1/customers?limit=100')).data.filter(({ email }: { email: string | null }) =>
      email?.startsWith('busy.'),
    )
    expect(busy.map(({ email }: { email: string }) => email).sort()).toEqual(
      Array.from({ length: 20 }, (_, index) => `busy.${index * 5}@example.com`).sort(),
    )
  })

  describe('of another tenant', () => {
    test('nothing changes: its key, its values, its count', async () => {
      const token = await api.as('savanna', 'owner')
      const { data } = (await api.call('/v1/keys', { token })).body
      expect(data).toHaveLength(1)
      expect((await api.call('/v1/payments', { token })).status).toBe(200)
    })
  })

  test('a tenant has ten new keys in a day; the eleventh says when, and makes and records nothing', async () => {
    const token = () => api.as('savanna', 'owner')
    const rotateOther = async () => api.call('/v1/keys/rotate', { method: 'POST', token: await token() })
    await api.pass(86_400_000)
    api.forget()
    for (let count = 1; count <= 10; count += 1) {
      expect((await rotateOther()).status).toBe(201)
      await api.pass(60_000)
    }
    const stored = () =>
      api.rows("select 1 from app.data_keys d join app.tenants t on t.id = d.tenant_id where t.slug = 'savanna'")
    const recorded = () => api.rows("select 1 from app.openings where purpose = 'rotate'")
    const before = [(await stored()).length, (await recorded()).length]
    expect(before[0]).toBe(11)
    const refused = await rotateOther()
    expect([refused.status, refused.body.type, refused.headers['retry-after']]).toEqual([
      429,
      `${api.publicUrl}/problems/rate-limited`,
      String(86_400 - 600),
    ])
    expect([(await stored()).length, (await recorded()).length]).toEqual(before)
    // Another tenant's day is its own.
    expect((await rotate()).status).toBe(201)
    await api.pass(86_400_000 - 600_000)
    api.forget()
    expect((await rotateOther()).status).toBe(201)
  })
}
