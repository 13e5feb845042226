import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compilePolicy, definePolicy } from '@coffer/rbac'
import { createPdp, type PdpOptions } from '@coffer/rbac/authzen'
import { describe, expect, it } from 'vitest'

const todo = definePolicy({
  policy: 'todo',
  version: '1',
  subject: { email: 'string' },
  resources: {
    user: { actions: ['can_read_user'] },
    todo: {
      actions: ['can_read_todos', 'can_create_todo', 'can_update_todo', 'can_delete_todo'],
      attributes: { ownerID: 'string?' },
    },
  },
  roles: {
    viewer: { permit: ['user:can_read_user', 'todo:can_read_todos'] },
    editor: {
      inherits: ['viewer'],
      permit: [
        'todo:can_create_todo',
        {
          id: 'own',
          permission: ['todo:can_update_todo', 'todo:can_delete_todo'],
          when: { 'resource.ownerID': { eq: '$subject.email' } },
        },
      ],
    },
    admin: { inherits: ['editor'], permit: ['todo:can_delete_todo'] },
    evil_genius: { inherits: ['editor'], permit: ['todo:can_update_todo'] },
  },
})
const policy = compilePolicy(todo)

const PEOPLE = [
  ['fd0614d3', 'rick@the-citadel.com', ['admin', 'evil_genius']],
  ['fd1614d3', 'morty@the-citadel.com', ['editor']],
  ['fd2614d3', 'summer@the-smiths.com', ['editor']],
  ['fd3614d3', 'beth@the-smiths.com', ['viewer']],
  ['fd4614d3', 'jerry@the-smiths.com', ['viewer']],
] as const

const directory: PdpOptions['subject'] = ({ id }) => {
  const person = PEOPLE.find(([prefix]) => atob(id).includes(prefix))
  return person && { id, roles: person[2], attributes: { email: person[1] } }
}
const pdp = createPdp(policy, { subject: directory })
const RICK = btoa('fd0614d3')
const BETH = btoa('fd3614d3')

async function ask(path: string, body: unknown, init: RequestInit = {}, point = pdp) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const request = new Request(`https://pdp.example${path}`, {
    method: 'POST',
    body: text,
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })
  const response = await point.handle(request)
  return { status: response.status, headers: response.headers, body: (await response.json()) as unknown }
}
const single = (body: unknown, init?: RequestInit, point?: typeof pdp) =>
  ask('/access/v1/evaluation', body, init, point)
const batch = (body: unknown, point?: typeof pdp) => ask('/access/v1/evaluations', body, {}, point)
const subject = { type: 'user', id: RICK }
const resource = { type: 'todo', id: 't1' }
const action = { name: 'can_read_todos' }
const denied = { name: 'can_fly' }

describe('the published todo decisions', () => {
  const folder = process.env['COFFER_VECTORS'] ?? fileURLToPath(new URL('../../../../shared/vectors', import.meta.url))
  const file = `${folder}/authzen/todo/decisions.json`

  it('are all given, single and in batches', async (ctx) => {
    if (!existsSync(file)) return ctx.skip('needs the published vectors: set COFFER_VECTORS')
    const vectors: Record<'evaluation' | 'evaluations', { request: unknown; expected: unknown }[]> = JSON.parse(
      readFileSync(file, 'utf8'),
    )
    expect([vectors.evaluation.length, vectors.evaluations.length]).toEqual([40, 3])
    for (const { request, expected } of vectors.evaluation)
      expect([request, (await single(request)).body]).toEqual([request, { decision: expected }])
    for (const { request, expected } of vectors.evaluations)
      expect([request, (await batch(request)).body]).toEqual([request, { evaluations: expected }])
  })
})

describe('one evaluation', () => {
  it('is answered with the decision alone, context being optional and unknown fields ignored', async () => {
    const { status, body, headers } = await single({ subject, action, resource, extra: 1 })
    expect([status, body]).toEqual([200, { decision: true }])
    expect(headers.get('cache-control')).toBe('no-store')
    expect((await single({ subject, action: denied, resource, context: {} })).body).toEqual({ decision: false })
  })

  it('is false for a subject that the directory does not know, whatever roles the request claims', async () => {
    const stranger = { type: 'user', id: btoa('nobody'), properties: { roles: ['admin'] } }
    expect((await single({ subject: stranger, action, resource })).body).toEqual({ decision: false })
    const beth = { type: 'user', id: BETH, properties: { roles: ['admin'] } }
    expect((await single({ subject: beth, action: { name: 'can_delete_todo' }, resource })).body).toEqual({
      decision: false,
    })
  })

  it.each([
    ['no subject', { action, resource }],
    ['a subject without id', { subject: { type: 'user' }, action, resource }],
    ['an action that is a text', { subject, action: 'read', resource }],
    ['a resource id that is a number', { subject, action, resource: { type: 'todo', id: 7 } }],
    ['properties that are a list', { subject, action, resource: { ...resource, properties: [] } }],
    ['a context that is null', { subject, action, resource, context: null }],
    ['a list', []],
    ['no JSON', '{'],
    ['a key twice', '{"subject":{},"subject":{}}'],
  ])('%s is 400', async (_name, body) => {
    expect((await single(body)).status).toBe(400)
  })

  it('another media type is 400, another path 404, another method 405', async () => {
    const good = { subject, action, resource }
    expect((await single(good, { headers: { 'content-type': 'text/plain' } })).status).toBe(400)
    expect((await single(good, { headers: { 'content-type': 'application/json; charset=utf-8' } })).status).toBe(200)
    expect((await ask('/access/v1/search', good)).status).toBe(404)
    const response = await pdp.handle(new Request('https://pdp.example/access/v1/evaluation'))
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })

  it('a body is read up to its limit and refused one byte over it', async () => {
    const text = JSON.stringify({ subject, action, resource })
    const at = (maxBodyBytes: number) => createPdp(policy, { subject: directory, maxBodyBytes })
    expect((await single(text, {}, at(text.length))).status).toBe(200)
    expect((await single(text, {}, at(text.length - 1))).status).toBe(413)
  })

  it('X-Request-ID is echoed on every answer, up to 256 characters', async () => {
    const echo = async (id: string, body: unknown) =>
      (await single(body, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    expect(await echo('abc', { subject, action, resource })).toBe('abc')
    expect(await echo('abc', '{')).toBe('abc')
    expect(await echo('x'.repeat(256), {})).toBe('x'.repeat(256))
    expect(await echo('x'.repeat(257), {})).toBeNull()
  })

  it('a resolver that throws is 500 without its message, and onError hears of it', async () => {
    const heard: unknown[] = []
    const broken = createPdp(policy, {
      subject: () => Promise.reject(new Error('canary')),
      onError: (error) => {
        heard.push(error)
        throw new Error('a listener that throws')
      },
    })
    const { status, body } = await single({ subject, action, resource }, {}, broken)
    expect([status, JSON.stringify(body).includes('canary'), heard.length]).toEqual([500, false, 1])
  })

  it('a malformed subject from the directory is no permit', async () => {
    const malformed = createPdp(policy, { subject: () => ({ id: '', roles: ['admin'] }) })
    expect((await single({ subject, action, resource }, {}, malformed)).status).toBe(500)
  })

  it('says the reason where that is asked for', async () => {
    const telling = createPdp(policy, { subject: directory, disclose: 'reason' })
    expect(
      (await single({ subject, action: { name: 'can_delete_todo' }, resource: { type: 'todo', id: 't' } }, {}, telling))
        .body,
    ).toEqual({
      decision: true,
      context: { reason: 'permitted', ruleId: 'admin/todo:can_delete_todo' },
    })
  })

  it('is 413 by the length that a request declares, before any of it is read', async () => {
    const request = new Request('https://pdp.example/access/v1/evaluation', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '262145' },
      body: '{}',
    })
    expect((await createPdp(policy, { subject: directory }).handle(request)).status).toBe(413)
    expect(request.bodyUsed).toBe(false)
  })

  it('is false for a subject that the directory answers with null', async () => {
    const errors: unknown[] = []
    const point = createPdp(policy, { subject: () => null as never, onError: (error) => errors.push(error) })
    const body = { subject, action: { name: 'can_read_todos' }, resource: { type: 'todo', id: 't' } }
    expect((await single(body, {}, point)).body).toEqual({ decision: false })
    expect(errors).toEqual([])
  })

  it('is false for a resource that the resolver does not find', async () => {
    const anything = compilePolicy(
      definePolicy({
        policy: 'keys',
        version: '1',
        resources: { key: { actions: ['rotate'] } },
        roles: { owner: { permit: ['key:rotate'] } },
      }),
    )
    const asked = async (found: object | undefined) => {
      const point = createPdp(anything, { subject: () => ({ id: 'u', roles: ['owner'] }), resource: () => found })
      const body = { subject, action: { name: 'rotate' }, resource: { type: 'key', id: 'k' } }
      return (await single(body, {}, point)).body
    }
    expect(await asked({})).toEqual({ decision: true })
    // The last two are what a caller without types, or with wrong ones, could give.
    for (const nothing of [undefined, null, '']) expect(await asked(nothing as undefined)).toEqual({ decision: false })
  })

  it('takes the resource from the resolver and the context from its function', async () => {
    const own = createPdp(policy, {
      subject: directory,
      resource: async () => ({ ownerID: 'morty@the-citadel.com' }),
      context: () => ({}),
    })
    const morty = { type: 'user', id: btoa('fd1614d3') }
    expect((await single({ subject: morty, action: { name: 'can_update_todo' }, resource }, {}, own)).body).toEqual({
      decision: true,
    })
  })
})

describe('a batch', () => {
  const items = [{ action }, { action: denied }, { action: 'bad' }, { action }]
  const decisions = (body: unknown) =>
    (body as { evaluations: { decision: boolean }[] }).evaluations.map((item) => item.decision)
  const run = async (evaluations_semantic?: string) =>
    decisions(
      (
        await batch({
          subject,
          resource,
          evaluations: items,
          ...(evaluations_semantic && { options: { evaluations_semantic } }),
        })
      ).body,
    )

  it('is answered item by item, a bad one in its place with its error', async () => {
    const { status, body } = await batch({ subject, resource, evaluations: items })
    expect([status, decisions(body)]).toEqual([200, [true, false, false, true]])
    expect((body as { evaluations: unknown[] }).evaluations[2]).toEqual({
      decision: false,
      context: { error: { status: 400, message: 'action has to be an object' } },
    })
  })

  it('stops after the deciding item where the semantic says so', async () => {
    expect(await run('execute_all')).toEqual([true, false, false, true])
    expect(await run('deny_on_first_deny')).toEqual([true, false])
    expect(await run('permit_on_first_permit')).toEqual([true])
  })

  it('takes a bad item for a deny', async () => {
    const body = { subject, resource, evaluations: [{ action: 7 }, { action }] }
    expect(decisions((await batch({ ...body, options: { evaluations_semantic: 'deny_on_first_deny' } })).body)).toEqual(
      [false],
    )
    expect(
      decisions((await batch({ ...body, options: { evaluations_semantic: 'permit_on_first_permit' } })).body),
    ).toEqual([false, true])
  })

  it('replaces defaults whole and does not merge them', async () => {
    const defaults = {
      subject,
      action: { name: 'can_update_todo' },
      resource: { ...resource, properties: { ownerID: 'morty@the-citadel.com' } },
    }
    const morty = { type: 'user', id: btoa('fd1614d3') }
    const { body } = await batch({ ...defaults, evaluations: [{ subject: morty }, { subject: morty, resource }] })
    expect(decisions(body)).toEqual([true, false])
  })

  it('without evaluations is one evaluation', async () => {
    expect((await batch({ subject, action, resource })).body).toEqual({ decision: true })
    expect((await batch({ subject, action, resource, evaluations: [] })).body).toEqual({ decision: true })
    expect((await batch({ subject, action })).status).toBe(400)
  })

  it('of too many items, of an unknown semantic or that is no list is 400', async () => {
    const evaluations = (count: number) => ({
      subject,
      resource,
      action,
      evaluations: Array.from({ length: count }, () => ({})),
    })
    expect((await batch(evaluations(100))).status).toBe(200)
    expect((await batch(evaluations(101))).status).toBe(400)
    expect((await batch({ ...evaluations(1), options: { evaluations_semantic: 'any' } })).status).toBe(400)
    expect((await batch({ ...evaluations(1), options: { evaluations_semantic: null } })).status).toBe(400)
    expect((await batch({ subject, resource, action, evaluations: {} })).status).toBe(400)
  })

  it('with a resolver that throws has an error item, and asks the directory once for one subject', async () => {
    let asked = 0
    const broken = createPdp(policy, {
      subject: (entity) => {
        asked++
        return directory(entity)
      },
      resource: ({ id }) => {
        if (id === 't2') throw new Error('canary')
        return {}
      },
    })
    const { body } = await batch(
      { subject, action, evaluations: [{ resource }, { resource: { type: 'todo', id: 't2' } }] },
      broken,
    )
    expect(decisions(body)).toEqual([true, false])
    expect(JSON.stringify(body)).not.toContain('canary')
    expect(asked).toBe(1)
  })

  it('is decided by one policy, though it is exchanged meanwhile', async () => {
    const none = compilePolicy({ ...todo, roles: {} })
    let current: typeof policy = policy
    const swapping = createPdp(() => current, {
      subject: directory,
      resource: () => {
        current = none as typeof policy
        return {}
      },
    })
    expect(
      decisions((await batch({ subject, resource, evaluations: [{ action }, { action }] }, swapping)).body),
    ).toEqual([true, true])
    expect((await single({ subject, action, resource }, {}, swapping)).body).toEqual({ decision: false })
  })
})

it('createPdp refuses wrong options', () => {
  expect(() => createPdp(policy, {} as PdpOptions)).toThrow(TypeError)
  expect(() => createPdp(policy, { subject: directory, maxBodyBytes: 0 })).toThrow(RangeError)
  expect(() => createPdp(policy, { subject: directory, disclose: 'all' as 'reason' })).toThrow(TypeError)
})
