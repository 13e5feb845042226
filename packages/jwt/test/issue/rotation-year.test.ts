import { createIssuer, createKeyRing, memoryKeyRingStore } from '@coffer/jwt/issue'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { isDeep, seeded } from '../properties/random.js'
import { issuer, start } from '../support.js'
import { day, gcmSealer, grant } from './support.js'

const step = 1_800_000
const maxAgeMs = 600_000

interface Outstanding {
  readonly kid: string
  readonly exp: number
}

test('a year of rotations refuses no live token at any verifier, and drops each key at its bound', async () => {
  const random = seeded('rotation year')
  const days = isDeep ? 366 : 40
  const rotateEveryMs = (2 + random.int(29)) * day
  const base = { at: start }
  const store = memoryKeyRingStore()
  const sealer = gcmSealer()
  // Three signers whose clocks are up to a minute apart.
  const signers = await Promise.all(
    [-60_000, 0, 60_000].map(async (skew) => {
      const clock = { now: () => base.at + skew }
      const publishAheadMs = Math.min(day, rotateEveryMs / 2)
      const ring = await createKeyRing({
        issuer,
        algorithm: 'ES256',
        store,
        sealer,
        clock,
        timers: null,
        rotateEveryMs,
        publishAheadMs,
        jwksMaxAgeMs: maxAgeMs,
      })
      return { ring, clock, tokens: createIssuer({ issuer, keys: ring, clock }) }
    }),
  )
  const kidsOf = (body: string) => new Set((JSON.parse(body) as { keys: { kid: string }[] }).keys.map((key) => key.kid))
  let outstanding: Outstanding[] = []
  const seen = new Set<string>()
  let judged = 0
  for (const end = start + days * day; base.at < end; ) {
    base.at += step - maxAgeMs
    // The oldest document that a verifier may still use at the end of this step.
    const oldest = kidsOf(random.pick(signers).ring.jwks().body)
    base.at += maxAgeMs
    for (const { ring, tokens } of signers) {
      // A process may sleep for hours.
      if (random.chance(0.2)) await ring.maintain()
      if (random.chance(0.3)) continue
      const { access_token } = (await tokens.issue(grant)).toResponse()
      const { kid } = decodeProtectedHeader(access_token)
      const { exp } = decodeJwt(access_token)
      outstanding.push({ kid: String(kid), exp: Number(exp) * 1_000 })
      seen.add(String(kid))
    }
    outstanding = outstanding.filter(({ exp }) => base.at < exp + 5_000)
    for (const { kid } of outstanding) {
      judged++
      for (const kids of [oldest, kidsOf(random.pick(signers).ring.jwks().body)]) {
        if (!kids.has(kid)) expect([...kids], `at ${base.at}`).toContain(kid)
      }
    }
    for (const { ring, clock } of signers) {
      for (const { kid, retiredFrom } of ring.status()) {
        if (retiredFrom !== undefined && clock.now() >= retiredFrom && kidsOf(ring.jwks().body).has(kid))
          expect.unreachable(kid)
      }
      expect(ring.status().filter((key) => key.state === 'active')).toHaveLength(1)
    }
  }
  console.log(`rotation: every ${rotateEveryMs / day} days, ${seen.size} keys, ${judged} judgements`)
  expect(seen.size).toBeGreaterThanOrEqual(Math.floor((days * day) / rotateEveryMs))
}, 600_000)
