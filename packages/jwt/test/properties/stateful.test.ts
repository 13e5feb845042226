import { createRevocationIndex, createVerifier, isJwtError, type Revocation, type RevocationFeed } from '@coffer/jwt'
import { type FakeIssuer, fakeClock, fakeIssuer } from '@coffer/jwt/testing'
import { expect, test } from 'vitest'
import { testKey } from '../support.js'
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
    retentionMs,
  })
  const keys = issuer.keys({ maxStaleMs: 120_000, ttlMs: { min: 60_000, max: 120_000, absent: 60_000 } })
  const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys } as const
  const cached = createVerifier({ issuers: [policy], revocation, clock, cache: { max: 64, maxAgeMs: 60_000 } })
  const plain = createVerifier({ issuers: [policy], revocation, clock, cache: null })
  const applied: Revocation[] = []
  return { feed, revocation, policy, cached, plain, applied }
}

/** Whether a row of a plain list ends a token: what the index must say for as long as the row is kept. */
function isEnded(row: Revocation, token: Held): boolean {
  const isBefore = token.iat <= Math.floor(row.at / 1_000)
  switch (row.kind) {
    case 'issuer':
      return isBefore
    case 'subject':
      return isBefore && row.value === token.sub
    case 'client':
      return isBefore && row.value === token.client_id
    case 'session':
      return row.value === token.sid
    case 'token':
      return row.value === token.jti
  }
}

interface Held {
  readonly text: string
  readonly kid: string
  readonly iat: number
  readonly sub: string
  readonly sid: string
  readonly jti: string
  readonly client_id: string
}

const retentionMs = 5_000_000
/** Keys that the issuer does not sign with, to come under its kids. */
const impostors = [testKey('ES256'), testKey('ES256')]

/** Another key under a kid that tokens name, or the issuer's own again. */
function reuseKid(issuer: FakeIssuer, random: Random, own: Map<string, Readonly<Record<string, unknown>>>): void {
  const { kid } = issuer
  for (const jwk of issuer.jwks().keys) {
    const name = String(jwk['kid'])
    if (!own.has(name)) own.set(name, jwk)
  }
  issuer.dropKey(kid)
  const jwk = random.chance(0.5) ? own.get(kid) : random.pick(impostors).jwk
  if (jwk !== undefined) issuer.publish({ ...jwk, kid })
}

test('a cache is never seen, nor a revoked token: every answer is the one that a verifier without a cache gives', async () => {
  const random = seeded('stateful')
  let compared = 0
  let accepted = 0
  let hits = 0
  const rounds = isDeep ? 10_000 : 14
  for (let round = 0; round < rounds; round++) {
    const clock = fakeClock()
    const issuer = await fakeIssuer({ clock })
    const { feed, revocation, policy, cached, plain, applied } = world(issuer, random)
    await cached.ready()
    const own = new Map<string, Readonly<Record<string, unknown>>>()
    let latest = clock.now()
    const tokens: Held[] = []
    const mint = async () => {
      const i = tokens.length % 4
      const iat = Math.floor(clock.now() / 1_000)
      const claims = { iat, sub: `sub-${i}`, sid: `sid-${i}`, jti: `jti-${tokens.length}`, client_id: `c-${i % 2}` }
      const text = await issuer.token({ ...claims, exp: iat + 60 + random.int(600) })
      tokens.push({ ...claims, text, kid: issuer.kid })
    }
    for (let i = 0; i < 4; i++) await mint()
    for (let step = 0; step < 30; step++) {
      const row = revocationOf(random, issuer.issuer, clock.now(), tokens.length)
      switch (random.int(14)) {
        case 0:
          await revocation.revoke(row)
          applied.push(row)
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
        case 9:
          await clock.advance(-random.pick([1, 1_000, 30_000]))
          break
        case 10:
          reuseKid(issuer, random, own)
          break
        default:
          if (random.chance(0.5)) await mint()
      }
      latest = Math.max(latest, clock.now())
      for (const token of tokens.slice(-6)) {
        const expected = verdict(() => plain.verifySync(token.text))
        const got = verdict(() => cached.verifySync(token.text))
        if (got !== expected) expect(got, `seed ${random.seed}, round ${round}, step ${step}`).toBe(expected)
        compared++
        if (!expected.startsWith('{')) continue
        accepted++
        const ended = applied.find((row) => row.at + retentionMs > latest && isEnded(row, token))
        if (ended !== undefined) expect(expected, `seed ${random.seed}, round ${round}, step ${step}`).toBe('revoked')
        if (random.chance(0.1)) expect(JSON.stringify(await cached.verify(token.text))).toBe(expected)
      }
    }
    hits += cached.stats().hits
  }
  console.log(`stateful: ${rounds} interleavings, ${compared} answers compared, ${accepted} accepted, ${hits} hits`)
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
