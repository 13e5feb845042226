import type { Clock } from '@coffer/lease'
import { publicClient } from '../client-authentication.js'
import type { Rotation, TokenEndpoint, TokenEndpointOptions } from '../token-endpoint.js'
import { tokenEndpoint } from '../token-endpoint.js'
import { type Fault, faultyResponse } from './faults.js'

export interface FakeIssuerOptions {
  readonly clock: Clock
  /** What presenting a refresh token a second time does. */
  readonly rotation: Rotation
  /** The life of an access token. */
  readonly ttlMs: number
  /** Accepted by the password and JSON logins. Default any. */
  readonly password?: string
}

/** One request as the issuer saw it. */
export interface SeenRequest {
  readonly url: string
  readonly headers: Headers
  readonly fields: ReadonlyMap<string, string>
  readonly grant: string
}

/** An authorization server without network, for tests. */
export interface FakeIssuer {
  readonly issuer: string
  /** A `fetch` that answers for this issuer alone. */
  readonly fetch: typeof fetch
  /** An endpoint at this issuer, through its own `fetch`. */
  endpoint(options?: Partial<TokenEndpointOptions>): TokenEndpoint
  issueRefreshToken(): string
  /** Ends a token; ending a refresh token ends everything that came of it. */
  revoke(token: string): void
  /** Ends every session: every token issued so far. */
  revokeAll(): void
  /** Whether a resource would accept this access token now. */
  accepts(accessToken: string): boolean
  /** The next `times` token requests meet a fault; default once. */
  inject(fault: { readonly fault: Fault; readonly times?: number }): void
  /** Every token request, in order. */
  requests(): readonly SeenRequest[]
  counts(): FakeIssuerCounts
}

export interface FakeIssuerCounts {
  /** Refresh tokens presented after they were spent. */
  readonly presentedAgain: number
  readonly familiesRevoked: number
  readonly logins: number
}

interface Family {
  revoked: boolean
}

interface RefreshRecord {
  readonly family: Family
  spentAt: number | undefined
  successorUsed: boolean
  readonly predecessor: string | undefined
}

/** Makes a fake issuer. Its tokens are counted, not random, so that a failure reads the same twice. */
export function createFakeIssuer(options: FakeIssuerOptions): FakeIssuer {
  return new Fake(options)
}

class Fake implements FakeIssuer {
  readonly issuer = 'https://issuer.example'
  readonly #options: FakeIssuerOptions
  readonly #access = new Map<string, { readonly expiresAt: number; readonly family: Family }>()
  readonly #refresh = new Map<string, RefreshRecord>()
  readonly #requests: SeenRequest[] = []
  readonly #faults: Fault[] = []
  #issued = 0
  #presentedAgain = 0
  #familiesRevoked = 0
  #logins = 0
  #lastAccess: string | undefined

  constructor(options: FakeIssuerOptions) {
    this.#options = options
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, { ...init, signal: null })
    const fault = this.#faults.shift()
    const before = await faultyResponse(fault, 'before', init?.signal ?? undefined)
    if (before !== undefined) return before
    const seen = await readRequest(request)
    if (seen.url.endsWith('/revoke')) {
      this.revoke(seen.fields.get('token') ?? '')
      return new Response(null, { status: 200 })
    }
    this.#requests.push(seen)
    const members = this.#answer(seen)
    const after = await faultyResponse(fault, 'after', init?.signal ?? undefined, members, this.#lastAccess)
    if (typeof members['access_token'] === 'string') this.#lastAccess = members['access_token']
    const status = 'error' in members ? 400 : 200
    return after ?? Response.json(members, { status, headers: { 'cache-control': 'no-store' } })
  }

  endpoint(options: Partial<TokenEndpointOptions> = {}): TokenEndpoint {
    return tokenEndpoint({
      issuer: this.issuer,
      url: `${this.issuer}/token`,
      client: publicClient('client'),
      rotation: this.#options.rotation,
      fetch: this.fetch,
      ...options,
    })
  }

  issueRefreshToken(): string {
    return this.#newRefreshToken({ revoked: false }, undefined)
  }

  revoke(token: string): void {
    this.#access.delete(token)
    const record = this.#refresh.get(token)
    if (record !== undefined) record.family.revoked = true
  }

  revokeAll(): void {
    this.#access.clear()
    for (const { family } of this.#refresh.values()) family.revoked = true
  }

  accepts(accessToken: string): boolean {
    const record = this.#access.get(accessToken)
    return record !== undefined && !record.family.revoked && this.#options.clock.now() < record.expiresAt
  }

  inject({ fault, times = 1 }: { readonly fault: Fault; readonly times?: number }): void {
    for (let count = 0; count < times; count += 1) this.#faults.push(fault)
  }

  requests(): readonly SeenRequest[] {
    return this.#requests
  }

  counts(): FakeIssuerCounts {
    return { presentedAgain: this.#presentedAgain, familiesRevoked: this.#familiesRevoked, logins: this.#logins }
  }

  #answer(seen: SeenRequest): Record<string, unknown> {
    switch (seen.grant) {
      case 'client_credentials':
        return this.#issue({ revoked: false }, seen, undefined)
      case 'refresh_token':
        return this.#refreshed(seen)
      case 'password':
      case 'login': {
        this.#logins += 1
        const { password } = this.#options
        if (password !== undefined && seen.fields.get('password') !== password) return { error: 'invalid_grant' }
        const family = { revoked: false }
        return this.#issue(family, seen, this.#newRefreshToken(family, undefined))
      }
      default:
        return { error: 'unsupported_grant_type' }
    }
  }

  #refreshed(seen: SeenRequest): Record<string, unknown> {
    const { rotation, clock } = this.#options
    const token = seen.fields.get('refresh_token') ?? ''
    const record = this.#refresh.get(token)
    if (record === undefined || record.family.revoked) return { error: 'invalid_grant' }
    if (rotation === 'reusable') return this.#issue(record.family, seen, undefined)
    if (record.spentAt !== undefined) {
      this.#presentedAgain += 1
      if (!forgiven(rotation, record, clock.now())) {
        record.family.revoked = true
        this.#familiesRevoked += 1
        return { error: 'invalid_grant' }
      }
    }
    record.spentAt ??= clock.now()
    const predecessor = record.predecessor === undefined ? undefined : this.#refresh.get(record.predecessor)
    if (predecessor !== undefined) predecessor.successorUsed = true
    return this.#issue(record.family, seen, this.#newRefreshToken(record.family, token))
  }

  #issue(family: Family, seen: SeenRequest, refreshToken: string | undefined): Record<string, unknown> {
    this.#issued += 1
    const token = `at-${this.#issued}`
    this.#access.set(token, { expiresAt: this.#options.clock.now() + this.#options.ttlMs, family })
    const scope = seen.fields.get('scope')
    return {
      access_token: token,
      token_type: 'Bearer',
      expires_in: Math.floor(this.#options.ttlMs / 1_000),
      ...(scope !== undefined && { scope }),
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    }
  }

  #newRefreshToken(family: Family, predecessor: string | undefined): string {
    this.#issued += 1
    const token = `rt-${this.#issued}`
    this.#refresh.set(token, { family, spentAt: undefined, successorUsed: false, predecessor })
    return token
  }
}

function forgiven(rotation: Rotation, { spentAt, successorUsed }: RefreshRecord, nowMs: number): boolean {
  if (rotation === 'until-used') return !successorUsed
  return typeof rotation === 'object' && spentAt !== undefined && nowMs - spentAt < rotation.graceMs
}

async function readRequest(request: Request): Promise<SeenRequest> {
  const text = await request.text()
  const json = request.headers.get('content-type')?.startsWith('application/json') === true
  const fields = new Map<string, string>()
  if (json) for (const [name, value] of Object.entries(Object(JSON.parse(text)))) fields.set(name, String(value))
  else for (const [name, value] of new URLSearchParams(text)) fields.set(name, value)
  return { url: request.url, headers: request.headers, fields, grant: fields.get('grant_type') ?? 'login' }
}
