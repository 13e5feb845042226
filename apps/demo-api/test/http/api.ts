import type { AddressInfo } from 'node:net'
import { Type } from 'typebox'
import type { Openings } from '../../src/encryption/openings.js'
import { createApi } from '../../src/http/api.js'
import type { AccessToken, GuardPorts } from '../../src/http/guards.js'
import { type LimitTable, planLimits } from '../../src/http/rate-limits.js'
import type { PolicyDecision, Principal, RecordedDecision } from '../../src/http/request-context.js'
import { type AnyRoute, answer, route } from '../../src/http/route.js'
import { createListener, type ListenerLimits, listenerLimits } from '../../src/server.js'
import { type LocalIdentity, mintIdentity } from '../../src/tls.js'
import { freePort } from './client.js'

export const start = Date.UTC(2026, 0, 15, 12)

/** A clock that stands until it is moved. */
export function manualClock(now = start) {
  return {
    now: () => now,
    advance: (ms: number) => {
      now += ms
    },
  }
}

export const closed = { additionalProperties: false }
const Thing = Type.Object({ id: Type.String() }, closed)

export const maker: Principal = {
  kind: 'user',
  id: 'usr_0000000000000000000000000a',
  person: 'person-1',
  tenantId: '019b76da-a800-7000-8000-000000000001',
  plan: 'starter',
  roles: ['maker'],
  scope: [],
  clientId: 'test',
  sessionId: 'session-1',
}

/** Routes that show one guard each. */
export function sampleRoutes(): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/things/:id',
      summary: 'Reads a thing',
      permission: 'thing:read',
      limit: 'read',
      schema: { params: Type.Object({ id: Type.String() }, closed), response: { 200: Thing } },
      handler: ({ params }, context) => {
        context.require('thing:read', { id: params.id })
        // A column that the schema does not name, as a query that selects too much would hand over.
        return answer(200, { id: params.id, secret: 'never declared' } as { id: string })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/things',
      summary: 'Makes a thing',
      permission: 'thing:create',
      limit: 'money',
      schema: {
        body: Type.Object(
          {
            name: Type.String({ maxLength: 20 }),
            amount: Type.Optional(Type.Integer({ minimum: 1 })),
            labels: Type.Optional(Type.Record(Type.String({ pattern: '^[a-z]+$' }), Type.String())),
          },
          closed,
        ),
        response: { 201: Thing },
      },
      handler: ({ body }) => answer(201, { id: body.name }),
    }),
    route({
      method: 'POST',
      url: '/v1/login',
      summary: 'Logs in',
      permission: 'public',
      limit: 'login',
      schema: { body: Type.Object({ email: Type.String() }, closed), response: { 200: Thing } },
      account: ({ body }) => String((body as { email: string }).email),
      handler: () => answer(200, { id: 'token' }),
    }),
    route({
      method: 'POST',
      url: '/v1/oauth/token',
      summary: 'Exchanges a credential',
      permission: 'public',
      limit: 'token',
      accepts: 'form',
      errors: 'oauth',
      schema: { body: Type.Object({ grant_type: Type.String() }, closed), response: { 200: Thing } },
      account: () => 'client',
      handler: () => answer(200, { id: 'token' }),
    }),
    route({
      method: 'GET',
      url: '/v1/fault',
      summary: 'Throws',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: Thing } },
      handler: () => {
        throw new Error('select name from people where pan = 4111111111111111')
      },
    }),
    route({
      method: 'GET',
      url: '/v1/stuck',
      summary: 'Never answers',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: Thing } },
      handler: () => new Promise<never>(() => undefined),
    }),
  ]
}

export const unlimited: LimitTable = (() => {
  const limit = { max: 1e9, windowMs: 60_000 }
  const classes = { read: limit, write: limit, money: limit, sensitive: limit, bulk: limit }
  return {
    edge: limit,
    login: { account: limit, network: limit },
    token: { credential: limit, network: limit },
    plans: { starter: classes, growth: classes, scale: classes },
  }
})()

type Ports = Omit<GuardPorts<AccessToken>, 'limiter' | 'servedHost'>

export interface TestApiOptions {
  readonly routes?: readonly AnyRoute[]
  readonly limits?: LimitTable
  readonly listener?: Partial<ListenerLimits>
  readonly clock?: ReturnType<typeof manualClock>
  readonly ports?: Partial<Ports>
  /** What the policy says about each permission; permits by default. */
  readonly decide?: (permission: string, resource?: object) => PolicyDecision
}

let identity: Promise<LocalIdentity> | undefined

/** The HTTP half of the API over ports that answer what a test says. A Bearer token is the principal's ID. */
export async function testApi(options: TestApiOptions = {}) {
  const { routes = sampleRoutes(), limits = planLimits, clock = manualClock() } = options
  identity ??= mintIdentity('localhost', Date.now())
  const tls = await identity
  const lines: string[] = []
  const decisions: RecordedDecision[] = []
  const state = { stopping: false, principal: maker as Principal | null, admits: true }
  // Client and server share this process's event loop: on a busy machine it is late, which is no fact about a route.
  const caps = { ...listenerLimits, maxEventLoopDelayMs: Number.POSITIVE_INFINITY, ...options.listener }
  const port = await freePort()
  const publicUrl = `https://localhost:${port}`
  const permit: PolicyDecision = { decision: 'permit', reason: 'permitted', ruleId: 'all', policyHash: 'sha256:0' }
  const none = () => Promise.reject(new Error('no database in these tests'))
  const openings: Openings = { for: () => ({ tables: none, tenant: none }) }
  const instance = await createApi<AccessToken>({
    publicUrl,
    clock,
    limits,
    openings,
    log: (line) => lines.push(line),
    listener: (handler) => createListener(tls, caps, handler),
    handlerTimeoutMs: caps.handlerTimeoutMs,
    maxEventLoopDelayMs: caps.maxEventLoopDelayMs,
    permissions: [...new Set(routes.map(({ permission }) => permission))].filter((name) => name?.includes(':')),
    routes: () => routes,
    isStopping: () => state.stopping,
    verifier: {
      check: async ({ headers }) => {
        const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
        const refuse = (code: string) =>
          ({ ok: false, error: { code }, challenge: 'Bearer realm="api"', retryAfterMs: undefined }) as const
        if (token === undefined) return refuse('COFFER_JWT_TOKEN_MISSING')
        if (token === 'expired') return refuse('COFFER_JWT_EXPIRED')
        if (token !== 'good') return refuse('COFFER_JWT_SIGNATURE_INVALID')
        return { ok: true, token: { subject: maker.id, clientId: 'test', sessionId: undefined, scope: [], claims: {} } }
      },
    },
    findPrincipalIn: () => Promise.reject(new Error('no database in these tests')),
    findPrincipal: async () =>
      state.principal === null
        ? null
        : {
            principal: state.principal,
            session: {
              decide: options.decide ?? (() => permit),
              fields: () => ({ clear: [], masked: [] }),
              mask: () => undefined,
              where: () => ({ kind: 'all' }),
            },
          },
    admitsNetwork: () => state.admits,
    recordDecision: (decision) => decisions.push(decision),
    ...options.ports,
  })
  await instance.listen({ port, host: '127.0.0.1' })
  return {
    instance,
    port: (instance.server.address() as AddressInfo).port,
    publicUrl,
    ca: tls.ca,
    lines,
    decisions,
    state,
    clock,
    entries: () => lines.map((line): unknown => JSON.parse(line)),
    [Symbol.asyncDispose]: async () => {
      instance.server.closeAllConnections()
      await instance.close()
    },
  }
}

export type TestApi = Awaited<ReturnType<typeof testApi>>
