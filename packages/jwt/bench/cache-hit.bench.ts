/** What does a token cost that was seen before: ours with revocation checked, fast-jwt's cache, jose. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createRevocationIndex, createVerifier, staticKeys } from '@coffer/jwt'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import { measure } from 'mitata'

const count = 8_192
const issuer = 'https://id.fincode.example'
const audience = 'https://api.fincode.example'
const now = Math.floor(Date.now() / 1_000)
const report = (bench: string, oursNs: number, peer: string, peerNs: number, ratio: number, target: string): void =>
  console.log(JSON.stringify({ bench, ours_ns: oursNs, peer, peer_ns: peerNs, ratio, target }))

function keyPair(algorithm: 'ES256' | 'RS256'): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
}

async function bench(algorithm: 'ES256' | 'RS256'): Promise<void> {
  const { publicKey, privateKey } = keyPair(algorithm)
  const header = Buffer.from(JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid: 'k1' })).toString('base64url')
  const tokens = Array.from({ length: count }, (_, i) => {
    const claims = {
      iss: issuer,
      aud: audience,
      sub: `user-${i}`,
      client_id: 'web',
      jti: `jti-${i}`,
      iat: now,
      exp: now + 3_600,
      sid: `s-${i}`,
    }
    const data = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    return `${data}.${sign('sha256', Buffer.from(data), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm }
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', max: 2_000_000 })
  for (let i = 0; i < 1_000; i++)
    await revocation.revoke({ kind: 'session', issuer, value: `gone-${i}`, at: Date.now() })
  const issuers = [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }] as const
  const ours = createVerifier({ issuers, revocation, cache: { max: 8 * count } })
  const fast = createFastVerifier({
    key: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    algorithms: [algorithm],
    allowedIss: issuer,
    allowedAud: audience,
    cache: 8 * count,
  })
  const joseKey = await importJWK(jwk, algorithm)
  const jose = (token: string) =>
    jwtVerify(token, joseKey, { issuer, audience, algorithms: [algorithm], typ: 'at+jwt' })
  // Another string with the same characters, as a request brings it: comparing the text is part of what a hit costs.
  const asReceived = tokens.map((token) => Buffer.from(token).toString('latin1'))
  for (const [i, token] of tokens.entries()) {
    const subject = `user-${i}`
    if (ours.verifySync(token).subject !== subject || (fast(token) as { sub: string }).sub !== subject)
      throw new Error('a result is wrong')
  }
  let at = 0
  const next = (): string => asReceived[at++ % count] as string
  const time = async (call: () => unknown): Promise<number> => (await measure(call, { min_cpu_time: 5e8 })).p50

  const hitNs = await time(() => ours.verifySync(next()))
  const { hits, misses } = ours.stats()
  if (misses > 1.01 * count || hits === 0) throw new Error('the cache was not hit')
  const fastNs = await time(() => fast(next()))
  report(`hit ${algorithm}`, hitNs, 'fast-jwt 6.3.6, cache', fastNs, fastNs / hitNs, '>= 4')
  const joseNs = await time(() => jose(next()))
  const asyncNs = await time(() => ours.verify(next()))
  report(`await hit ${algorithm}`, asyncNs, 'jose 6.2', joseNs, joseNs / asyncNs, '>= 20')

  let serial = 0
  const timeAfterRevocation = async (): Promise<number> => {
    const samples: number[] = []
    for (let round = 0; round < 2_000; round++) {
      await revocation.revoke({ kind: 'session', issuer, value: `unrelated-${serial++}`, at: Date.now() })
      const token = next()
      const begin = process.hrtime.bigint()
      ours.verifySync(token)
      samples.push(Number(process.hrtime.bigint() - begin))
    }
    return samples.sort((a, b) => a - b)[1_000] as number
  }
  const timeOne = (): number => {
    const samples: number[] = []
    for (let round = 0; round < 2_000; round++) {
      const token = next()
      const begin = process.hrtime.bigint()
      ours.verifySync(token)
      samples.push(Number(process.hrtime.bigint() - begin))
    }
    return samples.sort((a, b) => a - b)[1_000] as number
  }
  const plainNs = timeOne()
  const afterNs = await timeAfterRevocation()
  report(`hit after a revocation ${algorithm}`, afterNs, 'hit without', plainNs, afterNs / plainNs, '<= 3')
  if (algorithm === 'RS256') return
  for (let i = 0; i < 1_000_000; i++)
    void revocation.revoke({ kind: 'session', issuer, value: `many-${i}`, at: Date.now() })
  const manyNs = await timeAfterRevocation()
  report('hit after a revocation, 1 000 000 entries', manyNs, 'hit after one, 3 000', afterNs, manyNs / afterNs, '<= 3')

  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1_000_000; i++) ours.verifySync(next())
  const allocated = (process.memoryUsage().heapUsed - before) / 1_000_000
  report('bytes per hit', allocated, 'none', 1, allocated, '<= 1')
}

await bench('ES256')
await bench('RS256')
