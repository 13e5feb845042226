import type { SignatureAlgorithm } from '../algorithms.js'
import { assertMethods, assertOptions } from '../check-options.js'
import { type Clock, systemClock } from '../clock.js'
import { type RemoteKeys, remoteKeys } from '../remote-keys.js'
import type { RemoteKeysOptions } from '../remote-keys-options.js'
import { createTestKey, encodePart, type TestKey } from './test-key.js'

/** What can be wrong with a provider of keys. */
export type Outage = 'refuse' | 'hang' | 'drip' | '500' | 'garbage' | 'huge' | 'redirect'

/** How a fake issuer is made. */
export interface FakeIssuerOptions {
  /** Default: `ES256`. */
  readonly algorithm?: SignatureAlgorithm
  /** Default: `https://issuer.test`. */
  readonly issuer?: string
  /** `aud` of its tokens. Default: `https://api.test`. */
  readonly audience?: string
  /** Default: the machine's clock. */
  readonly clock?: Clock
}

/** An issuer that a test holds in its hands: it signs anything, rotates, fails. */
export interface FakeIssuer {
  readonly issuer: string
  readonly audience: string
  readonly algorithm: SignatureAlgorithm
  readonly clock: Clock
  /** Where `fetch` answers with the JWKS. */
  readonly url: string
  /** The network, as far as this issuer goes. */
  readonly fetch: typeof globalThis.fetch
  /** How often `fetch` was called. */
  readonly fetches: number
  /** A key source over `fetch` and `clock`, without timers unless they are given. */
  keys(options?: RemoteKeysOptions): RemoteKeys
  /** The document that it serves. */
  jwks(): { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** The `kid` that signs now. */
  readonly kid: string
  /** A good access token, with members of claims and header replaced; `undefined` takes one away. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>
  /** Signs exactly this text as header and payload. */
  sign(header: string, payload: string | Uint8Array): Promise<string>
  /** Publishes another key, which signs once `publishAheadMs` have passed. Default: 0. */
  rotate(options?: { readonly publishAheadMs?: number }): Promise<string>
  /** Takes a key out of the document. */
  dropKey(kid: string): void
  /** Puts any JWK into the document. */
  publish(jwk: Readonly<Record<string, unknown>>): void
  /** Breaks the provider in one way; `null` mends it. */
  outage(kind: Outage | null): void
}

interface SigningKey {
  readonly key: TestKey
  readonly from: number
}

/** Makes an issuer for tests. Nothing of it is fit for production. */
export async function fakeIssuer(options: FakeIssuerOptions = {}): Promise<FakeIssuer> {
  assertOptions(options, 'fakeIssuer', ['algorithm', 'issuer', 'audience', 'clock'])
  const {
    algorithm = 'ES256',
    issuer = 'https://issuer.test',
    audience = 'https://api.test',
    clock = systemClock,
  } = options
  assertMethods(clock, 'clock', ['now'])
  const first = await createTestKey(algorithm, 'test-key-1')
  return new Fake(algorithm, issuer, audience, clock, first)
}

class Fake implements FakeIssuer {
  readonly issuer: string
  readonly audience: string
  readonly algorithm: SignatureAlgorithm
  readonly clock: Clock
  readonly url: string
  fetches = 0
  #serial = 1
  #tokens = 0
  #outage: Outage | null = null
  readonly #signing: SigningKey[]
  #published: Readonly<Record<string, unknown>>[]

  constructor(algorithm: SignatureAlgorithm, issuer: string, audience: string, clock: Clock, first: TestKey) {
    this.algorithm = algorithm
    this.issuer = issuer
    this.audience = audience
    this.clock = clock
    this.url = `${issuer}/.well-known/jwks.json`
    this.#signing = [{ key: first, from: Number.NEGATIVE_INFINITY }]
    this.#published = [first.publicJwk]
  }

  get kid(): string {
    return this.#current().kid
  }

  keys(options: RemoteKeysOptions = {}): RemoteKeys {
    return remoteKeys(this.url, { fetch: this.fetch, clock: this.clock, timers: null, ...options })
  }

  jwks(): { readonly keys: readonly Readonly<Record<string, unknown>>[] } {
    return { keys: [...this.#published] }
  }

  readonly fetch: typeof globalThis.fetch = async () => {
    this.fetches++
    return this.#outage === null ? this.#answer(JSON.stringify(this.jwks())) : this.#fail(this.#outage)
  }

  async token(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const iat = Math.floor(this.clock.now() / 1_000)
    const { issuer: iss, audience: aud, algorithm: alg, kid } = this
    const good = {
      iss,
      sub: 'subject-1',
      aud,
      client_id: 'client-1',
      jti: `jti-${++this.#tokens}`,
      iat,
      exp: iat + 600,
    }
    return this.sign(JSON.stringify({ alg, kid, typ: 'at+jwt', ...header }), JSON.stringify({ ...good, ...claims }))
  }

  async sign(header: string, payload: string | Uint8Array): Promise<string> {
    const data = `${encodePart(header)}.${encodePart(payload)}`
    return `${data}.${encodePart(await this.#current().sign(data))}`
  }

  async rotate({ publishAheadMs = 0 }: { readonly publishAheadMs?: number } = {}): Promise<string> {
    const key = await createTestKey(this.algorithm, `test-key-${++this.#serial}`)
    this.#signing.push({ key, from: this.clock.now() + publishAheadMs })
    this.publish(key.publicJwk)
    return key.kid
  }

  dropKey(kid: string): void {
    this.#published = this.#published.filter((jwk) => jwk['kid' as keyof typeof jwk] !== kid)
  }

  publish(jwk: Readonly<Record<string, unknown>>): void {
    this.#published.push(jwk)
  }

  outage(kind: Outage | null): void {
    this.#outage = kind
  }

  #current(): TestKey {
    const now = this.clock.now()
    const current = this.#signing.findLast(({ from }) => from <= now)
    if (current === undefined) throw new Error('the fake issuer has no key')
    return current.key
  }

  #answer(body: BodyInit | null, init: ResponseInit = {}): Response {
    return new Response(body, {
      headers: { 'content-type': 'application/json', 'cache-control': 'max-age=600' },
      ...init,
    })
  }

  #fail(outage: Outage): Response | Promise<Response> {
    switch (outage) {
      case 'refuse':
        return Promise.reject(new TypeError('fetch failed'))
      case 'hang':
        return new Promise(() => undefined)
      case 'drip':
        return this.#answer(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{')) }))
      case '500':
        return this.#answer('{}', { status: 500 })
      case 'garbage':
        return this.#answer('<html>')
      case 'huge':
        return this.#answer(new Uint8Array(20 * 2 ** 20))
      case 'redirect':
        return this.#answer(null, { status: 302, headers: { location: 'https://elsewhere.test/jwks.json' } })
    }
  }
}
