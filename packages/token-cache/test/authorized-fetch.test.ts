import { clientCredentials } from '@coffer/token-cache'
import { describe, expect, test } from 'vitest'
import { asksForAnotherToken, parseChallenges } from '../src/challenge.js'
import { arrange, codeOf } from './arrange.js'

const origin = 'https://api.example'

/** A resource that accepts live tokens, and records what it saw. */
function guarded(
  answer: (accepted: boolean) => Response = (accepted) => new Response('ok', { status: accepted ? 200 : 401 }),
) {
  const { issuer, tokens, clock } = arrange((fake) => clientCredentials(fake.endpoint()))
  const seen: { authorization: string | null; body: string; redirect: string | undefined }[] = []
  const resource: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const authorization = request.headers.get('authorization')
    seen.push({ authorization, body: await request.text(), redirect: init?.redirect })
    return answer(issuer.accepts(authorization?.slice('Bearer '.length) ?? ''))
  }
  const handle = tokens.for()
  return { issuer, tokens, clock, seen, handle, api: handle.fetch({ origins: [origin], fetch: resource }) }
}

describe('where the token goes', () => {
  test.each([
    ['another host', 'https://api.example.evil.example/'],
    ['another port', 'https://api.example:8443/'],
    ['another scheme', 'http://api.example/'],
    ['a name that begins alike', 'https://api.example@evil.example/'],
  ])('to %s nothing is sent', async (_, url) => {
    const { api, seen, issuer } = guarded()
    expect(await codeOf(api(url))).toBe('ORIGIN_REFUSED')
    expect(seen).toHaveLength(0)
    expect(issuer.requests()).toHaveLength(0)
  })

  test('a URL object changed while a token is awaited changes nothing', async () => {
    const { tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    const sent: string[] = []
    const resource: typeof fetch = async (input, init) => {
      sent.push(new Request(input, init).url)
      return new Response('', { status: sent.length === 1 ? 401 : 200 })
    }
    const api = tokens.for().fetch({ origins: [origin], fetch: resource })
    const url = new URL(`${origin}/a`)
    const response = api(url)
    url.host = 'evil.example'
    expect((await response).status).toBe(200)
    expect(sent).toEqual([`${origin}/a`, `${origin}/a`])
  })

  test('a caller who gives up after a 401 leaves no body unread', async () => {
    const { tokens } = arrange((fake) => clientCredentials(fake.endpoint()))
    const controller = new AbortController()
    let cancelled = false
    const resource: typeof fetch = async () => {
      controller.abort()
      const body = new ReadableStream({
        cancel: () => {
          cancelled = true
        },
      })
      return new Response(body, { status: 401 })
    }
    const api = tokens.for().fetch({ origins: [origin], fetch: resource })
    await expect(api(`${origin}/`, { signal: controller.signal })).rejects.toHaveProperty('name', 'AbortError')
    expect(cancelled).toBe(true)
  })

  test('a redirect is returned and not followed', async () => {
    const { api, seen } = guarded(
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example/' } }),
    )
    expect((await api(`${origin}/`)).status).toBe(302)
    expect(seen[0]?.redirect).toBe('manual')
    await expect(api(`${origin}/`, { redirect: 'follow' })).rejects.toThrow(TypeError)
  })

  test("a caller's own authorization is a TypeError", async () => {
    const { api } = guarded()
    await expect(api(`${origin}/`, { headers: { Authorization: 'x' } })).rejects.toThrow(TypeError)
    await expect(api(new Request(`${origin}/`, { headers: { authorization: 'x' } }))).rejects.toThrow(TypeError)
  })

  test.each([[[]], [['http://api.example']], [['https://api.example/']], [['https://api.example/v1']], [['nonsense']]])(
    'origins %j are refused at construction',
    (origins) => {
      expect(() => guarded().handle.fetch({ origins })).toThrow(TypeError)
    },
  )

  test('http is taken for loopback only, and only when asked for', () => {
    const { handle } = guarded()
    const loopback = { dangerouslyAllowHttp: 'loopback' } as const
    expect(() => handle.fetch({ origins: ['http://127.0.0.1:8080'], ...loopback })).not.toThrow()
    expect(() => handle.fetch({ origins: ['http://127.0.0.1:8080'] })).toThrow(TypeError)
    expect(() => handle.fetch({ origins: ['http://127.0.0.1.evil.example'], ...loopback })).toThrow(TypeError)
  })
})

describe('a 401', () => {
  test('is followed by one refresh and one retry, with the same body', async () => {
    const { api, handle, issuer, seen } = guarded()
    issuer.revoke((await handle.get()).reveal())
    const response = await api(`${origin}/`, { method: 'POST', body: 'amount=1' })
    expect(response.status).toBe(200)
    expect(seen.map((one) => one.body)).toEqual(['amount=1', 'amount=1'])
    expect(issuer.requests()).toHaveLength(2)
  })

  test('is returned when it comes twice', async () => {
    const { api, seen } = guarded(() => new Response('no', { status: 401 }))
    expect((await api(`${origin}/`)).status).toBe(401)
    expect(seen).toHaveLength(2)
  })

  test('from a resource that refuses every token costs one refresh per rejectIntervalMs', async () => {
    const { api, issuer, clock } = guarded(() => new Response('no', { status: 401 }))
    for (let call = 0; call < 20; call += 1) await api(`${origin}/`)
    expect(issuer.requests()).toHaveLength(2)
    clock.tick(30_000)
    await api(`${origin}/`)
    expect(issuer.requests()).toHaveLength(3)
  })

  test('is returned with its body when no other token can be had', async () => {
    const { api, handle, issuer } = guarded(() => new Response('why', { status: 401 }))
    await handle.get()
    issuer.inject({ fault: 'status-503' })
    const response = await api(`${origin}/`)
    expect([response.status, await response.text()]).toEqual([401, 'why'])
  })

  test('on a stream that cannot be sent again is returned, and the token invalidated', async () => {
    const { api, handle, issuer, seen } = guarded()
    const dead = await handle.get()
    issuer.revoke(dead.reveal())
    const body = new Blob(['x']).stream()
    expect((await api(`${origin}/`, { method: 'POST', body })).status).toBe(401)
    expect(seen).toHaveLength(1)
    expect(handle.peek()).toBeUndefined()
    const replayed = await api(`${origin}/`, { method: 'POST', body: () => new Blob(['x']).stream() })
    expect(replayed.status).toBe(200)
  })

  test('on a stream made by a function is retried with a new stream', async () => {
    const { api, handle, issuer, seen } = guarded()
    issuer.revoke((await handle.get()).reveal())
    const response = await api(`${origin}/`, { method: 'POST', body: () => new Blob(['x']).stream() })
    expect(response.status).toBe(200)
    expect(seen.map((one) => one.body)).toEqual(['x', 'x'])
  })

  test('on a Request with a body is returned', async () => {
    const { api, handle, issuer } = guarded()
    issuer.revoke((await handle.get()).reveal())
    expect((await api(new Request(`${origin}/`, { method: 'POST', body: 'x' }))).status).toBe(401)
  })

  test('for a token that was replaced meanwhile is retried without a refresh', async () => {
    const { handle, issuer, clock } = guarded()
    const old = await handle.get()
    let calls = 0
    const api = handle.fetch({
      origins: [origin],
      fetch: async (_, init) => {
        calls += 1
        if (calls === 1) {
          clock.tick(3_600_000)
          await handle.get()
        }
        const sent = new Headers(init?.headers).get('authorization')
        return new Response(null, { status: sent === `Bearer ${old.reveal()}` ? 401 : 200 })
      },
    })
    expect((await api(`${origin}/`)).status).toBe(200)
    expect(issuer.requests()).toHaveLength(2)
  })

  test('403 is returned as it is', async () => {
    const { api, seen } = guarded(() => new Response('no', { status: 403 }))
    expect((await api(`${origin}/`)).status).toBe(403)
    expect(seen).toHaveLength(1)
  })
})

describe('a challenge (RFC 6750 §3)', () => {
  // The examples of RFC 6750 §3.
  test.each([
    [null, true],
    ['', true],
    ['Bearer realm="example"', true],
    [
      'Bearer realm="example",\n error="invalid_token",\n error_description="The access token expired"'.replaceAll(
        '\n',
        '',
      ),
      true,
    ],
    ['Bearer error="insufficient_scope"', false],
    ['Bearer error="invalid_request"', false],
    ['bearer', true],
    ['Basic realm="x"', false],
    ['Basic realm="x", Bearer error=invalid_token', true],
    ['Negotiate YII=, Bearer', true],
    ['Negotiate YII=, Basic realm="Bearer"', false],
    ['Basic realm="a, Bearer"', false],
    ['Bearer error="inva\\lid_token"', true],
    ['Bearer error="', false],
    [`Bearer realm="${'x'.repeat(5_000)}"`, false],
  ])('%j asks for another token: %s', (field, asks) => {
    expect(asksForAnotherToken(field)).toBe(asks)
  })

  test('names are compared in any case, values as they are', () => {
    const parsed = parseChallenges('BEARER Realm="A", ERROR=Invalid_Token')
    expect(parsed?.[0]?.scheme).toBe('bearer')
    expect(parsed?.[0]?.params.get('error')).toBe('Invalid_Token')
  })
})
