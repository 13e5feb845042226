/** What does a token cost that was never seen: ours, bare `crypto.verify`, fast-jwt and jose, over distinct tokens. */
import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { createVerifier, staticKeys } from '@coffer/jwt'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import { measure } from 'mitata'

const count = 4_096
const issuer = 'https://id.fincode.example'
const audience = 'https://api.fincode.example'
const now = Math.floor(Date.now() / 1_000)

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
      scope: 'payments:read',
    }
    const data = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    return `${data}.${sign('sha256', Buffer.from(data), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm }
  const ours = createVerifier({
    issuers: [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }],
    // On, and smaller than the tokens are many: every call is a full verification and an insertion.
    cache: { max: 1_024 },
  })
  const fast = createFastVerifier({
    key: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    algorithms: [algorithm],
    allowedIss: issuer,
    allowedAud: audience,
    cache: false,
  })
  const joseKey = await importJWK(jwk, algorithm)
  const jose = (token: string) =>
    jwtVerify(token, joseKey, { issuer, audience, algorithms: [algorithm], typ: 'at+jwt' })
  const parts = tokens.map((token) => {
    const cut = token.lastIndexOf('.')
    return { data: Buffer.from(token.slice(0, cut)), signature: Buffer.from(token.slice(cut + 1), 'base64url') }
  })
  const bareKey = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const

  const [token, part] = [tokens[0], parts[0]]
  if (token === undefined || part === undefined) throw new Error('no tokens')
  const forged = `${token.slice(0, -4)}AAAA`
  const refuses = (call: () => unknown) => {
    try {
      call()
      return false
    } catch {
      return true
    }
  }
  const right =
    ours.verifySync(token).subject === 'user-0' &&
    (fast(token) as { sub: string }).sub === 'user-0' &&
    (await jose(token)).payload.sub === 'user-0' &&
    verify('sha256', part.data, bareKey, part.signature) &&
    refuses(() => ours.verifySync(forged)) &&
    refuses(() => fast(forged))
  if (!right) throw new Error('a result is wrong')

  let at = 0
  const next = <T>(list: readonly T[]): T => list[at++ % count] as T
  const time = async (call: () => unknown): Promise<number> => (await measure(call, { min_cpu_time: 1e9 })).p50
  const bareNs = await time(() => {
    const { data, signature } = next(parts)
    return verify('sha256', data, bareKey, signature)
  })
  const oursNs = await time(() => ours.verifySync(next(tokens)))
  const report = (peer: string, peerNs: number, target: string): void =>
    console.log(
      JSON.stringify({
        bench: `cold verify ${algorithm}`,
        ours_ns: oursNs,
        peer,
        peer_ns: peerNs,
        ratio: oursNs / peerNs,
        target,
      }),
    )
  report('crypto.verify', bareNs, '<= 1.15')
  report('fast-jwt 6.3.6', await time(() => fast(next(tokens))), '< 1')
  report('jose 6.2', await time(() => jose(next(tokens))), '< 1')
}

await bench('ES256')
await bench('RS256')
