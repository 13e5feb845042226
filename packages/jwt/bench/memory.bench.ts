/** How much memory does a cached token hold, and how much does a hit allocate. */
import { createRevocationIndex, createVerifier, staticKeys } from '@coffer/jwt'
import { audience, issuer, median, report, tokensOf } from './support.js'

const collect = globalThis.gc
if (collect === undefined) throw new Error('needs --expose-gc')
const used = (): number => {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const { tokens, jwk } = tokensOf('ES256', 32_768)
const issuers = [{ issuer, audience, algorithms: ['ES256'], keys: staticKeys({ keys: [jwk] }) }] as const

const first = createVerifier({ issuers })
for (const token of tokens.slice(0, 2_000)) first.verifySync(token)
const before = used()
const places = createVerifier({ issuers, cache: { max: 100_000 } })
const empty = used()
for (const token of tokens) places.verifySync(token)
const filled = used()
const { size } = places.stats()
if (size < 0.99 * tokens.length) throw new Error('the cache does not hold what it was given')
const place = (empty - before) / 100_000
const entry = (filled - empty) / size
report({ bench: 'bytes per place of the cache, used or not', ratio: place })
report({ bench: 'bytes per cached token, beside its text', ratio: entry })
const text = tokens.reduce((sum, token) => sum + token.length, 0) / tokens.length
report({ bench: 'characters of a token in this run', ratio: text })

/** Bytes that each of 100 000 hits leaves to be collected, after a million that made the code what it becomes. */
function bytesPerHit(clock?: { now(): number }): number {
  const revocation = createRevocationIndex({ onUnavailable: 'refuse' })
  const verifier = createVerifier({ issuers, revocation, cache: { max: 8_192 }, ...(clock && { clock }) })
  const hit = (count: number): void => {
    for (let i = 0; i < count; i++) verifier.verifySync(tokens[i & 511] as string)
  }
  hit(1_000_000)
  const misses = verifier.stats().misses
  const samples = Array.from({ length: 9 }, () => {
    collect?.()
    const begin = process.memoryUsage().heapUsed
    hit(100_000)
    return (process.memoryUsage().heapUsed - begin) / 100_000
  })
  if (verifier.stats().misses !== misses) throw new Error('the cache was not hit')
  return median(samples)
}

const now = Date.now()
const quiet = bytesPerHit({ now: () => now })
// Less than one byte: what measuring itself leaves.
report({ bench: 'bytes allocated per hit', ratio: quiet, target: '< 1' })
report({ bench: 'the same with the clock of the machine, whose Date.now() makes a number', ratio: bytesPerHit() })
