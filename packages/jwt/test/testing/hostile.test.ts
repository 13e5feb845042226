import { createVerifier, type SignatureAlgorithm } from '@coffer/jwt'
import { fakeClock, fakeIssuer, hostileTokens } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'
import { isDeep } from '../properties/random.js'
import { codeOfAsync } from '../support.js'

/** Weak RSA keys take seconds to make. */
const algorithms: readonly SignatureAlgorithm[] = [
  ...(['ES256', 'RS256', 'Ed25519', 'ES384'] as const),
  ...(isDeep ? (['ES512', 'PS512'] as const) : []),
]
const engines = ['node', 'jose'] as const

/** Keys take a while to make: one issuer per algorithm serves both engines. */
const made = new Map<SignatureAlgorithm, ReturnType<typeof make>>()

async function make(algorithm: SignatureAlgorithm) {
  const clock = fakeClock()
  const issuer = await fakeIssuer({ algorithm, clock })
  return { clock, issuer, hostile: await hostileTokens(issuer, { include: 'all' }) }
}

async function attacked(algorithm: SignatureAlgorithm, engine: 'node' | 'jose') {
  const making = made.get(algorithm) ?? make(algorithm)
  made.set(algorithm, making)
  const { clock, issuer, hostile } = await making
  const verifier = createVerifier({
    issuers: [{ issuer: issuer.issuer, audience: issuer.audience, algorithms: [algorithm], keys: issuer.keys() }],
    clock,
    engine,
  })
  await verifier.ready()
  return { issuer, hostile, verifier }
}

describe.each(algorithms.flatMap((algorithm) => engines.map((engine) => ({ algorithm, engine }))))(
  '$algorithm by $engine',
  ({ algorithm, engine }) => {
    test('at least 237 hostile tokens are each refused with their code, and open no socket', async () => {
      const { issuer, hostile, verifier } = await attacked(algorithm, engine)
      const fetches = issuer.fetches
      const wrong: string[] = []
      for (const { id, token, code } of hostile) {
        const got = await codeOfAsync(() => verifier.verify(token)).catch(() => 'accepted')
        if (got !== code) wrong.push(`${id}: ${got} for ${code}`)
      }
      expect(wrong).toEqual([])
      expect(hostile.length).toBeGreaterThanOrEqual(237)
      expect(new Set(hostile.map(({ id }) => id)).size).toBe(hostile.length)
      // Only an unknown kid in a token that is otherwise acceptable may cost a fetch, and two of them at most.
      expect(issuer.fetches - fetches).toBeLessThanOrEqual(2)
      expect(verifier.stats()).toMatchObject({ verified: 0, size: 0 })
      // RSA keys take their time on a machine that is busy.
    }, 120_000)

    test('tokens that are only unusual are accepted', async () => {
      const { issuer, verifier } = await attacked(algorithm, engine)
      const now = issuer.clock.now() / 1_000
      const { issuer: iss, audience: aud } = issuer
      const controls = [
        issuer.token(),
        issuer.token({ aud: [aud, 'https://other.test'] }),
        issuer.token({ iat: now + 4 }),
        issuer.token({ nbf: now + 4 }),
        issuer.token({ iat: now - 700.5, exp: now - 3.25 }),
        issuer.token({ exp: now + 3_600 }),
        issuer.token({ constructor: 'own member', toString: 1, hasOwnProperty: null }),
        issuer.token({ name: 'Žofie \u{1f600}', escaped: '\ud83d\ude00' }),
        issuer.token({ deep: JSON.parse(`${'['.repeat(30)}${']'.repeat(30)}`) }),
        issuer.token({ number: 1.5e-7, safe: 9_007_199_254_740_991 }),
        issuer.token({ jti: 'j'.repeat(256), sid: 's'.repeat(256) }),
        issuer.token({}, { typ: 'application/at+jwt' }),
        issuer.token({}, { typ: 'AT+JWT' }),
        issuer.token({}, { x5t: 'AA', nonce: 'x', other: { a: 1 } }),
        issuer.sign(
          `{ "typ":"at+jwt",\r\n "alg":"${algorithm}",\t"kid":"${issuer.kid}" }`,
          ` {"iss":"${iss}","aud":"${aud}","sub":"s","client_id":"c","jti":"\\u006a","iat":${now},"exp":${now + 60}}\n`,
        ),
      ]
      for (const control of await Promise.all(controls)) expect((await verifier.verify(control)).issuer).toBe(iss)
      expect(controls.length).toBeGreaterThanOrEqual(12)
    }, 120_000)
  },
)

test('those for a header are all answered with 401', async () => {
  const { hostile, verifier } = await attacked('ES256', 'node')
  const bearer = hostile.filter((one) => one.isBearer)
  for (const { id, token } of bearer) {
    const result = await verifier.check({ headers: { authorization: `Bearer ${token}` } })
    expect([id, result.ok ? 200 : result.status]).toEqual([id, 401])
  }
  expect(bearer.length).toBeGreaterThan(200)
}, 120_000)
