import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseId } from '../../../src/http/identifier.js'
import { freePort } from '../../http/client.js'
import { newInstall, newKey, type Role, type TestApp, testApp } from '../api.js'

/** Two APIs that share a database on a server and nothing else. */
export function twoProcessesSuite(createDatabase: () => Promise<string>): void {
  let first: TestApp
  let second: TestApp
  beforeAll(async () => {
    const install = await newInstall()
    const options = {
      sizes: { customers: 2, cards: 2, payments: 4 },
      database: { kind: 'server', url: await createDatabase() } as const,
    }
    first = await testApp({ ...options, install })
    second = await testApp({ ...options, install: { ...install, port: await freePort() } })
  })
  afterAll(async () => {
    await second?.close()
    await first?.close()
  })

  const send = async (api: TestApp, role: Role, path: string, body?: unknown) =>
    api.call(path, {
      method: 'POST',
      token: await api.as('acme', role),
      key: newKey(),
      ...(body === undefined ? {} : { body }),
    })
  const get = async (api: TestApp, role: Role, path: string) => api.call(path, { token: await api.as('acme', role) })
  const pass = async (ms: number) => {
    await first.pass(ms)
    await second.pass(ms)
  }
  const keyOf = async (id: string) => {
    const [row] = await first.rows<{ key: string }>(
      'select substr(name, 8, 8) as key from app.customers where id = $1',
      [parseId('cus', id)],
    )
    return row?.key
  }

  test('what one has rotated the other reads, finds and writes with at its next request', async () => {
    // Both have the first key in memory, and the hour until they would load anew has not begun to pass.
    for (const api of [first, second]) expect((await get(api, 'maker', '/v1/customers')).status).toBe(200)
    const rotated = await send(first, 'owner', '/v1/keys/rotate')
    expect(rotated.status).toBe(201)
    const made = await send(first, 'maker', '/v1/customers', { name: 'From First', email: 'from.first@example.com' })
    expect(await keyOf(made.body.id)).toBe(rotated.body.id)

    // Looked for before anything under the new key was read: the token of the new version is looked for too.
    const found = await send(second, 'support', '/v1/customers/search', { email: 'from.first@example.com' })
    expect(found.body.data.map(({ id }: { id: string }) => id)).toEqual([made.body.id])
    const own = await send(second, 'maker', '/v1/customers', { name: 'From Second', email: 'from.second@example.com' })
    expect(await keyOf(own.body.id)).toBe(rotated.body.id)
    expect((await get(first, 'maker', `/v1/customers/${own.body.id}`)).body.name).toBe('From Second')
  })

  test('a value under a key that is not known yet opens: the keys are loaded and the read begins again', async () => {
    await pass(60_000)
    expect((await send(first, 'owner', '/v1/keys/rotate')).status).toBe(201)
    const made = await send(first, 'maker', '/v1/customers', { name: 'Unknown Key' })
    expect((await get(second, 'maker', `/v1/customers/${made.body.id}`)).body.name).toBe('Unknown Key')
  })

  test('a card number that both store at once, one of them over a rotation, is stored once', async () => {
    await pass(60_000)
    const { id } = (await get(first, 'maker', '/v1/customers?limit=1')).body.data[0]
    await first.rows('delete from app.payments')
    await first.rows('delete from app.cards')
    await first.rows('delete from vault.pans')
    const card = { number: '5200828282828210', exp_month: 1, exp_year: 2032, cardholder_name: 'A Holder' }
    const answers = await Promise.all([
      send(first, 'owner', '/v1/keys/rotate'),
      ...Array.from({ length: 8 }, (_, index) =>
        send(index % 2 === 0 ? first : second, 'maker', `/v1/customers/${id}/cards`, card),
      ),
    ])
    expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(201))
    expect(await first.rows('select 1 from vault.pans')).toHaveLength(1)
  })

  test('both rotate at once, and there is one new key', async () => {
    await pass(60_000)
    const before = (await get(first, 'auditor', '/v1/keys')).body.data.length
    const answers = await Promise.all(
      [first, second, first, second].map((api) => send(api, 'owner', '/v1/keys/rotate')),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201])
    for (const api of [first, second]) {
      expect((await get(api, 'auditor', '/v1/keys')).body.data).toHaveLength(before + 1)
    }
  })

  test('100 writes and reads of both over a rotation: none fails, and both open every value', {
    timeout: 60_000,
  }, async () => {
    await pass(60_000)
    const apis = [first, second]
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const api = apis[index % 2] ?? first
        if (index === 50) return send(first, 'owner', '/v1/keys/rotate')
        return index % 4 < 2
          ? send(api, 'maker', '/v1/customers', { name: `Both ${index}`, email: `both.${index}@example.com` })
          : get(api, 'maker', '/v1/customers?limit=20')
      }),
    )
    expect(answers.filter(({ status }) => status >= 400).map(({ text }) => text)).toEqual([])
    for (const api of apis) {
      const { data } = (await get(api, 'maker', '/v1/customers?limit=100')).body
      const names = data.filter(({ name }: { name: string }) => name.startsWith('Both '))
      expect(names).toHaveLength(50)
    }
  })

  test('the year of a key ends for both, and one new key is made', async () => {
    const platformKeys = () => first.rows('select 1 from app.data_keys where tenant_id is null')
    const before = (await platformKeys()).length
    await pass(400 * 86_400_000)
    for (const api of [first, second]) api.forget()
    const answers = await Promise.all(
      [first, second].map((api) => send(api, 'maker', '/v1/customers', { name: 'A Year Later' })),
    )
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    const keys = (await get(second, 'auditor', '/v1/keys')).body.data
    expect(keys.filter(({ encrypts }: { encrypts: boolean }) => encrypts)).toHaveLength(1)
    // The platform's own: one more, made by whichever came first.
    expect(await platformKeys()).toHaveLength(before + 1)
  })
}
