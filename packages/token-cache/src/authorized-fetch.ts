import { type AccessToken, isAdopted } from './access-token.js'
import { asksForAnotherToken } from './challenge.js'
import { isSecure, oneOf, refuseUnknown } from './check-options.js'
import { isTokenCacheError, TokenCacheError } from './errors.js'

export interface AuthorizedFetchOptions {
  /** Required, non-empty: the exact https origins that may see the token. */
  readonly origins: readonly string[]
  /** Default the global one. */
  readonly fetch?: typeof fetch
  /** Allows http to 127.0.0.0/8, ::1 and localhost. Default none. */
  readonly dangerouslyAllowHttp?: 'loopback'
}

// Not `BodyInit`: Node's own types have no such name, and where libraries are not checked it would pass for `any`.
type Body = NonNullable<RequestInit['body']>

/** As `RequestInit`; a body may also be a function, called once per attempt, which makes a stream replayable. */
export type AuthorizedFetchInit = Omit<RequestInit, 'body'> & {
  readonly body?: Body | null | (() => Body)
}

/** As `fetch`, with a token in `Authorization`. */
export type AuthorizedFetch = (input: string | URL | Request, init?: AuthorizedFetchInit) => Promise<Response>

/** `'superseded'`: another token has its place; `'held-back'`: it stays, because one was rejected a moment ago. */
export type Rejection = 'rejected' | 'superseded' | 'held-back'

/** Where the token comes from. */
export interface TokenSource {
  readonly get: (signal: AbortSignal | undefined) => Promise<AccessToken>
  readonly peek: () => AccessToken | undefined
  readonly reject: (token: AccessToken) => Rejection
}

/**
 * A `fetch` that carries a token to listed origins and to no other, and asks once more, with another token, after a
 * 401 that says so; a second time only where the other token was a peer's. A redirect is returned: the token never
 * follows it.
 */
export function authorizedFetch(options: AuthorizedFetchOptions, source: TokenSource): AuthorizedFetch {
  refuseUnknown('options', options, ['origins', 'fetch', 'dangerouslyAllowHttp'])
  const { dangerouslyAllowHttp: allowHttp } = options
  if (allowHttp !== undefined) oneOf('dangerouslyAllowHttp', allowHttp, ['loopback'])
  const origins = originSet(options.origins, allowHttp)
  const send = options.fetch ?? ((input: RequestInfo | URL, init?: RequestInit) => globalThis.fetch(input, init))
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    if (!origins.has(url.origin) || !isSecure(url, allowHttp))
      throw new TokenCacheError('COFFER_TOKEN_CACHE_ORIGIN_REFUSED')
    // What was checked is what is sent: a URL object is the caller's, and can change while a token is awaited.
    const call = prepare(input instanceof Request ? input : url.href, init)
    let token = await source.get(call.signal)
    for (let retries = 0; ; retries += 1) {
      const response = await send(...call.attempt(token))
      if (response.status !== 401 || !asksForAnotherToken(response.headers.get('www-authenticate'))) return response
      // A peer's token can have ended in the same logout, and taking it over asked the issuer for nothing.
      if (retries === 2 || (retries === 1 && !isAdopted(token))) return response
      let next: AccessToken | undefined
      try {
        next = await anotherToken(source, token, call)
      } catch (error) {
        await response.body?.cancel()
        throw error
      }
      if (next === undefined) return response
      await response.body?.cancel()
      token = next
    }
  }
}

/** The token to try next, or undefined when the 401 is to be returned. */
async function anotherToken(source: TokenSource, refused: AccessToken, call: Call): Promise<AccessToken | undefined> {
  const current = source.peek()
  const newer = current !== undefined && current.generation > refused.generation
  const rejection = newer ? 'superseded' : source.reject(refused)
  if (!call.replayable || rejection === 'held-back') return undefined
  try {
    return newer ? current : await source.get(call.signal)
  } catch (error) {
    // The resource's own answer says more than that no other token could be had.
    if (isTokenCacheError(error)) return undefined
    throw error
  }
}

interface Call {
  readonly signal: AbortSignal | undefined
  /** Whether the body can be sent a second time. */
  readonly replayable: boolean
  readonly attempt: (token: AccessToken) => [string | Request, RequestInit]
}

function prepare(input: string | Request, init: AuthorizedFetchInit): Call {
  const { body, headers: own, redirect, ...rest } = init
  const headers = new Headers(own ?? (input instanceof Request ? input.headers : undefined))
  if (headers.has('authorization')) throw new TypeError('init.headers must not carry authorization')
  if (redirect === 'follow') throw new TypeError("init.redirect must not be 'follow': the token would follow")
  const make = typeof body === 'function' ? body : () => body
  const streams = body instanceof ReadableStream || (isAsyncIterable(body) && !(body instanceof Blob))
  const signal = init.signal ?? (input instanceof Request ? input.signal : undefined)
  return {
    signal,
    replayable: !streams && !(input instanceof Request && input.body !== null && body === undefined),
    attempt: (token) => {
      const sent = new Headers(headers)
      sent.set('authorization', `Bearer ${token.reveal()}`)
      const content = make()
      const attempt: RequestInit & { duplex?: 'half' } = { ...rest, headers: sent, redirect: redirect ?? 'manual' }
      if (content !== undefined) attempt.body = content
      // A stream is sent before the response begins; fetch wants that said.
      if (content instanceof ReadableStream || streams) attempt.duplex = 'half'
      return [input, attempt]
    },
  }
}

function isAsyncIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function originSet(origins: readonly string[], allowHttp: 'loopback' | undefined): ReadonlySet<string> {
  if (!Array.isArray(origins) || origins.length === 0) throw new TypeError('origins must be a non-empty list')
  for (const origin of origins) {
    const url = URL.canParse(origin) ? new URL(origin) : undefined
    if (url === undefined || url.origin !== origin)
      throw new TypeError('origins must be exact origins, as https://api.example')
    if (!isSecure(url, allowHttp)) throw new TypeError('origins must be https')
  }
  return new Set(origins)
}
