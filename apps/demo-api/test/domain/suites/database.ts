import { createHash } from 'node:crypto'
import { is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as schema from '../../../src/db/schema.js'
import { createDatabase } from '../../../src/db/transaction.js'
import { parseId } from '../../../src/http/identifier.js'
import { newKey, type StartTestApp, type TestApp } from '../api.js'

/** Of `@coffer/jwt`'s stores: columns and all are the package's. */
const tokenTables = ['coffer_jwt_families', 'coffer_jwt_key_rings', 'coffer_jwt_revocations']

const row = (columns: string) => columns.split(' ').sort()

/** What a dump shows, by table. Whoever adds a column here says that it may be read by whoever holds the disk. */
const clearColumns = {
  'app.api_tokens': row(
    'id tenant_id name owner_user_id prefix token_hash scopes networks expires_at revoked_at created_at',
  ),
  'app.cards': row(
    'id tenant_id customer_id vault_ref brand bin last4 exp_month exp_year status created_by created_at',
  ),
  'app.customers': row('id tenant_id status created_by created_at'),
  'app.data_keys': row('tenant_id version record'),
  'app.idempotency_keys': row('id tenant_id principal route key fingerprint status expires_at'),
  'app.network_rules': row('id tenant_id position cidr note created_by created_at'),
  'app.openings': row(
    'id tenant_id at request_id actor purpose object row_ids fields key_ids outcome code decision_id reason',
  ),
  'app.payments': row(
    'id tenant_id customer_id card_id currency status requested_by requested_by_person decided_by decided_at decision_id policy_hash created_at',
  ),
  'app.role_assignments': row('id tenant_id user_id role granted_by expires_at created_at'),
  'app.tenants': row('id slug name plan status approval_threshold created_at'),
  'app.users': row('id tenant_id status person password_hash password_changed_at created_at'),
  'vault.pans': row('id tenant_id created_at'),
}

/** What the database holds, over whichever database `start` opens. */
export function databaseSuite(start: StartTestApp): void {
  let api: TestApp
  beforeAll(async () => {
    api = await start({ sizes: { customers: 3, cards: 4, payments: 8 } })
  })
  afterAll(() => api?.close())

  const tables = async () =>
    api.rows<{ schema: string; name: string; rls: boolean; forced: boolean; policies: number; owner: string }>(
      `select n.nspname as schema, c.relname as name, c.relrowsecurity as rls, c.relforcerowsecurity as forced,
              pg_get_userbyid(c.relowner) as owner,
              (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('app', 'vault') and c.relkind in ('r', 'p') order by 1, 2`,
    )

  describe('the catalogue', () => {
    test('every table of a tenant has forced row security; the three others hold no tenant', async () => {
      const open = (await tables()).filter(({ rls, forced, policies }) => !(rls && forced && policies > 0))
      expect(open.map(({ name }) => name)).toEqual(tokenTables)
      const tenantless = await api.rows<{ table_name: string }>(
        `select table_name from information_schema.tables t where table_schema in ('app', 'vault') and not exists
          (select from information_schema.columns c where c.table_schema = t.table_schema and c.table_name = t.table_name
             and c.column_name = 'tenant_id') order by 1`,
      )
      expect(tenantless.map(({ table_name: name }) => name)).toEqual([...tokenTables, 'tenants'])
    })

    test('is what the code says it is: every table, every column, and which may be null', async () => {
      const declared = Object.values(schema)
        .filter((one) => is(one, PgTable))
        .map((table) => getTableConfig(table))
        .flatMap(({ schema: folder, name, columns }) =>
          columns.map((column) => `${folder}.${name}.${column.name} ${column.notNull ? 'not null' : 'null'}`),
        )
      const found = await api.rows<{ line: string }>(
        `select table_schema || '.' || table_name || '.' || column_name || case is_nullable when 'YES' then ' null' else ' not null' end as line
           from information_schema.columns where table_schema in ('app', 'vault') and table_name <> all($1)`,
        [tokenTables],
      )
      expect(declared.sort()).toEqual(found.map(({ line }) => line).sort())
    })

    test('nothing is owned by a role that serves requests, and none of those can log in or bypass row security', async () => {
      expect((await tables()).every(({ owner }) => owner === 'coffer_owner')).toBe(true)
      const roles = await api.rows(
        "select rolname from pg_roles where rolname like 'coffer_%' and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole)",
      )
      expect(roles).toEqual([])
    })

    test('the columns of ciphertext are these, and each refuses plaintext', async () => {
      const columns = await api.rows<{ name: string }>(
        `select table_name || '.' || column_name as name from information_schema.columns
          where domain_schema = 'app' and domain_name = 'fle1' order by 1`,
      )
      expect(columns.map(({ name }) => name)).toEqual([
        'cards.cardholder_name',
        'customers.address',
        'customers.date_of_birth',
        'customers.email',
        'customers.name',
        'customers.national_id',
        'customers.phone',
        'idempotency_keys.answer',
        'pans.pan',
        'payments.amount',
        'payments.description',
        'payments.metadata',
        'users.email',
        'users.name',
      ])
      const token = await api.as('acme', 'maker')
      // A first answer to remember: every other table has rows from the start.
      await api.call('/v1/customers', { method: 'POST', token, key: newKey(), body: { name: 'First Person' } })
      for (const { name } of columns) {
        const [table = '', column = ''] = name.split('.')
        const schema = table === 'pans' ? 'vault' : 'app'
        await expect(api.rows(`update ${schema}.${table} set ${column} = 'plaintext'`)).rejects.toMatchObject({
          code: '23514',
        })
      }
    })

    test('every column is ciphertext, an index token, or one of these, which hold nothing personal', async () => {
      const columns = await api.rows<{ table: string; column: string }>(
        `select table_schema || '.' || table_name as table, column_name as column from information_schema.columns
          where table_schema in ('app', 'vault') and table_name <> all($1)
            and (domain_name is null or domain_name not in ('fle1', 'blind_index_64', 'blind_index_128')) order by 1, 2`,
        [tokenTables],
      )
      const found: Record<string, string[]> = {}
      for (const { table, column } of columns) found[table] = [...(found[table] ?? []), column]
      expect(found).toEqual(clearColumns)
    })

    test('no column could hold a card verification code', async () => {
      const columns = await api.rows(
        "select column_name from information_schema.columns where table_schema in ('app', 'vault') and column_name ~* '(cvc|cvv|csc|verification|security_code)'",
      )
      expect(columns).toEqual([])
    })

    test('privileges of the roles are these and no more', async () => {
      const grants = await api.rows<{ grant: string }>(
        `select distinct grantee || ' ' || table_name || ' ' || privilege_type as grant from information_schema.column_privileges
          where grantee like 'coffer_%' and grantee <> 'coffer_owner' and table_schema in ('app', 'vault')
         union select grantee || ' ' || table_name || ' ' || privilege_type from information_schema.table_privileges
          where grantee like 'coffer_%' and grantee <> 'coffer_owner' and table_schema in ('app', 'vault') order by 1`,
      )
      const of = (role: string) => grants.map(({ grant }) => grant).filter((grant) => grant.startsWith(`${role} `))
      expect(of('coffer_vault')).toEqual(['coffer_vault pans INSERT', 'coffer_vault pans SELECT'])
      expect(of('coffer_app').filter((grant) => / pans | coffer_jwt_/.test(grant))).toEqual([])
      expect(of('coffer_app').filter((grant) => / (TRUNCATE|REFERENCES|TRIGGER)$/.test(grant))).toEqual([])
      expect(of('coffer_app').filter((grant) => grant.endsWith(' DELETE'))).toEqual([
        'coffer_app idempotency_keys DELETE',
        'coffer_app network_rules DELETE',
        'coffer_app role_assignments DELETE',
      ])
      expect(
        of('coffer_auth').filter((grant) => / (customers|cards|payments|pans|role_assignments) /.test(grant)),
      ).toEqual([])
      const hash = await api.rows(
        "select 1 from information_schema.column_privileges where column_name in ('password_hash', 'token_hash') and grantee = 'coffer_app' and privilege_type = 'SELECT'",
      )
      expect(hash).toEqual([])
    })
  })

  describe('row security alone', () => {
    test('a query without a predicate sees one tenant’s rows, and none when no tenant is set', async () => {
      const database = createDatabase(api.app.source)
      const all = await api.rows<{ id: string }>('select id from app.tenants order by slug')
      for (const { id } of all) {
        for (const table of [
          'users',
          'customers',
          'cards',
          'payments',
          'role_assignments',
          'data_keys',
          'api_tokens',
        ]) {
          const { rows } = await database.tenant(id, (tx) => tx.query(`select distinct tenant_id from app.${table}`))
          expect([table, rows]).toEqual([table, [{ tenant_id: id }]])
        }
        const { rows } = await database.tenant(id, (tx) => tx.query('select id from app.tenants'))
        expect(rows).toEqual([{ id }])
      }
      for (const table of ['users', 'customers', 'payments']) {
        const rows = await database.owner((tx) => tx.query(`select id from app.${table}`))
        expect(rows.rows).toEqual([])
      }
    })

    test('a row of another tenant can be neither written nor changed, and the vault not read', async () => {
      const database = createDatabase(api.app.source)
      const [acme, savanna] = await api.rows<{ id: string }>('select id from app.tenants order by slug')
      const as = (text: string, values: readonly unknown[] = []) =>
        database.tenant(acme?.id ?? '', (tx) => tx.query(text, values))
      const [foreign] = await api.rows<{ id: string }>('select id from app.payments where tenant_id = $1 limit 1', [
        savanna?.id,
      ])
      const changed = await as("update app.payments set status = 'succeeded' where id = $1 returning id", [foreign?.id])
      expect(changed.rows).toEqual([])
      await expect(
        as('insert into app.network_rules values (gen_random_uuid(), $1, 0, $2, $3, gen_random_uuid(), now())', [
          savanna?.id,
          '10.0.0.0/8',
          '',
        ]),
      ).rejects.toMatchObject({ code: '42501' })
      await expect(as('select pan from vault.pans')).rejects.toMatchObject({ code: '42501' })
      await expect(as('select password_hash from app.users')).rejects.toMatchObject({ code: '42501' })
    })
  })

  describe('ciphertext', () => {
    test('moved to another row, or edited, it does not open, and nothing of the row is shown', async () => {
      const token = await api.as('acme', 'maker')
      const [one, two] = (await api.call('/v1/payments?limit=2', { token })).body.data
      const [a, b] = [parseId('pay', one.id), parseId('pay', two.id)]
      const [before] = await api.rows<{ amount: string }>('select amount from app.payments where id = $1', [a])
      for (const forged of [
        'update app.payments x set amount = y.amount from app.payments y where x.id = $1 and y.id = $2',
        "update app.payments x set amount = left(x.amount, -4) || 'AAAA' from app.payments y where x.id = $1 and y.id = $2",
      ]) {
        await api.rows(forged, [a, b])
        const { status, body, text } = await api.call(`/v1/payments/${one.id}`, { token })
        expect([status, body.type]).toEqual([500, `${api.publicUrl}/problems/internal`])
        expect(text).not.toMatch(/amount|card_|decrypt/i)
      }
      await api.rows('update app.payments set amount = $2 where id = $1', [a, before?.amount])
      expect((await api.call(`/v1/payments/${one.id}`, { token })).status).toBe(200)
    })

    test('of equal values differs', async () => {
      const [row] = await api.rows<{ n: number; d: number }>(
        'select count(pan)::int as n, count(distinct pan)::int as d from vault.pans',
      )
      expect(row?.d).toBe(row?.n)
    })
  })

  test('the fingerprint of a request that brings a card is no hash of its number', async () => {
    const token = await api.as('acme', 'maker')
    const { id } = (await api.call('/v1/customers?limit=1', { token })).body.data[0]
    const body = { number: '4242424242424242', exp_month: 1, exp_year: 2032, cardholder_name: 'A Holder' }
    const key = newKey()
    const made = await api.call(`/v1/customers/${id}/cards`, { method: 'POST', token, key, body })
    const replayed = await api.call(`/v1/customers/${id}/cards`, { method: 'POST', token, key, body })
    expect([made.status, replayed.body]).toEqual([201, made.body])
    const [row] = await api.rows<{ fingerprint: string }>(
      'select fingerprint from app.idempotency_keys where key = $1',
      [key],
    )
    // Whoever holds the dump knows all but the number, and numbers can be tried.
    const { cardholder_name, exp_month, exp_year, number } = body
    const guess = JSON.stringify({ cardholder_name, customerId: parseId('cus', id), exp_month, exp_year, number })
    expect(row?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(row?.fingerprint).not.toBe(createHash('sha256').update(guess).digest('hex'))
  })

  test('planted names, addresses, phones, numbers and secrets are in no table, log line or refusal, in no spelling', {
    timeout: 60_000,
  }, async () => {
    const planted: string[] = []
    const token = await api.as('acme', 'maker')
    const support = await api.as('acme', 'support')
    const checker = await api.as('acme', 'checker')
    for (let index = 0; index < 12; index += 1) {
      const tag = crypto.randomUUID().slice(0, 8)
      const person = {
        name: `Canaryname ${tag}`,
        email: `canary.${tag}@example.com`,
        phone: `+4477009${String(10_000 + index * 7 + Math.floor(Math.random() * 80_000)).padStart(5, '0')}`,
        address: { line1: `1 Canary Street ${tag}`, city: `Canaryville${tag}`, country: 'NG' },
        date_of_birth: '1987-06-05',
        national_id: `CANARY-${tag}`,
      }
      const made = await api.call('/v1/customers', { method: 'POST', token, key: newKey(), body: person })
      expect(made.status).toBe(201)
      const holder = `Canaryholder ${tag}`
      const number = ['4000056655665556', '5200828282828210', '6011000990139424'][index % 3] ?? ''
      const card = await api.call(`/v1/customers/${made.body.id}/cards`, {
        method: 'POST',
        token,
        key: newKey(),
        body: { number, exp_month: 1, exp_year: 2032, cardholder_name: holder },
      })
      const description = `Canarytext ${tag}`
      const note = `canarynote${tag}`
      const amount = 700_000_000_000 + Math.floor(Math.random() * 90_000_000_000)
      const payment = await api.call('/v1/payments', {
        method: 'POST',
        token,
        key: newKey(),
        body: { customer: made.body.id, card: card.body.id, amount, currency: 'NGN', description, metadata: { note } },
      })
      expect([card.status, payment.status]).toEqual([201, 201])
      await api.call(`/v1/payments/${payment.body.id}/approve`, { method: 'POST', token: checker, key: newKey() })
      await api.call(`/v1/customers/${made.body.id}`, {
        method: 'PATCH',
        token: support,
        body: { name: `${person.name} B` },
      })
      await api.call('/v1/customers/search', { method: 'POST', token: support, body: { email: person.email } })
      const owner = await api.as('acme', 'owner')
      const revealed = await api.call(`/v1/cards/${card.body.id}/reveal`, {
        method: 'POST',
        token: owner,
        body: { reason: 'chargeback' },
      })
      expect(revealed.body).toMatchObject({ number, cardholder_name: holder })
      await api.call('/v1/cards/search', { method: 'POST', token: support, body: { number } })
      // Refusals: an unknown member, a number that is refused, a login with a planted password.
      const refused = [
        await api.call('/v1/customers', { method: 'POST', token, key: newKey(), body: { ...person, [note]: holder } }),
        await api.call('/v1/payments', { method: 'POST', token, key: newKey(), body: { description: number } }),
        await api.call('/v1/auth/login', {
          method: 'POST',
          body: { email: person.email, password: `pw-${tag}-canary` },
        }),
      ]
      const strings = [person.name, person.email, person.phone, person.address.line1, person.address.city]
      const values = [
        ...strings,
        person.national_id,
        holder,
        number,
        description,
        note,
        String(amount),
        `pw-${tag}-canary`,
      ]
      for (const { text, status } of refused) {
        expect(status).toBeGreaterThanOrEqual(400)
        expect(values.filter((value) => text.includes(value))).toEqual([])
      }
      planted.push(...values)
    }
    for (const { kind, ...secrets } of api.app.credentials) {
      planted.push(
        ...(kind === 'user' ? [String(Reflect.get(secrets, 'password'))] : [String(Reflect.get(secrets, 'apiToken'))]),
      )
      if (kind === 'user') planted.push(String(Reflect.get(secrets, 'email')))
    }
    planted.push(token, support, checker)

    await api.call('/v1/keys/rotate', { method: 'POST', token: await api.as('acme', 'owner') })
    const openings = await api.call('/v1/audit/openings?limit=100', { token: await api.as('acme', 'auditor') })
    expect(openings.body.data).toHaveLength(100)

    const names = await api.rows<{ name: string }>(
      "select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')",
    )
    const dump: string[] = []
    for (const { name } of names) {
      for (const { row } of await api.rows<{ row: string }>(`select t::text as row from ${name} t`)) dump.push(row)
    }
    const haystack = `${dump.join('\n')}\n${api.lines.join('\n')}\n${openings.text}`.toLowerCase()
    expect(dump.length).toBeGreaterThan(50)
    const found = [...new Set(planted)].filter((value) =>
      spellings(value).some((spelling) => haystack.includes(spelling)),
    )
    expect(found).toEqual([])
    // The search itself finds what is there.
    expect(haystack.includes('acme payments')).toBe(true)
  })

  /** Plain, percent-encoded, hexadecimal, and the parts of base64 and base64url that do not depend on what stands around. */
  function spellings(value: string): readonly string[] {
    const bytes = Buffer.from(value)
    const encoded = [0, 1, 2].flatMap((shift) => {
      const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
      const inner = text.slice(shift === 0 ? 0 : 4, Math.floor((bytes.length + shift) / 3) * 4)
      return inner.length < 8 ? [] : [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
    })
    return [value, encodeURIComponent(value), bytes.toString('hex'), ...encoded].map((text) => text.toLowerCase())
  }
}
