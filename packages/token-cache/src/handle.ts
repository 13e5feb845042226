import type { AccessToken } from './access-token.js'
import {
  type AuthorizedFetch,
  type AuthorizedFetchOptions,
  authorizedFetch,
  type Rejection,
} from './authorized-fetch.js'
import type { CanonicalRequest } from './canonical-request.js'
import { nowhere, type Place } from './slots.js'
import type { TokenHandle } from './token-cache.js'

/** What a handle asks of its cache. */
export interface HandleCache {
  peek(place: Place, key: string): AccessToken | undefined
  slow(key: string, request: CanonicalRequest, signal: AbortSignal | undefined): Promise<AccessToken>
  reject(key: string, request: CanonicalRequest, token: AccessToken): Rejection
}

/** A handle: one canonical request, and the place where its token last was. */
export class Handle implements TokenHandle {
  readonly #cache: HandleCache
  readonly #request: CanonicalRequest
  readonly #key: string
  readonly #place: Place = nowhere()

  constructor(cache: HandleCache, request: CanonicalRequest, key: string) {
    this.#cache = cache
    this.#request = request
    this.#key = key
  }

  peek(): AccessToken | undefined {
    return this.#cache.peek(this.#place, this.#key)
  }

  get(options?: { readonly signal?: AbortSignal }): Promise<AccessToken> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason)
    const token = this.peek()
    return token === undefined ? this.#cache.slow(this.#key, this.#request, options?.signal) : Promise.resolve(token)
  }

  invalidate(token: AccessToken): boolean {
    return this.#cache.reject(this.#key, this.#request, token) === 'rejected'
  }

  fetch(options: AuthorizedFetchOptions): AuthorizedFetch {
    return authorizedFetch(options, {
      get: (signal) => this.get(signal === undefined ? undefined : { signal }),
      peek: () => this.peek(),
      reject: (token) => this.#cache.reject(this.#key, this.#request, token),
    })
  }
}
