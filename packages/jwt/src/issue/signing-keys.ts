import type { CryptoKey } from 'jose'
import { exportJWK, generateKeyPair, importJWK } from 'jose'
import type { SignatureAlgorithm } from '../algorithms.js'
import { JwtError } from '../errors.js'
import { isSecretKey, judgeKey, type PublicJwk } from '../key-hygiene.js'
import { isSameKey, type PreparedKey, readKeySet, thumbprint } from '../key-set.js'
import { type Sealer, sealContext } from '../sealer.js'
import { type JsonObject, parseStrictJson } from '../strict-json.js'
import { corrupt, type KeyRecord } from './key-record.js'
import type { RingConfig } from './key-ring-options.js'

/** Makes a key pair; what is returned of its private half is sealed to issuer and `kid`. */
export async function generateKey(
  { spec, issuer }: RingConfig,
  sealer: Sealer,
): Promise<Omit<KeyRecord, 'activeFrom'>> {
  const pair = await generateKeyPair(spec.name, { extractable: true })
  const fit = judgeKey({ ...(await exportJWK(pair.publicKey)) })
  if (typeof fit === 'string') throw new JwtError('COFFER_JWT_KEY_RING_UNAVAILABLE')
  const kid = await thumbprint(fit)
  const plaintext = new TextEncoder().encode(JSON.stringify(await exportJWK(pair.privateKey)))
  try {
    const sealed = await sealer.encrypt(plaintext, sealContext('coffer-jwt-key-1', issuer, kid))
    return { kid, revoked: false, jwk: fit.jwk, sealed: Uint8Array.from(sealed) }
  } catch {
    throw new JwtError('COFFER_JWT_KEY_RING_UNAVAILABLE')
  } finally {
    plaintext.fill(0)
  }
}

/** Opens the private half of a record; it must belong to the public one. */
export async function openKey(
  { kid, jwk }: KeyRecord,
  sealed: Uint8Array,
  { issuer, spec }: RingConfig,
  sealer: Sealer,
): Promise<CryptoKey> {
  const plaintext = await sealer.decrypt(sealed, sealContext('coffer-jwt-key-1', issuer, kid))
  const secret = parseStrictJson(plaintext, 4)
  if (secret === undefined || !isSecretKey(secret) || !isSameKey(publicPart(secret), jwk)) throw corrupt()
  return (await importJWK({ ...secret }, spec.name)) as CryptoKey
}

/** The public half, as a verifier in the same process takes it. */
export function prepareKey(record: KeyRecord, alg: SignatureAlgorithm): PreparedKey {
  const read = readKeySet({ keys: [{ ...record.jwk, kid: record.kid, use: 'sig', alg }] }, 1)
  const key = typeof read === 'string' ? undefined : read.set.usable[0]
  if (key === undefined) throw corrupt()
  return key
}

function publicPart(secret: JsonObject): PublicJwk {
  const { kty, crv, x, y, n, e } = secret
  const fit = judgeKey(JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })))
  if (typeof fit === 'string') throw corrupt()
  return fit.jwk
}
