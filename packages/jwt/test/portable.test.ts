import { afterEach, expect, test, vi } from 'vitest'

const builtin = Object.getOwnPropertyDescriptor(process, 'getBuiltinModule')

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
  if (builtin !== undefined) Object.defineProperty(process, 'getBuiltinModule', builtin)
})

/** The package as a runtime without Node's Buffer and node:crypto loads it. */
async function elsewhere() {
  const bytes = { from: Buffer.from.bind(Buffer) }
  vi.resetModules()
  vi.stubGlobal('Buffer', undefined)
  Object.defineProperty(process, 'getBuiltinModule', { value: undefined, configurable: true })
  const jwt = await import('@coffer/jwt')
  const testing = await import('@coffer/jwt/testing')
  const base64url = await import('../src/base64url.js')
  return { ...jwt, ...testing, ...base64url, bytes }
}

test('without Node, a token is verified by jose, and verifySync and the node engine are misuse', async () => {
  const { createVerifier, fakeIssuer, staticKeys } = await elsewhere()
  const issuer = await fakeIssuer()
  const policy = {
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: staticKeys(issuer.jwks()),
  } as const
  const verifier = createVerifier({ issuers: [policy] })
  const token = await issuer.token({ name: 'Žofie' })
  expect((await verifier.verify(token)).claims['name']).toBe('Žofie')
  expect(await verifier.verify(token)).toBe(await verifier.verify(token))
  expect(() => verifier.verifySync(token)).toThrow(TypeError)
  expect(() => createVerifier({ issuers: [policy], engine: 'node' })).toThrow(TypeError)
})

test('without Node, every hostile token is refused with its code', async () => {
  const { createVerifier, fakeIssuer, hostileTokens, isJwtError, staticKeys } = await elsewhere()
  const issuer = await fakeIssuer({ algorithm: 'Ed25519' })
  const hostile = await hostileTokens(issuer, { include: 'all' })
  const policy = {
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['Ed25519'],
    keys: staticKeys(issuer.jwks()),
  } as const
  const verifier = createVerifier({ issuers: [policy] })
  for (const { id, token, code } of hostile) {
    const got: unknown = await verifier.verify(token).catch((error: unknown) => error)
    expect([id, isJwtError(got) ? got.code : 'accepted']).toEqual([id, code])
  }
}, 60_000)

test('without Node, base64url is what Node says it is', async () => {
  const { encodeBase64url, decodeBase64url, bytes } = await elsewhere()
  for (let length = 0; length < 70; length++) {
    const random = crypto.getRandomValues(new Uint8Array(length))
    const text = bytes.from(random).toString('base64url')
    expect(encodeBase64url(random)).toBe(text)
    expect(decodeBase64url(text)).toEqual(random)
    for (const other of [`${text}=`, `${text}\n`, ` ${text}`, `${text}é`, `${text}\u0141`])
      expect(decodeBase64url(other)).toBeUndefined()
  }
})
