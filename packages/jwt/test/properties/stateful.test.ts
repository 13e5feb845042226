import { createRevocationIndex, createVerifier, isJwtError, type Revocation, type RevocationFeed } from '@coffer/jwt'
import { type FakeIssuer, fakeClock, fakeIssuer } from '@coffer/jwt/testing'
import { expect, test } from 'vitest'
import { isDeep, type Random, seeded } from './random.js'

/** What one verifier says: the token's content, or the code; keys that are on their way are one answer. */
function verdict(verify: () => unknown): string {
  try {
    return JSON.stringify(verify())
  } catch (error) {
    if (isJwtError(error)) return error.code.replace(/KEYS_.*/, 'KEYS')
    throw error
  }
}

function world(issuer: FakeIssuer, random: Random) {
  const clock = issuer.clock
  const feed = { rows: [] as Revocation[], isDown: false }
  const source: RevocationFeed = {
    load: async () => {
      if (feed.isDown) throw new Error('down')
      return [...feed.rows]
    },
  }
  const revocation = createRevocationIndex({
    onUnavailable: random.pick(['refuse', 'allow']),
    feed: source,
    clock,
    timers: null,
    retentionMs: 5_000_000,
  })
  const keys = issuer.keys({ maxStaleMs: 120_000, ttlMs: { min: 60_000, max: 120_000, absent: 60_000 } })
  const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys } as const
  const cached = createVerifier({ issuers: [policy], revocation, clock, cache: { max: 64, maxAgeMs: 60_000 } })
  const plain = createVerifier({ issuers: [policy], revocation, clock, cache: null })
  return { feed, revocation, policy, cached, plain }
}

test('a cache is never seen: every answer is the one that a verifier without it gives', async () => {
  const random = seeded('stateful')
  let compared = 0
  let accepted = 0
  let hits = 0
  for (let round = 0; round < (isDeep ? 10_000 : 12); round++) {
    const clock = fakeClock()
    const issuer = await fakeIssuer({ clock })
    const { feed, revocation, policy, cached, plain } = world(issuer, random)
    await cached.ready()
    const tokens: string[] = []
    const mint = async () => {
      const i = tokens.length % 4
      const iat = Math.floor(clock.now() / 1_000)
      tokens.push(
        await issuer.token({
          sub: `sub-${i}`,
          sid: `sid-${i}`,
          jti: `jti-${tokens.length}`,
          client_id: `c-${i % 2}`,
          exp: iat + 60 + random.int(600),
        }),
      )
    }
    for (let i = 0; i < 4; i++) await mint()
    for (let step = 0; step < 40; step++) {
      const row = revocationOf(random, issuer.issuer, clock.now(), tokens.length)
      switch (random.int(12)) {
        case 0:
          await revocation.revoke(row)
          break
        case 1:
          feed.rows.push(row)
          break
        case 2:
          feed.isDown = random.chance(0.5)
          break
        case 3:
          await issuer.rotate({ publishAheadMs: random.pick([0, 60_000]) })
          break
        case 4:
          if (random.chance(0.3)) issuer.dropKey(issuer.kid)
          break
        case 5:
          issuer.outage(random.chance(0.5) ? 'refuse' : null)
          break
        case 6: {
          const audience = random.chance(0.7) ? issuer.audience : 'https://other.test'
          for (const verifier of [cached, plain]) verifier.replaceIssuers([{ ...policy, audience }])
          break
        }
        case 7:
        case 8:
          await clock.advance(random.pick([1, 999, 5_000, 30_000, 61_000, 200_000]))
          break
        default:
          if (random.chance(0.5)) await mint()
      }
      for (const token of tokens.slice(-6)) {
        const expected = verdict(() => plain.verifySync(token))
        const got = verdict(() => cached.verifySync(token))
        if (got !== expected) expect(got, `seed ${random.seed}, round ${round}, step ${step}`).toBe(expected)
        compared++
        if (expected.startsWith('{')) accepted++
      }
    }
    hits += cached.stats().hits
  }
  console.log(`stateful: ${compared} answers compared, ${accepted} accepted, ${hits} hits`)
  expect(accepted).toBeGreaterThan(compared / 20)
  expect(hits).toBeGreaterThan(compared / 40)
}, 7_200_000)

function revocationOf(random: Random, issuer: string, at: number, tokens: number): Revocation {
  const kind = random.pick(['token', 'session', 'subject', 'client', 'issuer'] as const)
  if (kind === 'issuer') return { kind, issuer, at: at - random.int(60_000) }
  const i = random.int(4)
  const value = {
    token: `jti-${random.int(tokens + 1)}`,
    session: `sid-${i}`,
    subject: `sub-${i}`,
    client: `c-${i % 2}`,
  }[kind]
  return { kind, issuer, value, at }
}
