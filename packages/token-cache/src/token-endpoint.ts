import type { Clock, Timers } from '@coffer/lease'
import type { CanonicalRequest } from './canonical-request.js'
import { integerIn, nonEmpty, oneOf, refuseUnknown, secureUrl } from './check-options.js'
import { type ClientAuthentication, type ClientParts, clientParts } from './client-authentication.js'
import { type Exchange, refusal } from './exchange.js'
import { readBody, retryAfterOf, sendFailure } from './http-answer.js'
import { SecretUnavailable } from './secret.js'
import { type ResponseRules, readAnswer } from './token-response.js'

/** The name under which the parts of a {@link TokenEndpoint} are kept. */
export const endpointParts: unique symbol = Symbol('coffer.token-endpoint')

/** Where tokens are asked for. Opaque: made by {@link tokenEndpoint}. */
export interface TokenEndpoint {
  readonly [endpointParts]: EndpointParts
}

/**
 * What the issuer does with a refresh token that is presented twice. `'strict'` revokes everything that came of it;
 * `graceMs` forgives for that long; `'until-used'` until the successor is used; `'reusable'`: it does not rotate.
 */
export type Rotation = 'strict' | { readonly graceMs: number } | 'until-used' | 'reusable'

export interface TokenEndpointOptions {
  /** Required. The issuer's https URL; part of every key. */
  readonly issuer: string
  /** Required. https; `{tenant}` in it is filled, percent-encoded, from the request. */
  readonly url: string
  /** Required. */
  readonly client: ClientAuthentication
  /** Default `'strict'`. */
  readonly rotation?: Rotation
  /** `'json'` is for logins outside RFC 6749. Default `'form'`. */
  readonly body?: 'form' | 'json'
  /** The parameter that carries the tenant. Default none. */
  readonly tenantParam?: string
  /** Default `'audience'`; `'resource'` is RFC 8707. */
  readonly audienceParam?: string
  /** The whole exchange. Default 10 000 ms. */
  readonly timeoutMs?: number
  /** Bytes after decoding. Default 65 536. */
  readonly maxResponseBytes?: number
  /** When `expires_in` is unusable. Default 300 000 ms. */
  readonly defaultTtlMs?: number
  /** The smaller of `expires_in` and `exp - iat`. Default false: clients must not inspect access tokens (RFC 9068 §6). */
  readonly readJwtExpiry?: boolean
  /** RFC 7009. Default none. */
  readonly revocationUrl?: string
  /** Default the global one. */
  readonly fetch?: typeof fetch
  /** Allows http to 127.0.0.0/8, ::1 and localhost. Default none. */
  readonly dangerouslyAllowHttp?: 'loopback'
}

/** What one request needs of the cache. */
export interface SendContext {
  readonly signal: AbortSignal
  readonly timers: Timers
  readonly clock: Clock
}

type Fields = readonly (readonly [string, string])[]

export interface EndpointParts {
  readonly issuer: string
  readonly url: string
  readonly client: ClientParts
  readonly rotation: Rotation
  readonly body: 'form' | 'json'
  readonly timeoutMs: number
  readonly tenant: 'refused' | 'allowed' | 'required'
  readonly reserved: readonly string[]
  /** How a request is written: what two endpoints at one URL can differ in. */
  readonly form: readonly string[]
  readonly canRevoke: boolean
  /** One request; never throws, but says what the outcome means for what was sent. */
  send(fields: Fields, request: CanonicalRequest, context: SendContext, bearer?: string): Promise<Exchange>
  /** RFC 7009 §2.1; an answer is not waited on beyond the timeout, and a failure is nobody's. */
  revoke(token: string, hint: 'access_token' | 'refresh_token', context: SendContext): Promise<void>
}

const protocolNames = [
  'grant_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'scope',
  'audience',
  'resource',
  'refresh_token',
  'username',
  'password',
  'assertion',
]

const optionNames = [
  'issuer',
  'url',
  'client',
  'rotation',
  'body',
  'tenantParam',
  'audienceParam',
  'timeoutMs',
  'maxResponseBytes',
  'defaultTtlMs',
  'readJwtExpiry',
  'revocationUrl',
  'fetch',
  'dangerouslyAllowHttp',
]

/**
 * Describes a token endpoint. Sends nothing.
 *
 * @throws {TypeError} for a missing, unknown or unusable option, an http URL included; {RangeError} for a number out of range.
 */
export function tokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  refuseUnknown('options', options, optionNames)
  const { issuer, url, client, rotation = 'strict', body = 'form', tenantParam, audienceParam = 'audience' } = options
  const { dangerouslyAllowHttp: allowHttp, revocationUrl, fetch: send, readJwtExpiry = false } = options
  if (allowHttp !== undefined) oneOf('dangerouslyAllowHttp', allowHttp, ['loopback'])
  secureUrl('issuer', issuer, allowHttp)
  secureUrl('url', url.replaceAll('{tenant}', 'tenant'), allowHttp)
  if (revocationUrl !== undefined) secureUrl('revocationUrl', revocationUrl, allowHttp)
  if (client?.[clientParts] === undefined) throw new TypeError('client must be made by this package')
  if (typeof readJwtExpiry !== 'boolean') throw new TypeError('readJwtExpiry must be a boolean')
  oneOf('body', body, ['form', 'json'])
  nonEmpty('audienceParam', audienceParam)
  if (tenantParam !== undefined) nonEmpty('tenantParam', tenantParam)
  const timeoutMs = integerIn('timeoutMs', options.timeoutMs ?? 10_000, 1, 600_000)
  const rules: ResponseRules = {
    body,
    readJwtExpiry,
    defaultTtlMs: integerIn('defaultTtlMs', options.defaultTtlMs ?? 300_000, 1, 86_400_000),
  }
  const parts = {
    issuer,
    url,
    body,
    timeoutMs,
    revocationUrl,
    tenantParam,
    audienceParam,
    rules,
    client: client[clientParts],
    rotation: checkRotation(rotation),
    maxResponseBytes: integerIn('maxResponseBytes', options.maxResponseBytes ?? 65_536, 1, 16_777_216),
    fetch: send ?? ((input: RequestInfo | URL, init?: RequestInit) => globalThis.fetch(input, init)),
  }
  return Object.freeze({ [endpointParts]: new Endpoint(parts) })
}

function checkRotation(rotation: Rotation): Rotation {
  if (typeof rotation === 'string')
    return oneOf<Rotation & string>('rotation', rotation, ['strict', 'until-used', 'reusable'])
  refuseUnknown('rotation', rotation, ['graceMs'])
  return Object.freeze({ graceMs: integerIn('rotation.graceMs', rotation.graceMs, 1, 86_400_000) })
}

interface CheckedEndpoint {
  readonly issuer: string
  readonly url: string
  readonly client: ClientParts
  readonly rotation: Rotation
  readonly body: 'form' | 'json'
  readonly tenantParam: string | undefined
  readonly audienceParam: string
  readonly timeoutMs: number
  readonly maxResponseBytes: number
  readonly rules: ResponseRules
  readonly revocationUrl: string | undefined
  readonly fetch: typeof fetch
}

class Endpoint implements EndpointParts {
  readonly #checked: CheckedEndpoint
  constructor(checked: CheckedEndpoint) {
    this.#checked = checked
  }

  get issuer(): string {
    return this.#checked.issuer
  }
  get url(): string {
    return this.#checked.url
  }
  get client(): ClientParts {
    return this.#checked.client
  }
  get rotation(): Rotation {
    return this.#checked.rotation
  }
  get body(): 'form' | 'json' {
    return this.#checked.body
  }
  get timeoutMs(): number {
    return this.#checked.timeoutMs
  }
  get canRevoke(): boolean {
    return this.#checked.revocationUrl !== undefined
  }
  get tenant(): 'refused' | 'allowed' | 'required' {
    if (this.url.includes('{tenant}')) return 'required'
    return this.#checked.tenantParam === undefined ? 'refused' : 'allowed'
  }
  get form(): readonly string[] {
    const { body, audienceParam, tenantParam = '' } = this.#checked
    return [body, audienceParam, tenantParam]
  }
  get reserved(): readonly string[] {
    const { tenantParam, audienceParam } = this.#checked
    return [...protocolNames, audienceParam, ...(tenantParam === undefined ? [] : [tenantParam])]
  }

  async send(fields: Fields, request: CanonicalRequest, context: SendContext, bearer?: string): Promise<Exchange> {
    const { tenantParam, audienceParam, url, body, client, rules } = this.#checked
    const all: (readonly [string, string])[] = [...fields]
    for (const value of request.audience ?? []) all.push([audienceParam, value])
    if (request.tenant !== undefined && tenantParam !== undefined) all.push([tenantParam, request.tenant])
    all.push(...request.params)
    const target = url.replaceAll('{tenant}', encodeURIComponent(request.tenant ?? ''))
    let added: Awaited<ReturnType<ClientParts['authenticate']>>
    try {
      added = await client.authenticate()
    } catch (error) {
      if (!(error instanceof SecretUnavailable)) throw error
      return refusal('COFFER_TOKEN_CACHE_CREDENTIAL_UNAVAILABLE', 'kept', 'nothing')
    }
    const headers = bearer === undefined ? added.headers : { ...added.headers, authorization: `Bearer ${bearer}` }
    return this.#exchange(target, headers, [...added.fields, ...all], context, async (response, signal) => {
      const text = await readBody(response, this.#checked.maxResponseBytes, signal)
      const publicJson = body === 'json' && client.method === 'none'
      const retryAfterMs = retryAfterOf(response.headers, context.clock)
      return readAnswer({ status: response.status, json: parseJson(text), retryAfterMs, publicJson }, rules)
    })
  }

  async revoke(token: string, hint: 'access_token' | 'refresh_token', context: SendContext): Promise<void> {
    const { revocationUrl, client } = this.#checked
    if (revocationUrl === undefined) return
    try {
      const added = await client.authenticate()
      const fields: Fields = [...added.fields, ['token', token], ['token_type_hint', hint]]
      await this.#exchange(revocationUrl, added.headers, fields, context, async (response) => {
        await response.body?.cancel()
        return refusal('COFFER_TOKEN_CACHE_CLOSED', 'kept', 'nothing')
      })
    } catch {
      // A revocation is a courtesy to the issuer: the token ends by itself.
    }
  }

  async #exchange(
    url: string,
    headers: Readonly<Record<string, string>>,
    fields: Fields,
    context: SendContext,
    read: (response: Response, signal: AbortSignal) => Promise<Exchange>,
  ): Promise<Exchange> {
    const controller = new AbortController()
    const abort = (): void => controller.abort()
    if (context.signal.aborted)
      return refusal('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', 'kept', 'nothing', { reason: 'timeout' })
    context.signal.addEventListener('abort', abort, { once: true })
    const timer = context.timers.set(abort, this.timeoutMs)
    const aborted = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(new Error('timed out')), { once: true })
    })
    aborted.catch(() => {})
    try {
      const json = this.body === 'json' && url !== this.#checked.revocationUrl
      const answer = this.#checked.fetch(url, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
          ...headers,
        },
        body: json ? JSON.stringify(asMembers(fields)) : formBody(fields),
        redirect: 'manual',
        cache: 'no-store',
        signal: controller.signal,
      })
      answer.catch(() => {})
      return await Promise.race([answer.then((response) => read(response, controller.signal)), aborted])
    } catch (error) {
      return sendFailure(error, controller.signal.aborted)
    } finally {
      context.timers.clear(timer)
      context.signal.removeEventListener('abort', abort)
    }
  }
}

function formBody(fields: Fields): string {
  return new URLSearchParams(fields.map(([name, value]) => [name, value])).toString()
}

function asMembers(fields: Fields): Record<string, string | string[]> {
  // Without a prototype: a member called __proto__ is a member.
  const members: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of fields) {
    const before = members[name]
    members[name] = before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value]
  }
  return members
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
