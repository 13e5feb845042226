/** What must hold on every runtime that this package promises. No `node:` import, no test runner. */
import { createRevocationIndex, createVerifier, isJwtError, remoteKeys, type SignatureAlgorithm } from '@coffer/jwt'
import { createIssuer, createKeyRing, memoryKeyRingStore, memoryRefreshStore, type Sealer } from '@coffer/jwt/issue'
import { checkRefreshStore, fakeClock, fakeIssuer, hostileTokens, verifyJws } from '@coffer/jwt/testing'

function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    return isJwtError(error) ? error.code : String(error)
  }
}

/** AES-256-GCM by Web Crypto. */
async function webSealer(): Promise<Sealer> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes)
  return {
    async encrypt(plaintext, associatedData) {
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const sealed = await crypto.subtle.encrypt(
        { name: 'AES-GCM', iv, additionalData: own(associatedData) },
        key,
        own(plaintext),
      )
      return Uint8Array.from([...iv, ...new Uint8Array(sealed)])
    },
    async decrypt(ciphertext, associatedData) {
      const bytes = own(ciphertext)
      const algorithm = { name: 'AES-GCM', iv: bytes.slice(0, 12), additionalData: own(associatedData) }
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, bytes.slice(12)))
    },
  }
}

async function hostileAreRefused(algorithm: SignatureAlgorithm): Promise<void> {
  const issuer = await fakeIssuer({ algorithm })
  const hostile = await hostileTokens(issuer, { include: 'all' })
  const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: [algorithm], keys: issuer.keys() }
  const verifier = createVerifier({ issuers: [policy] })
  const good = await issuer.token({ name: 'Žofie \u{1f600}' })
  const first = await verifier.verify(good)
  assert((await verifier.verify(good)) === first, 'a token seen before is the same object')
  for (const { id, token, code } of hostile) {
    const got = await codeOf(() => verifier.verify(token))
    assert(got === code, `${id}: ${got} for ${code}`)
  }
}

async function sessionRuns(algorithm: SignatureAlgorithm): Promise<void> {
  const [issuer, audience] = ['https://id.test', 'https://api.test']
  const keys = await createKeyRing({
    issuer,
    algorithm,
    store: memoryKeyRingStore(),
    sealer: await webSealer(),
    timers: null,
  })
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', timers: null })
  const refresh = { store: memoryRefreshStore({ max: 100 }), secret: crypto.getRandomValues(new Uint8Array(32)) }
  const tokens = createIssuer({ issuer, keys, revocation, refresh })
  const verifier = createVerifier({ issuers: [{ issuer, audience, algorithms: [algorithm], keys }], revocation })
  const first = await tokens.issueWithRefresh({ subject: 's', clientId: 'c', audience })
  const spent = first.toResponse().refresh_token ?? ''
  const next = await tokens.refresh(spent, { clientId: 'c' })
  const token = await verifier.verify(next.toResponse().access_token)
  assert(token.sessionId === first.sessionId, 'the session is the one that was opened')
  assert((await tokens.refresh(spent, { clientId: 'c' })).retried, 'a retry is a retry')
  await tokens.revokeSession(String(first.sessionId))
  const code = await codeOf(() => verifier.verify(next.toResponse().access_token))
  assert(code === 'COFFER_JWT_REVOKED', `a token of an ended session: ${code}`)
}

/** Runtimes refuse members of a request that they do not have: what is asked for a JWKS must be one that this one takes. */
async function keysAreFetchedAsThisRuntimeAsks(): Promise<void> {
  const issuer = await fakeIssuer()
  const requests: Request[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    requests.push(new Request(input as string, init))
    return issuer.fetch(input, init)
  }
  const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'] } as const
  const verifier = createVerifier({ issuers: [{ ...policy, keys: issuer.keys({ fetch }) }] })
  await verifier.verify(await issuer.token())
  assert(requests.length === 1, `${requests.length} requests`)
  assert(requests[0]?.redirect === 'manual', 'a redirect is not followed')
}

/** By the runtime's own fetch: nothing listens there, which is no fault of the token. */
async function keysThatCannotBeHadAreTold(): Promise<void> {
  const issuer = await fakeIssuer()
  const keys = remoteKeys('http://127.0.0.1:9/jwks', { dangerouslyAllowHttp: 'loopback', timers: null })
  const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys } as const
  const token = await issuer.token()
  const code = await codeOf(() => createVerifier({ issuers: [policy] }).verify(token))
  assert(code === 'COFFER_JWT_KEYS_UNAVAILABLE', code)
}

/** RFC 8037 A.4. */
async function rfcExampleVerifies(): Promise<void> {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  const jws =
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
  const payload = new TextDecoder().decode(await verifyJws(jws, { keys: [jwk] }))
  assert(payload === 'Example of Ed25519 signing', 'the payload is the printed one')
}

async function memoryStoreKeepsContract(): Promise<void> {
  await checkRefreshStore(async () => {
    const clock = fakeClock()
    return { store: memoryRefreshStore({ max: 100, clock }), advance: clock.advance }
  })
}

export const facts: Record<string, () => void | Promise<void>> = {
  'hostile tokens are refused with their codes under ES256': () => hostileAreRefused('ES256'),
  'hostile tokens are refused with their codes under RS256': () => hostileAreRefused('RS256'),
  'hostile tokens are refused with their codes under Ed25519': () => hostileAreRefused('Ed25519'),
  'a session is opened, refreshed and ended under ES256': () => sessionRuns('ES256'),
  'a session is opened, refreshed and ended under RS256': () => sessionRuns('RS256'),
  'keys are fetched by a request that this runtime takes': keysAreFetchedAsThisRuntimeAsks,
  'keys that cannot be had are told apart from a bad token': keysThatCannotBeHadAreTold,
  'the example of RFC 8037 A.4 verifies': rfcExampleVerifies,
  'the memory store keeps the contract': memoryStoreKeepsContract,
}
