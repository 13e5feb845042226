import { describe, expect, it } from 'vitest'
import { planLimits } from '../../src/http/rate-limits.js'
import { maker, manualClock, testApi, unlimited } from './api.js'
import { call, postJson } from './client.js'

const good = { authorization: 'Bearer good' }
const windowMs = 60_000
const tight = { max: 2, windowMs }

describe('a rate limit', () => {
  it('lets its number through, then answers 429 until exactly the end of its window', async () => {
    const clock = manualClock()
    const plans = { ...unlimited.plans, starter: { ...unlimited.plans.starter, read: tight } }
    await using api = await testApi({ clock, limits: { ...unlimited, plans } })
    const read = () => call(api, { path: '/v1/things/a', headers: good })
    expect((await read()).status).toBe(200)
    clock.advance(1_000)
    expect((await read()).status).toBe(200)
    const refused = await read()
    expect([refused.status, refused.json['type']]).toEqual([429, `${api.publicUrl}/problems/rate-limited`])
    expect(refused.headers['retry-after']).toBe('59')
    clock.advance(58_999)
    expect((await read()).status).toBe(429)
    clock.advance(1)
    expect((await read()).status).toBe(200)
  })

  it('does not open early when the clock is set back', async () => {
    const clock = manualClock()
    await using api = await testApi({ clock, limits: { ...unlimited, edge: { max: 1, windowMs } } })
    const read = () => call(api, { path: '/v1/nothing' })
    await read()
    clock.advance(-3_600_000)
    const refused = await read()
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60'])
  })

  it('of a plan counts each principal by its plan', async () => {
    const plans = { ...unlimited.plans, starter: { ...unlimited.plans.starter, read: { max: 1, windowMs } } }
    await using api = await testApi({ limits: { ...unlimited, plans } })
    const read = async () => (await call(api, { path: '/v1/things/a', headers: good })).status
    expect([await read(), await read()]).toEqual([200, 429])
    api.state.principal = { ...maker, id: 'usr_0000000000000000000000000b' }
    expect(await read()).toBe(200)
    api.state.principal = { ...maker, plan: 'scale' }
    expect(await read()).toBe(200)
  })

  it('on money counts the tenant, whoever of it asks', async () => {
    const plans = { ...unlimited.plans, starter: { ...unlimited.plans.starter, money: { max: 1, windowMs } } }
    await using api = await testApi({ limits: { ...unlimited, plans } })
    const create = async () => (await postJson(api, '/v1/things', { name: 'a' }, good)).status
    expect(await create()).toBe(201)
    api.state.principal = { ...maker, id: 'usr_0000000000000000000000000b' }
    expect(await create()).toBe(429)
    api.state.principal = { ...maker, tenantId: '019b76da-a800-7000-8000-000000000002' }
    expect(await create()).toBe(201)
  })

  it('on login counts the account that the body names, and the network', async () => {
    await using api = await testApi({
      limits: { ...unlimited, login: { account: tight, network: { max: 4, windowMs } } },
    })
    const login = async (email: string) => (await postJson(api, '/v1/login', { email })).status
    expect([await login('a'), await login('a'), await login('a')]).toEqual([200, 200, 429])
    expect(await login('b')).toBe(200)
    expect(await login('c')).toBe(429)
  })

  it('at the edge counts requests that no route takes', async () => {
    await using api = await testApi({ limits: { ...unlimited, edge: tight } })
    const get = async () => (await call(api, { path: '/v1/nothing' })).status
    expect([await get(), await get(), await get()]).toEqual([404, 404, 429])
  })

  it('that is used up is found before the body is read', async () => {
    const plans = { ...unlimited.plans, starter: { ...unlimited.plans.starter, money: { max: 0, windowMs } } }
    await using api = await testApi({ limits: { ...unlimited, plans } })
    expect((await postJson(api, '/v1/things', 'not JSON', good)).status).toBe(429)
  })

  it('grows with the plan', () => {
    const { starter, growth, scale } = planLimits.plans
    for (const kind of ['read', 'write', 'money', 'sensitive', 'bulk'] as const) {
      expect(starter[kind].max).toBeLessThan(growth[kind].max)
      expect(growth[kind].max).toBeLessThan(scale[kind].max)
    }
  })
})
