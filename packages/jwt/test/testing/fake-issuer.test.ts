import { createVerifier, type SignatureAlgorithm } from '@coffer/jwt'
import { fakeIssuer, hostileTokens } from '@coffer/jwt/testing'
import { expect, test } from 'vitest'

test.each<SignatureAlgorithm>(['ES512', 'PS256'])('signs under %s what a verifier takes', async (algorithm) => {
  const fake = await fakeIssuer({ algorithm })
  const { issuer, audience, clock } = fake
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: [algorithm], keys: fake.keys() }],
    clock,
  })
  expect((await verifier.verify(await fake.token())).algorithm).toBe(algorithm)
})

test('gives hostile tokens that fit into a header, and all of them when asked', async () => {
  const issuer = await fakeIssuer()
  const bearer = await hostileTokens(issuer)
  expect(bearer.every((one) => one.isBearer)).toBe(true)
  const all = await hostileTokens(issuer, { include: 'all' })
  expect(all.filter((one) => one.isBearer).map(({ id }) => id)).toEqual(bearer.map(({ id }) => id))
  expect(all.length).toBeGreaterThan(bearer.length)
}, 60_000)
