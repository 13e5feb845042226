/** A new token by `await verify`, beside the libraries people use. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createVerifier, staticKeys } from '@coffer/jwt'
import { JwtVerifier as AwsVerifier } from 'aws-jwt-verify'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import { measure } from 'mitata'

const count = 4_096
const issuer = 'https://id.fincode.example'
const audience = 'https://api.fincode.example'
const now = Math.floor(Date.now() / 1_000)

interface JsonWebToken {
  verify(token: string, key: string, options: object): { readonly sub?: string }
}

function keyPair(algorithm: 'ES256' | 'RS256' | 'Ed25519'): {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
} {
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519')
  return algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
}

async function bench(algorithm: 'ES256' | 'RS256' | 'Ed25519'): Promise<void> {
  const { publicKey, privateKey } = keyPair(algorithm)
  const alg = algorithm === 'Ed25519' ? 'EdDSA' : algorithm
  const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: 'k1' })).toString('base64url')
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
    const hash = algorithm === 'Ed25519' ? null : 'sha256'
    return `${data}.${sign(hash, Buffer.from(data), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg, use: 'sig' }
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const ours = createVerifier({
    issuers: [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }],
    cache: { max: 64 },
  })
  const fast = createFastVerifier({
    key: pem,
    algorithms: [alg],
    allowedIss: issuer,
    allowedAud: audience,
    cache: false,
  })
  const joseKey = await importJWK(jwk, alg)
  const { default: jsonwebtoken }: { default: JsonWebToken } = await import('jsonwebtoken' as string)
  const aws = AwsVerifier.create({ issuer, audience, jwksUri: `${issuer}/jwks` })
  aws.cacheJwks({ keys: [jwk as never] })
  const peers: Readonly<Record<string, (token: string) => unknown>> = {
    'jose 6.2': (token) =>
      jwtVerify(token, joseKey, { issuer, audience, algorithms: [alg], typ: 'at+jwt' }).then(({ payload }) => payload),
    'fast-jwt 6.3.6': (token) => fast(token) as unknown,
    'aws-jwt-verify 5.2.1': (token) => aws.verify(token),
    // jsonwebtoken has no EdDSA.
    ...(algorithm === 'Ed25519'
      ? {}
      : {
          'jsonwebtoken 9.0.3': (token: string) =>
            jsonwebtoken.verify(token, pem, { issuer, audience, algorithms: [alg] }),
        }),
  }
  let at = 0
  const next = (): string => tokens[at++ % count] as string
  const first = tokens[0] ?? ''
  if ((await ours.verify(first)).subject !== 'user-0') throw new Error('a result is wrong')
  const time = async (call: () => unknown): Promise<number> => (await measure(call, { min_cpu_time: 5e8 })).p50
  const oursNs = await time(() => ours.verify(next()))
  for (const [peer, call] of Object.entries(peers)) {
    if (((await call(first)) as { readonly sub?: string }).sub !== 'user-0')
      throw new Error(`${peer} gives another result`)
    const peerNs = await time(() => call(next()))
    console.log(
      JSON.stringify({
        bench: `await new ${algorithm}`,
        ours_ns: oursNs,
        peer,
        peer_ns: peerNs,
        ratio: oursNs / peerNs,
        target: '< 1',
      }),
    )
  }
}

await bench('ES256')
await bench('RS256')
await bench('Ed25519')
