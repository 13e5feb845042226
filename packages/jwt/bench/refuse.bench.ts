/** What does refusing cost: each malformed class of 8 KiB against one good verification, and 2 MiB by length alone. */
import { createVerifier, isJwtError, staticKeys } from '@coffer/jwt'
import { type Algorithm, audience, issuer, race, report, tokensOf } from './support.js'

const encode = (text: string): string => Buffer.from(text).toString('base64url')
const decode = (text = ''): string => Buffer.from(text, 'base64url').toString()

/** As dense as JSON can be, so that parsing it natively costs more than a signature; and one that reaches its signature. */
const reported = new Set(['8 KiB of lists, then a member twice', '8 KiB of members, one twice', '8 KiB of escapes'])

async function bench(algorithm: Algorithm): Promise<void> {
  const { tokens, subjects, jwk } = tokensOf(algorithm, 1)
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }],
    cache: null,
  })
  const [good = ''] = tokens
  const [headerText, claimsText, signature = ''] = good.split('.')
  const [header, claims, data] = [decode(headerText), decode(claimsText), `${headerText}.${claimsText}`]
  const filler = 'x'.repeat(5_000)
  const long = (text: string): string => `${text.slice(0, -1)},"filler":"${filler}"}`
  const lists = JSON.stringify(Array.from({ length: 1_800 }, () => []))
  const members = Array.from({ length: 550 }, (_, i) => `"m${i}":${i}`).join()
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
    '8 KiB of lists, then a member twice': [
      `${encode(header)}.${encode(`{"a":1,"lists":${lists},"a":1}`)}.${signature}`,
      'COFFER_JWT_MALFORMED',
    ],
    '8 KiB of members, one twice': [
      `${encode(header)}.${encode(`{${members},"m0":1}`)}.${signature}`,
      'COFFER_JWT_MALFORMED',
    ],
    crit: [
      `${encode(`${header.slice(0, -1)},"crit":["x"]}`)}.${encode(claims)}.${signature}`,
      'COFFER_JWT_HEADER_REFUSED',
    ],
    'alg none': [`${encode(header.replace(jwk.alg, 'none'))}.${encode(claims)}.`, 'COFFER_JWT_ALGORITHM_REFUSED'],
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
  if (verifier.verifySync(good).subject !== subjects[0]) throw new Error('a result is wrong')
  for (const [name, [token, code]] of Object.entries(bad)) {
    if (refuse(token) !== code) throw new Error(`${name} is refused with ${refuse(token)}`)
    const { ours, verify } = await race(
      { ours: () => refuse(token), verify: () => verifier.verifySync(good) },
      { turns: 5, turnMs: 40 },
    )
    const row = { bench: `refuse ${name}`, ours_ns: ours.ns, peer: `verify ${algorithm}`, peer_ns: verify.ns }
    report({ ...row, ratio: verify.firstBy, ...(!reported.has(name) && { target: '< 1' }) })
  }
}

await bench('ES256')
await bench('RS256')
