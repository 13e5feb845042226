/** What does a token cost that was never seen: ours, bare `crypto.verify`, and the libraries people use. */
import type { KeyObject } from 'node:crypto'
import { createVerifier, staticKeys } from '@coffer/jwt'
import { JwtVerifier as AwsVerifier } from 'aws-jwt-verify'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import { type Algorithm, algorithms, audience, issuer, race, report, round, tokensOf } from './support.js'

interface JsonWebToken {
  verify(token: string, key: KeyObject, options: object): { readonly sub?: string }
}
interface Claims {
  readonly sub?: string
}

async function bench(algorithm: Algorithm): Promise<void> {
  const { alg, tokens, subjects, jwk, pem, publicKey, parts, bare } = tokensOf(algorithm, 16_384)
  const verifier = createVerifier({
    issuers: [{ issuer, audience, algorithms: [algorithm], keys: staticKeys({ keys: [jwk] }) }],
    // On, and so much smaller than the tokens are many that every call is a full verification and an insertion.
    cache: { max: 1_024 },
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
    ...(algorithm !== 'Ed25519' && {
      'jsonwebtoken 9.0.3': (token: string) =>
        jsonwebtoken.verify(token, publicKey, { issuer, audience, algorithms: [alg] }) as unknown,
    }),
  }
  const [token = '', subject] = [tokens[0], subjects[0]]
  const forged = `${token.slice(0, -8)}AAAAAAAA`
  const refuses = async (call: () => unknown): Promise<boolean> => {
    try {
      await call()
      return false
    } catch {
      return true
    }
  }
  const check = async (name: string, sub: unknown, forgery: () => unknown): Promise<void> => {
    if (sub !== subject || !(await refuses(forgery))) throw new Error(`${name} gives a wrong result`)
  }
  await check('verifySync', verifier.verifySync(token).subject, () => verifier.verifySync(forged))
  await check('verify', (await verifier.verify(token)).subject, () => verifier.verify(forged))
  for (const [name, call] of Object.entries(peers)) {
    await check(name, ((await call(token)) as Claims).sub, () => call(forged))
  }
  if (!parts.slice(0, 64).every(bare)) throw new Error('crypto.verify gives a wrong result')

  const before = verifier.stats().hits
  // The first token is in the cache by now.
  const [nextPart, nextToken] = [round(parts), round(tokens.slice(1))]
  const sync = await race({
    ours: () => verifier.verifySync(nextToken()),
    bare: () => bare(nextPart()),
    'fast-jwt 6.3.6': () => fast(nextToken()) as unknown,
  })
  const row = (
    bench: string,
    peer: string,
    ours: { ns: number },
    theirs: { ns: number; firstBy: number },
    target: string,
  ) => report({ bench, ours_ns: ours.ns, peer, peer_ns: theirs.ns, ratio: theirs.firstBy, target })
  row(`new token ${algorithm}, verifySync`, 'crypto.verify', sync.ours, sync.bare, '<= 1.15')
  row(`new token ${algorithm}, verifySync`, 'fast-jwt 6.3.6', sync.ours, sync['fast-jwt 6.3.6'], '< 1')

  const timed = await race<string>({
    ours: () => verifier.verify(nextToken()),
    ...Object.fromEntries(Object.entries(peers).map(([name, call]) => [name, () => call(nextToken())])),
  })
  for (const name of Object.keys(peers)) {
    const [ours, theirs] = [timed['ours'], timed[name]]
    if (ours !== undefined && theirs !== undefined)
      row(`new token ${algorithm}, await verify`, name, ours, theirs, '< 1')
  }
  if (verifier.stats().hits - before > 0) throw new Error('a token was served from the cache')
}

for (const algorithm of algorithms) await bench(algorithm)
