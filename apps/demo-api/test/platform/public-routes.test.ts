import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problemStatus } from '../../src/http/problem.js'
import { problemText } from '../../src/http/problem-text.js'
import { testApp } from '../domain/api.js'

let api: Awaited<ReturnType<typeof testApp>>

beforeAll(async () => {
  api = await testApp()
})
afterAll(() => api.close())

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly description?: string
  readonly schema: { readonly pattern?: string }
}
interface OpenApiAnswer {
  readonly description: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly content: Readonly<Record<string, unknown>>
}
interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly responses: Readonly<Record<string, OpenApiAnswer>>
}

async function operations(): Promise<readonly (readonly [string, Operation])[]> {
  const { body } = await api.call('/openapi.json')
  const paths = Object.entries<Record<string, Operation>>(body.paths)
  return paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  )
}

describe('the OpenAPI document', () => {
  it('is 3.1 and names the server', async () => {
    const { body, headers } = await api.call('/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(body.servers).toEqual([{ url: api.publicUrl }])
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
  })

  it('describes each operation once, with its answers, its refusals and what it asks of a token', async () => {
    const all = await operations()
    expect(all.length).toBeGreaterThan(30)
    expect(new Set(all.map(([, { operationId }]) => operationId)).size).toBe(all.length)
    for (const [name, { responses, security = [] }] of all) {
      expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining(['400', '429', '503', 'default'])])
      expect([name, Object.keys(responses).some((status) => status.startsWith('2'))]).toEqual([name, true])
      const isPublic = !/ \/(v1|access)\//.test(name) || name.includes('/v1/auth/login')
      const schemes = isPublic ? [] : name.includes('/v1/oauth/') ? ['client'] : ['bearer']
      expect([name, security.flatMap((one) => Object.keys(one))]).toEqual([name, schemes])
    }
  })

  it('names the statuses and problems of an operation, and the headers that come with them', async () => {
    const all = new Map(await operations())
    const responses = all.get('POST /v1/payments/{id}/approve')?.responses ?? {}
    expect(responses['409']?.description).toBe('Refused: idempotency-in-progress, state-conflict.')
    expect(Object.keys(responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '409', '422', '429', '500', '503', 'default']),
    )
    expect(Object.keys(responses)).not.toContain('415')
    expect(Object.keys(responses['200']?.headers ?? {})).toEqual(['request-id', 'idempotent-replayed'])
    for (const status of ['429', '503'])
      expect(Object.keys(responses[status]?.headers ?? {})).toEqual(['request-id', 'retry-after'])
    expect(Object.keys(all.get('POST /v1/auth/login')?.responses['401']?.headers ?? {})).toContain('www-authenticate')
  })

  it('asks for the Idempotency-Key where the server does, with the form that it takes', async () => {
    const keyed = (await operations()).flatMap(([name, { parameters = [] }]) =>
      parameters.filter((one) => one.name === 'idempotency-key').map((one) => [name, one] as const),
    )
    expect(keyed.map(([name]) => name).sort()).toEqual([
      'POST /v1/customers',
      'POST /v1/customers/{id}/cards',
      'POST /v1/payments',
      'POST /v1/payments/{id}/approve',
      'POST /v1/payments/{id}/reject',
    ])
    for (const [, { in: where, required, schema }] of keyed) {
      expect([where, required]).toEqual(['header', true])
      const form = new RegExp(schema.pattern ?? '^$')
      for (const key of ['a', 'A_-9', '"quoted"', 'x'.repeat(64)]) expect([key, form.test(key)]).toEqual([key, true])
      for (const key of ['', 'a b', '"half', 'x'.repeat(65)]) expect([key, form.test(key)]).toEqual([key, false])
    }
  })

  it('describes every parameter', async () => {
    for (const [name, { parameters = [] }] of await operations()) {
      for (const parameter of parameters) {
        expect([name, parameter.name, parameter.description]).toEqual([
          name,
          parameter.name,
          expect.stringMatching(/\.$/),
        ])
      }
    }
  })

  it('lists every permission of the policy', async () => {
    const asked = new Set(
      (await operations()).flatMap(([, { security = [] }]) => security.flatMap(({ bearer = [] }) => bearer)),
    )
    expect(asked).toContain('payment:approve')
    expect(asked).toContain('policy:explain')
  })
})

describe('public documents', () => {
  it('name a contact and an expiry of less than a year (RFC 9116)', async () => {
    const { text, headers } = await api.call('/.well-known/security.txt')
    expect(headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(text).toMatch(/^Contact: mailto:security@example\.com$/m)
    const expires = Date.parse(/^Expires: (.+)$/m.exec(text)?.[1] ?? '')
    expect(expires).toBeGreaterThan(api.clock.now())
    expect(expires).toBeLessThan(api.clock.now() + 365 * 86_400_000)
  })

  it('publish the public halves of the signing keys alone', async () => {
    const { body, headers } = await api.call('/.well-known/jwks.json')
    expect(headers['content-type']).toBe('application/jwk-set+json; charset=utf-8')
    for (const key of body.keys) expect(Object.keys(key)).not.toContain('d')
    expect(body.keys.length).toBeGreaterThan(0)
  })

  it('say where tokens are issued (RFC 8414), under the issuer that the tokens name', async () => {
    const { body } = await api.call('/.well-known/oauth-authorization-server')
    expect(body.issuer).toBe(api.publicUrl)
    expect(body.token_endpoint).toBe(`${api.publicUrl}/v1/oauth/token`)
  })

  it('have a page for every problem, and none for another name', async () => {
    for (const code of Object.keys(problemStatus) as (keyof typeof problemStatus)[]) {
      const { status, text } = await api.call(`/problems/${code}`)
      expect([code, status]).toEqual([code, 200])
      expect(text).toContain(problemText[code].title)
    }
    for (const name of ['nothing', '__proto__', 'constructor', '%3Cscript%3E']) {
      expect([name, (await api.call(`/problems/${name}`)).status]).toEqual([name, 404])
    }
  })

  it('list every problem on one page, each with a link to its own', async () => {
    const { status, text, headers } = await api.call('/problems')
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    for (const code of Object.keys(problemStatus)) expect(text).toContain(`<a href="/problems/${code}">`)
  })

  it('tell liveness and readiness without detail', async () => {
    expect((await api.call('/health/live')).body).toEqual({ status: 'live' })
    expect((await api.call('/health/ready')).body).toEqual({ status: 'ready' })
  })
})
