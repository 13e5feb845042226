import { randomBytes, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:https'
import type { PolicyDocument } from '@coffer/rbac'
import { vi } from 'vitest'
import { type App, createApp } from '../../src/app.js'
import type { DatabaseLocation } from '../../src/db/connect.js'
import type { SampleCredential, SeedSizes } from '../../src/seed/samples.js'
import { mintIdentity } from '../../src/tls.js'
import { manualClock, start, unlimited } from '../http/api.js'
import { freePort } from '../http/client.js'

/** An answer, its body parsed where there is one. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  // biome-ignore lint/suspicious/noExplicitAny: tests read members of answers whose shape they are about to assert
  readonly body: any
  readonly text: string
}

export interface Call {
  readonly method?: string
  readonly token?: string | undefined
  readonly body?: unknown
  readonly form?: Readonly<Record<string, string>>
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
}

export type Role = 'owner' | 'admin' | 'maker' | 'checker' | 'support' | 'auditor' | 'integration'
export type TenantSlug = 'acme' | 'savanna'

export interface TestAppOptions {
  /** Default: embedded, in memory. */
  readonly database?: DatabaseLocation
  readonly sizes?: SeedSizes
  /** Default: the policy of the API. */
  readonly policy?: PolicyDocument
  /** What an install keeps from one start to the next. Default: new ones. */
  readonly install?: Install
}

export interface Install {
  /** Fixes the issuer, which tokens name. */
  readonly port: number
  readonly kek: Uint8Array
  readonly refreshSecret: Uint8Array
  readonly sampleSecret: Uint8Array
}

export async function newInstall(): Promise<Install> {
  const [kek, refreshSecret, sampleSecret] = [randomBytes(32), randomBytes(32), randomBytes(32)]
  return { port: await freePort(), kek, refreshSecret, sampleSecret }
}

const identity = mintIdentity('localhost', Date.now())

/** The whole API, with the demo's data and a clock that stands. */
export async function testApp({ sizes, install, database, policy }: TestAppOptions = {}) {
  const tls = await identity
  const { port, kek, refreshSecret, sampleSecret } = install ?? (await newInstall())
  const publicUrl = `https://localhost:${port}`
  const clock = manualClock(start + 300 * 86_400_000)
  const lines: string[] = []
  const app = await createApp({
    publicUrl,
    tls,
    database: database ?? { kind: 'memory' },
    kek,
    refreshSecret,
    seed: { sizes: sizes ?? { customers: 4, cards: 6, payments: 12 }, secret: sampleSecret },
    securityContact: 'mailto:security@example.com',
    clock,
    ...(policy === undefined ? {} : { policy }),
    limits: unlimited,
    // Client, server and database share this process's event loop: on a busy machine it is late by design.
    listener: {
      maxEventLoopDelayMs: Number.POSITIVE_INFINITY,
      handlerTimeoutMs: 60_000,
      headersTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
    },
    log: (line) => lines.push(line),
  })
  await app.listen(port)
  const agent = new Agent({ keepAlive: true, ca: tls.ca, maxSockets: 32 })
  const tokens = new Map<string, Promise<string>>()

  function call(path: string, options: Call = {}): Promise<Reply> {
    const { method = 'GET', token, body, form, key, headers = {} } = options
    const payload =
      form !== undefined ? new URLSearchParams(form).toString() : body === undefined ? undefined : JSON.stringify(body)
    const type = form !== undefined ? 'application/x-www-form-urlencoded' : 'application/json'
    return new Promise((resolve, reject) => {
      const sent = request(
        `${publicUrl}${path}`,
        {
          method,
          agent,
          headers: {
            ...(payload === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(payload) }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(key === undefined ? {} : { 'idempotency-key': key }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            const json = /json/.test(response.headers['content-type'] ?? '')
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: json && text !== '' ? JSON.parse(text) : undefined,
              text,
            })
          })
        },
      )
      sent.on('error', reject)
      sent.end(payload)
    })
  }

  function credential(tenant: TenantSlug, role: Role): SampleCredential {
    const found = app.credentials.find((one) => one.tenant === tenant && one.role === role)
    if (found === undefined) throw new Error(`no ${role} of ${tenant}`)
    return found
  }

  /** The sample login of a role. */
  function user(tenant: TenantSlug, role: Role) {
    const found = credential(tenant, role)
    if (found.kind !== 'user') throw new Error(`${role} is no user`)
    return found
  }

  /** The sample API token of a tenant. */
  function apiToken(tenant: TenantSlug) {
    const found = credential(tenant, 'integration')
    if (found.kind !== 'api-token') throw new Error('no API token')
    return found
  }

  async function login(tenant: TenantSlug, role: Role): Promise<Reply> {
    const sample = credential(tenant, role)
    return sample.kind === 'user'
      ? call('/v1/auth/login', { method: 'POST', body: { email: sample.email, password: sample.password } })
      : call('/v1/oauth/token', {
          method: 'POST',
          form: { grant_type: 'client_credentials' },
          headers: { authorization: basic(sample.tokenId, sample.apiToken) },
        })
  }

  /** An access token of this role, logged in once for a test file. */
  function as(tenant: TenantSlug, role: Role): Promise<string> {
    const name = `${tenant}/${role}`
    const found = tokens.get(name) ?? login(tenant, role).then(({ body }) => body.access_token as string)
    tokens.set(name, found)
    return found
  }

  return {
    app,
    clock,
    publicUrl,
    ca: tls.ca,
    lines,
    call,
    user,
    apiToken,
    login,
    as,
    /** Logs in again at the next use: one role of a tenant, or everyone. */
    forget: (...one: [] | [TenantSlug, Role]) => (one.length === 0 ? tokens.clear() : tokens.delete(one.join('/'))),
    /** Moves the clock further than what is known of revocations may age, up to where they have been read again. */
    pass: async (ms: number) => {
      clock.advance(ms)
      const ready = async () => {
        if (!(await app.isReady())) throw new Error('the API did not become ready again')
      }
      await vi.waitFor(ready, { interval: 5, timeout: 20_000 })
    },
    /** Rows as the superuser of the embedded database sees them. */
    rows: async <Row extends object = Record<string, unknown>>(text: string, values: readonly unknown[] = []) =>
      app.source.transaction(async (connection) => (await connection.query<Row>(text, values)).rows),
    close: async () => {
      agent.destroy()
      await app.close()
    },
  }
}

export type TestApp = Awaited<ReturnType<typeof testApp>>
export type StartTestApp = (options: TestAppOptions) => Promise<TestApp>

export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

export function newKey(): string {
  return randomUUID()
}

export type { App }
