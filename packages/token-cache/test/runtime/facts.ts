import {
  AccessToken,
  chain,
  clientCredentials,
  createTokenCache,
  isTokenCacheError,
  memoryStore,
  passwordLogin,
  refreshToken,
  type Sealer,
  sealed,
  type TokenStore,
} from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer } from '@coffer/token-cache/testing'

const hour = 3_600_000

function same(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${left} is not ${right}`)
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'resolved'
  } catch (error) {
    return isTokenCacheError(error) ? error.code : String(error)
  }
}

function clockAt(start: number) {
  let nowMs = start
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    forward: (ms: number): void => {
      nowMs += ms
    },
  }
}

function logins(issuer: FakeIssuer) {
  const login = passwordLogin(issuer.endpoint({ body: 'json' }), { subject: 'ops@acme.example', password: 'x' })
  return chain(refreshToken(issuer.endpoint()), login)
}

function arrange(store?: TokenStore) {
  const clock = clockAt(1_700_000_000_000)
  const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
  const process = () => createTokenCache({ grant: logins(issuer), max: 10, clock, ...(store && { store }) })
  return { clock, issuer, process }
}

async function aesSealer(): Promise<Sealer> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const parameters = (iv: Uint8Array, bound: Uint8Array): AesGcmParams => ({
    name: 'AES-GCM',
    iv: new Uint8Array(iv),
    additionalData: new Uint8Array(bound),
  })
  return {
    encrypt: async (plaintext, bound) => {
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const bytes = await crypto.subtle.encrypt(parameters(iv, bound), key, new Uint8Array(plaintext))
      return new Uint8Array([...iv, ...new Uint8Array(bytes)])
    },
    decrypt: async (bytes, bound) => {
      const sealedBytes = new Uint8Array(bytes.subarray(12))
      return new Uint8Array(await crypto.subtle.decrypt(parameters(bytes.subarray(0, 12), bound), key, sealedBytes))
    },
  }
}

export const facts: Record<string, () => void | Promise<void>> = {
  'a thousand concurrent calls make one token request': async () => {
    const { issuer } = arrange()
    const tokens = createTokenCache({ grant: clientCredentials(issuer.endpoint()), max: 10 })
    const all = await Promise.all(Array.from({ length: 1_000 }, () => tokens.get({ scope: 'a' })))
    same([new Set(all.map((token) => token.reveal())).size, issuer.requests().length], [1, 1])
    same(tokens.for({ scope: 'a' }).peek()?.reveal(), all[0]?.reveal())
  },
  'one login, then refresh tokens, each presented once': async () => {
    const { clock, issuer, process } = arrange()
    const tokens = process()
    for (let round = 0; round < 4; round += 1) {
      await tokens.get({ scope: 'a' })
      clock.forward(hour)
    }
    same(issuer.counts(), { presentedAgain: 0, familiesRevoked: 0, logins: 1 })
    same(issuer.requests().length, 4)
  },
  'two processes on a sealed store share one token, and a changed body is refused': async () => {
    const inner = memoryStore({ max: 10 })
    const { issuer, process } = arrange(sealed(inner, await aesSealer()))
    const first = await process().get({ scope: 'a' })
    const second = await process().get({ scope: 'a' })
    same([first.reveal() === second.reveal(), issuer.requests().length], [true, 1])
    const other = createTokenCache({ grant: logins(issuer), max: 10, store: sealed(inner, await aesSealer()) })
    same(await codeOf(other.get({ scope: 'a' })), 'COFFER_TOKEN_CACHE_STORE_CORRUPT')
  },
  'a 401 is answered with one refresh and a second try': async () => {
    const { issuer, process } = arrange()
    const handle = process().for({ scope: 'a' })
    const resource: typeof fetch = async (_, init) => {
      const sent = new Headers(init?.headers).get('authorization')?.slice('Bearer '.length) ?? ''
      return new Response(null, { status: issuer.accepts(sent) ? 200 : 401 })
    }
    const api = handle.fetch({ origins: ['https://api.example'], fetch: resource })
    issuer.revoke((await handle.get()).reveal())
    same((await api('https://api.example/')).status, 200)
    same(await codeOf(api('https://evil.example/')), 'COFFER_TOKEN_CACHE_ORIGIN_REFUSED')
    same(issuer.requests().length, 2)
  },
  'an issuer that is down is a refusal by code, with the time of the next attempt': async () => {
    const { issuer, process } = arrange()
    issuer.inject({ fault: 'status-503', times: 2 })
    const error: unknown = await process()
      .get({ scope: 'a' })
      .catch((reason: unknown) => reason)
    if (!isTokenCacheError(error)) throw new Error('another error')
    same([error.code, error.terminal, typeof error.retryAt], ['COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', false, 'number'])
  },
  'no text shows a token but reveal': () => {
    const token = new AccessToken({ text: 'canary', scope: ['a'], expiresAt: 1, generation: 1 })
    same([`${token}`, JSON.stringify({ token }), token.reveal()], ['[redacted]', '{"token":"[redacted]"}', 'canary'])
  },
}
