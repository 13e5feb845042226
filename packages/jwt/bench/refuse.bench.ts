/** What does refusing cost: each malformed class of 8 KiB against one good verification, and 2 MiB by length alone. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createVerifier, isJwtError, staticKeys } from '@coffer/jwt'
import { measure } from 'mitata'

const issuer = 'https://id.fincode.example'
const audience = 'https://api.fincode.example'
const now = Math.floor(Date.now() / 1_000)
const encode = (text: string): string => Buffer.from(text).toString('base64url')

function keyPair(algorithm: 'ES256' | 'RS256'): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
}

async function bench(algorithm: 'ES256' | 'RS256'): Promise<void> {
  const { publicKey, privateKey } = keyPair(algorithm)
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm }
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }],
    cache: null,
  })
  const header = JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid: 'k1' })
  const claims = JSON.stringify({
    iss: issuer,
    aud: audience,
    sub: 'user-1',
    client_id: 'web',
    jti: 'jti-1',
    iat: now,
    exp: now + 3_600,
  })
  const data = `${encode(header)}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(data), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
    'base64url',
  )
  const good = `${data}.${signature}`
  const filler = 'x'.repeat(5_000)
  const long = (text: string): string => `${text.slice(0, -1)},"filler":"${filler}"}`
  const bad: Readonly<Record<string, readonly [token: string, code: string]>> = {
    '2 MiB': ['A'.repeat(2 * 2 ** 20), 'COFFER_JWT_TOO_LARGE'],
    '2 MiB of dots': ['.'.repeat(2 * 2 ** 20), 'COFFER_JWT_TOO_LARGE'],
    '8 KiB of dots': ['.'.repeat(8_192), 'COFFER_JWT_MALFORMED'],
    '8 KiB, five parts': [`${encode(header)}.${encode(long(claims))}.a.b.c`, 'COFFER_JWT_MALFORMED'],
    '8 KiB, padded': [`${encode(header)}.${encode(long(claims))}=.${signature}`, 'COFFER_JWT_ENCODING_INVALID'],
    '8 KiB, a member twice': [
      `${encode(header)}.${encode(long(`${claims.slice(0, -1)},"aud":"x"}`))}.${signature}`,
      'COFFER_JWT_MALFORMED',
    ],
    '8 KiB of brackets': [`${encode(header)}.${encode('['.repeat(5_000))}.${signature}`, 'COFFER_JWT_MALFORMED'],
    '8 KiB of escapes': [
      `${encode(header)}.${encode(long(claims).replaceAll('xx', '\\\\'))}.${signature}`,
      'COFFER_JWT_SIGNATURE_INVALID',
    ],
    crit: [
      `${encode(`${header.slice(0, -1)},"crit":["x"]}`)}.${encode(claims)}.${signature}`,
      'COFFER_JWT_HEADER_REFUSED',
    ],
    'alg none': [`${encode(header.replace(algorithm, 'none'))}.${encode(claims)}.`, 'COFFER_JWT_ALGORITHM_REFUSED'],
    '8 KiB, unknown issuer': [
      `${encode(header)}.${encode(long(claims.replace(issuer, 'https://evil.example')))}.${signature}`,
      'COFFER_JWT_ISSUER_UNKNOWN',
    ],
    'unknown kid': [`${encode(header.replace('k1', 'k2'))}.${encode(claims)}.${signature}`, 'COFFER_JWT_KEY_UNKNOWN'],
    'short signature': [
      `${data}.${Buffer.from(signature, 'base64url').subarray(0, -1).toString('base64url')}`,
      'COFFER_JWT_SIGNATURE_INVALID',
    ],
  }
  const refuse = (token: string): string => {
    try {
      verifier.verifySync(token)
      return 'accepted'
    } catch (error) {
      return isJwtError(error) ? error.code : 'another error'
    }
  }
  if (verifier.verifySync(good).subject !== 'user-1') throw new Error('a result is wrong')
  const time = async (call: () => unknown): Promise<number> => (await measure(call, { min_cpu_time: 2e8 })).p50
  const goodNs = await time(() => verifier.verifySync(good))
  for (const [name, [token, code]] of Object.entries(bad)) {
    if (refuse(token) !== code) throw new Error(`${name} is refused with ${refuse(token)}`)
    if (name === '8 KiB of escapes') continue
    const ns = await time(() => refuse(token))
    console.log(
      JSON.stringify({
        bench: `refuse ${name}`,
        ours_ns: ns,
        peer: `verify ${algorithm}`,
        peer_ns: goodNs,
        ratio: ns / goodNs,
        target: '< 1',
      }),
    )
  }
}

await bench('ES256')
await bench('RS256')
