/** What does a token cost that was seen before: ours with revocation checked, fast-jwt's cache, jose. */
import { createRevocationIndex, createVerifier, staticKeys } from '@coffer/jwt'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import { type Algorithm, algorithms, audience, issuer, median, race, report, round, tokensOf } from './support.js'

const count = 10_000

async function bench(algorithm: Algorithm): Promise<void> {
  const { alg, tokens, subjects, jwk, pem } = tokensOf(algorithm, count)
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', max: 2_000_000 })
  const revoke = (value: string): Promise<void> => revocation.revoke({ kind: 'session', issuer, value, at: Date.now() })
  for (let i = 0; i < 1_000; i++) await revoke(`gone-${i}`)
  const issuers = [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }] as const
  const verifier = createVerifier({ issuers, revocation, cache: { max: 8 * count } })
  const fast = createFastVerifier({
    key: pem,
    algorithms: [alg],
    allowedIss: issuer,
    allowedAud: audience,
    cache: 8 * count,
  })
  const joseKey = await importJWK(jwk, alg)
  for (const [i, token] of tokens.entries()) {
    const isRight =
      verifier.verifySync(token).subject === subjects[i] && (fast(token) as { sub: string }).sub === subjects[i]
    if (!isRight) throw new Error('a result is wrong')
  }
  const { misses } = verifier.stats()
  // Other strings of the same characters, as requests bring them: comparing the text is part of what a hit costs.
  const next = round(tokens.map((token) => Buffer.from(token).toString('latin1')))

  const hit = await race({
    ours: () => verifier.verifySync(next()),
    fast: () => fast(next()) as unknown,
    awaited: () => verifier.verify(next()),
    jose: () => jwtVerify(next(), joseKey, { issuer, audience, algorithms: [alg], typ: 'at+jwt' }),
  })
  if (verifier.stats().misses > misses + 0.01 * count) throw new Error('the cache was not hit')
  const rows = [
    {
      bench: `seen token ${algorithm}`,
      ours: hit.ours,
      peer: 'fast-jwt 6.3.6, cache',
      theirs: hit.fast,
      target: '>= 4',
    },
    { bench: `seen token ${algorithm}, await`, ours: hit.awaited, peer: 'jose 6.2', theirs: hit.jose, target: '>= 20' },
  ]
  for (const { bench, ours, peer, theirs, target } of rows) {
    report({ bench, ours_ns: ours.ns, peer, peer_ns: theirs.ns, ratio: theirs.ns / ours.ns, target })
  }

  /** The median of single calls, each after something was done. */
  const timeAfter = async (before?: (turn: number) => Promise<void>): Promise<number> => {
    const samples: number[] = []
    for (let turn = 0; turn < 4_000; turn++) {
      await before?.(turn)
      const token = next()
      const begin = process.hrtime.bigint()
      verifier.verifySync(token)
      samples.push(Number(process.hrtime.bigint() - begin))
    }
    return median(samples)
  }
  let serial = 0
  const unrelated = (): Promise<void> => revoke(`unrelated-${serial++}`)
  const rowAfter = (bench: string, oursNs: number, peer: string, peerNs: number): void =>
    report({ bench, ours_ns: oursNs, peer, peer_ns: peerNs, ratio: oursNs / peerNs, target: '<= 3' })
  const plainNs = await timeAfter(() => Promise.resolve())
  const afterNs = await timeAfter(unrelated)
  rowAfter(`seen token ${algorithm}, after an unrelated revocation`, afterNs, 'without', plainNs)
  if (algorithm !== 'ES256') return
  for (let i = 0; i < 1_000_000; i++) void revoke(`many-${i}`)
  rowAfter('the same, 1 000 000 revocations', await timeAfter(unrelated), 'after one of 9 000', afterNs)
}

for (const algorithm of algorithms) await bench(algorithm)
