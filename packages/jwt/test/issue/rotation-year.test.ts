import { createVerifier, type JwtErrorCode, remoteKeys } from '@coffer/jwt'
import {
  createIssuer,
  createKeyRing,
  type Issuer,
  type KeyRing,
  type KeyRingStore,
  memoryKeyRingStore,
} from '@coffer/jwt/issue'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { isDeep, type Random, seeded } from '../properties/random.js'
import { audience, codeOfAsync, issuer, start } from '../support.js'
import { day, gcmSealer, grant } from './support.js'

const minute = 60_000
const maxAgeMs = 10 * minute
const accessTtlMs = 60 * minute
const verifiers = isDeep ? 1_000 : 50

interface Signer {
  readonly ring: KeyRing
  readonly tokens: Issuer
  /** Until when its process does nothing at all. */
  asleepUntil: number
}

interface Outstanding {
  readonly kid: string
  readonly exp: number
  readonly text: string
}

interface World {
  /** The time. */
  at: number
  readonly store: KeyRingStore
  readonly sealer: ReturnType<typeof gcmSealer>
  signers: readonly Signer[]
}

/** Three processes over one ring, whose clocks are up to a minute apart. */
function signersOver(base: World, rotateEveryMs: number): Promise<Signer[]> {
  const { store, sealer } = base
  return Promise.all(
    [-minute, 0, minute].map(async (skew) => {
      const clock = { now: () => base.at + skew }
      const common = { issuer, algorithm: 'ES256', store, sealer, clock, timers: null, accessTtlMs } as const
      const ring = await createKeyRing({ ...common, rotateEveryMs, jwksMaxAgeMs: maxAgeMs })
      return { ring, tokens: createIssuer({ issuer, keys: ring, clock }), asleepUntil: 0 }
    }),
  )
}

const parsed = new Map<string, ReadonlySet<string>>()
function kidsOf({ ring }: Signer): ReadonlySet<string> {
  const { body } = ring.jwks()
  let kids = parsed.get(body)
  if (kids === undefined) {
    if (parsed.size > 1_000) parsed.clear()
    kids = new Set((JSON.parse(body) as { keys: { kid: string }[] }).keys.map((key) => key.kid))
    parsed.set(body, kids)
  }
  return kids
}

/** Documents that verifiers hold: each fetched at another moment of the last `max-age`, from any of the signers. */
function heldDocuments(base: World, from: number, until: number) {
  const now = base.at
  const { signers } = base
  const held = Array.from({ length: verifiers }, (_, i) => {
    const fetchedAt = from + ((until - from) * i) / (verifiers - 1)
    base.at = fetchedAt
    return { fetchedAt, kids: kidsOf(signers[i % signers.length] as Signer) }
  })
  base.at = now
  return held
}

/** Verifiers of this package that fetch over the documents of the signers, whichever answers. */
function realVerifiers(base: World, random: Random) {
  return Array.from({ length: 4 }, (_, i) => {
    const clock = { now: () => base.at + random.pick([-5_000, 0, 5_000]) }
    const fetch = async () => {
      const { body, headers } = (base.signers[(i + random.int(2)) % base.signers.length] as Signer).ring.jwks()
      return new Response(body, { headers })
    }
    const keys = remoteKeys('https://id.test/jwks', { fetch, clock: { now: () => base.at }, timers: null })
    return createVerifier({
      issuers: [{ issuer, audience, algorithms: ['ES256'], keys, clockTolerance: 66 }],
      clock,
    })
  })
}

test('a year of rotations refuses no live token at any verifier, and ends each key at its bound', async () => {
  const random = seeded('rotation year')
  const days = isDeep ? 366 : 5
  // A deploy changes how often keys rotate: from 2 to 30 days.
  const deployEveryMs = isDeep ? 46 * day : 3 * day
  let deployAt = start
  const base: World = { at: start, store: memoryKeyRingStore(), sealer: gcmSealer(), signers: [] }
  const real = realVerifiers(base, random)
  const rotations: number[] = []
  const compromised = new Map<string, number>()
  const seen = new Set<string>()
  let outstanding: Outstanding[] = []
  let [judged, verified, past, late] = [0, 0, 0, 0]

  const issueAt = async (signer: Signer) => {
    const text = (await signer.tokens.issue(grant)).toResponse().access_token
    const kid = String(decodeProtectedHeader(text).kid)
    outstanding.push({ kid, exp: Number(decodeJwt(text).exp) * 1_000, text })
    seen.add(kid)
    if (compromised.has(kid)) expect.unreachable('a revoked key signed')
  }

  for (const end = start + days * day; base.at < end; ) {
    // Nothing happens for one max-age: what verifiers hold now, they fetched within it.
    if (base.at >= deployAt) {
      rotations.push(isDeep ? (rotations.length === 0 ? 30 : 2 + random.int(29)) : 2)
      base.signers = await signersOver(base, (rotations.at(-1) ?? 2) * day)
      deployAt += deployEveryMs
    }
    const { signers } = base
    base.at += 20 * minute
    const before = heldDocuments(base, base.at - maxAgeMs, base.at)
    const event = base.at
    for (const signer of signers) {
      if (signer.asleepUntil > base.at) {
        late++
        continue
      }
      if (random.chance(0.01)) signer.asleepUntil = base.at + random.int(day / 3)
      if (random.chance(0.9)) await issueAt(signer)
      else await signer.ring.maintain()
    }
    if (random.chance(isDeep ? 0.001 : 0.005)) {
      const active = signers[0]?.ring.status().find((key) => key.state === 'active')
      if (active !== undefined) {
        await (signers[0] as Signer).ring.revoke(active.kid)
        compromised.set(active.kid, event)
        // The others read the store within refreshMs, which is a minute: here at once, and nobody sleeps through it.
        for (const signer of signers) {
          signer.asleepUntil = 0
          await signer.ring.maintain()
        }
      }
    }
    base.at += random.int(maxAgeMs)
    const after = heldDocuments(base, event, base.at)
    const oldest = base.at - maxAgeMs
    const held = [...before.filter(({ fetchedAt }) => fetchedAt > oldest), ...after]
    outstanding = outstanding.filter(({ exp }) => base.at < exp + 5_000)
    for (const { kid } of outstanding) {
      const revokedAt = compromised.get(kid)
      for (const { kids, fetchedAt } of held) {
        judged++
        // A key that had to sign at once is fetched for the first token that names it: after the event they all have it.
        const isFresh = fetchedAt >= event
        const isListed = kids.has(kid)
        if (revokedAt === undefined && !isListed && (isFresh || !isAtOnce(kid, compromised, signers)))
          expect.unreachable(`refused at ${base.at}, document of ${fetchedAt}`)
        if (revokedAt !== undefined && isListed && base.at >= revokedAt + maxAgeMs)
          expect.unreachable(`accepted at ${base.at}, revoked at ${revokedAt}`)
        if (revokedAt !== undefined && base.at >= revokedAt + maxAgeMs) past++
      }
    }
    for (const { ring } of signers) {
      const keys = ring.status()
      expect(keys.filter((key) => key.state === 'active')).toHaveLength(1)
      const kids = kidsOf({ ring } as Signer)
      for (const { kid, state } of keys) if (state === 'retired' && kids.has(kid)) expect.unreachable(kid)
    }
    // Every signer may sleep until the last token has expired.
    if (outstanding.length === 0) continue
    const token = random.pick(outstanding)
    for (const verifier of real) {
      const code = await codeOfAsync(() => verifier.verify(token.text)).catch(() => 'accepted')
      verified++
      const revokedAt = compromised.get(token.kid)
      const expected: readonly (JwtErrorCode | 'accepted')[] =
        revokedAt === undefined
          ? ['accepted']
          : base.at >= revokedAt + maxAgeMs
            ? ['COFFER_JWT_KEY_UNKNOWN']
            : ['accepted', 'COFFER_JWT_KEY_UNKNOWN']
      if (!(expected as readonly string[]).includes(code)) expect(code, `at ${base.at}`).toBe(expected[0])
    }
  }
  console.log(
    `rotation: ${days} days, every ${rotations.join(', ')} days, ${seen.size} keys, ${compromised.size} compromised, ` +
      `${judged} judgements by ${verifiers} verifiers (${past} past a bound, ${late} times asleep), ${verified} by real ones`,
  )
  expect(seen.size).toBeGreaterThanOrEqual(rotations.length)
}, 3_600_000)

/** Whether a key began to sign without having been published ahead, because another was compromised. */
function isAtOnce(kid: string, compromised: ReadonlyMap<string, number>, signers: readonly Signer[]): boolean {
  const key = signers[0]?.ring.status().find((one) => one.kid === kid)
  return key !== undefined && [...compromised.values()].some((at) => Math.abs(key.activeFrom - at) <= 2 * minute)
}
