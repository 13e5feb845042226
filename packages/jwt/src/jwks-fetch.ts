import { systemTimers, type Timers } from './clock.js'

/** What a fetch of a JWKS brought. */
export type FetchedJwks =
  | {
      readonly kind: 'document'
      readonly body: Uint8Array
      readonly etag: string | undefined
      readonly headers: Headers
    }
  | { readonly kind: 'not-modified'; readonly headers: Headers }

/** Why a fetch failed: for events, never with anything the server sent. */
export type FetchFault = 'network' | 'timeout' | 'status' | 'content-type' | 'size'

/** A fetch that brought nothing usable. */
export class FetchFailure extends Error {
  readonly fault: FetchFault
  /** `Retry-After`, as it was sent. */
  readonly retryAfter: string | null

  constructor(fault: FetchFault, retryAfter: string | null = null) {
    super(`the fetch failed: ${fault}`)
    this.fault = fault
    this.retryAfter = retryAfter
  }
}

/** How one exchange is bounded. */
export interface FetchLimits {
  readonly fetch: typeof globalThis.fetch
  readonly timers: Timers | null
  readonly timeoutMs: number
  /** Bytes of the decoded body. */
  readonly maxBytes: number
}

/**
 * One GET within one timeout for the whole exchange. No redirect is followed, whatever it points at; any status but 200
 * and 304, another content type, or a body beyond the limit is a failure.
 */
export async function fetchJwks(
  url: string,
  etag: string | undefined,
  limits: FetchLimits,
  closed: AbortSignal,
): Promise<FetchedJwks> {
  const timers = limits.timers ?? systemTimers
  const controller = new AbortController()
  let stop: (failure: FetchFailure) => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    stop = (failure) => {
      reject(failure)
      controller.abort()
    }
  })
  // Without a handler of its own, losing the race would be an unhandled rejection.
  stopped.catch(() => undefined)
  const onClose = (): void => stop(new FetchFailure('network'))
  closed.addEventListener('abort', onClose)
  const timer = timers.set(() => stop(new FetchFailure('timeout')), limits.timeoutMs)
  try {
    return await Promise.race([exchange(url, etag, limits, controller.signal), stopped])
  } catch (error) {
    throw error instanceof FetchFailure ? error : new FetchFailure('network')
  } finally {
    timers.clear(timer)
    closed.removeEventListener('abort', onClose)
    controller.abort()
  }
}

async function exchange(
  url: string,
  etag: string | undefined,
  limits: FetchLimits,
  signal: AbortSignal,
): Promise<FetchedJwks> {
  const headers: Record<string, string> = { accept: 'application/jwk-set+json, application/json' }
  if (etag !== undefined) headers['if-none-match'] = etag
  const response = await limits.fetch(url, { ...plainRequest(), headers, redirect: 'manual', signal })
  if (response.status === 304 && etag !== undefined) return { kind: 'not-modified', headers: response.headers }
  if (response.status !== 200) throw new FetchFailure('status', response.headers.get('retry-after'))
  if (!isJson(response.headers.get('content-type'))) throw new FetchFailure('content-type')
  const body = await readBody(response, limits.maxBytes)
  return { kind: 'document', body, etag: response.headers.get('etag') ?? undefined, headers: response.headers }
}

/** No cookies and no HTTP cache beside our own ttl, on runtimes that have either; others refuse to be told. */
function plainRequest(): RequestInit {
  const known = typeof Request === 'function' ? Request.prototype : {}
  return {
    ...('credentials' in known ? { credentials: 'omit' } : {}),
    ...('cache' in known ? { cache: 'no-store' } : {}),
  }
}

/** `application/json` or a type with the suffix `+json` (RFC 6839 §3.1). */
function isJson(contentType: string | null): boolean {
  const essence = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  return essence === 'application/json' || /^application\/[a-z0-9!#$&^_.-]+\+json$/.test(essence)
}

/** Counts bytes after decoding, as they come: a compression bomb ends at the limit. */
async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  if (reader === undefined) throw new FetchFailure('size')
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > maxBytes) {
      // A body that never ends must not hold the caller up here either.
      reader.cancel().catch(() => undefined)
      throw new FetchFailure('size')
    }
    parts.push(value)
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.length
  }
  return body
}
