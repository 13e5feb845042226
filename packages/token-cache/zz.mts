import { virtualClock } from '@coffer/lease/testing'
import { createTokenCache, clientCredentials } from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
const hour = 3_600_000
for (const [label, random] of [['random 0', () => 0], ['random 1', () => 1], ['Math.random', Math.random]] as const) {
  const clock = virtualClock(); const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
  const tokens = createTokenCache({ grant: clientCredentials(issuer.endpoint()), max: 10, clock, timers: clock.timers, random, policy: { staleMs: 24 * hour } })
  const h = tokens.for(); await h.get(); clock.tick(45 * 60_000)
  for (let s = 0; s < 86400; s += 10) { issuer.inject({ fault: 'connection-refused' }); clock.tick(10_000); await h.get(); await Promise.resolve(); await Promise.resolve() }
  await clock.advance(0)
  console.log(label, 'requests in 24 h:', tokens.stats().refreshes - 1)
}
// down 30 of every 60 min, 30 days
{ const clock = virtualClock(); const issuer = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour }); let down = false
  const tokens = createTokenCache({ grant: clientCredentials(issuer.endpoint({ fetch: async (i, n) => down ? new Response('x', { status: 503 }) : issuer.fetch(i, n) })), max: 10, clock, timers: clock.timers, random: Math.random })
  const h = tokens.for(); await h.get(); let failed = 0, calls = 0
  for (let m = 1; m <= 30 * 1440; m++) { down = m % 60 >= 30; clock.tick(60_000); calls++; try { await h.get() } catch { failed++ } await clock.advance(0) }
  console.log('30 days', { calls, failed, requests: issuer.requests().length, refreshes: tokens.stats().refreshes }) }
