import { type VirtualClock, virtualClock } from '@coffer/lease/testing'
import {
  chain,
  createTokenCache,
  type Grant,
  isTokenCacheError,
  passwordLogin,
  type Rotation,
  refreshToken,
  type TokenCache,
  type TokenCacheEvent,
  type TokenCacheOptions,
} from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer, type FakeIssuerOptions } from '@coffer/token-cache/testing'

export const hour = 3_600_000
export const minute = 60_000

/** A fake issuer, a clock, and a cache that draws no jitter. */
export function arrange(
  grantOf: (issuer: FakeIssuer) => Grant,
  options: Partial<TokenCacheOptions> = {},
  issuerOptions: Partial<FakeIssuerOptions> = {},
): { clock: VirtualClock; issuer: FakeIssuer; tokens: TokenCache; events: TokenCacheEvent[] } {
  const clock = virtualClock()
  const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour, ...issuerOptions })
  const events: TokenCacheEvent[] = []
  const tokens = createTokenCache({
    grant: grantOf(issuer),
    max: 100,
    clock,
    timers: clock.timers,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { clock, issuer, tokens, events }
}

/** Refresh tokens first, then e-mail and password. */
export function loginChain(issuer: FakeIssuer, rotation?: Rotation): Grant {
  const endpoint = issuer.endpoint(rotation === undefined ? {} : { rotation })
  const login = passwordLogin(issuer.endpoint({ body: 'json' }), {
    subject: 'ops@acme.example',
    password: 'correct horse',
  })
  return chain(refreshToken(endpoint), login)
}

/** The code of a refusal, or `'resolved'`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'resolved'
  } catch (error) {
    return isTokenCacheError(error) ? error.code.replace('COFFER_TOKEN_CACHE_', '') : String(error)
  }
}

/** Lets virtual time pass until a promise has settled. */
export async function settled<T>(clock: VirtualClock, promise: Promise<T>, limitMs: number = 10 * minute): Promise<T> {
  let done = false
  promise.then(
    () => {
      done = true
    },
    () => {
      done = true
    },
  )
  for (let passed = 0; !done && passed < limitMs; passed += 25) await clock.advance(25)
  return await promise
}
