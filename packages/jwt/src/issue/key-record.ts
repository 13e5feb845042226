import type { CanonicalAlgorithm } from '../algorithms.js'
import { decodeBase64url, encodeBase64url } from '../base64url.js'
import { JwtError } from '../errors.js'
import { isSecretKey, judgeKey, type PublicJwk } from '../key-hygiene.js'
import { type JsonObject, member, parseStrictJson } from '../strict-json.js'

/** One signing key as the store holds it. */
export interface KeyRecord {
  /** RFC 7638 thumbprint. */
  readonly kid: string
  /** From when it signs, epoch ms. */
  readonly activeFrom: number
  readonly revoked: boolean
  readonly jwk: PublicJwk
  /** The private key, sealed; undefined once it is erased. */
  readonly sealed: Uint8Array | undefined
}

/** All keys of an issuer, by `activeFrom`. */
export interface RingRecord {
  readonly issuer: string
  readonly algorithm: CanonicalAlgorithm
  readonly keys: readonly KeyRecord[]
}

/** Writes the record of a ring, version 1. */
export function formatRing({ issuer, algorithm, keys }: RingRecord): string {
  return JSON.stringify({
    version: 1,
    issuer,
    algorithm,
    keys: keys.map(({ kid, activeFrom, revoked, jwk, sealed }) => ({
      kid,
      activeFrom,
      revoked,
      jwk,
      sealed: sealed === undefined ? null : encodeBase64url(sealed),
    })),
  })
}

/** Reads a record; anything that is not exactly what {@link formatRing} writes for this issuer is corrupt. */
export function parseRing(body: string, issuer: string, algorithm: CanonicalAlgorithm): RingRecord {
  const record = parseStrictJson(new TextEncoder().encode(body), 8)
  const keys: unknown = record === undefined ? undefined : member(record, 'keys')
  const isOurs =
    record !== undefined &&
    member(record, 'version') === 1 &&
    member(record, 'issuer') === issuer &&
    member(record, 'algorithm') === algorithm
  if (!isOurs || !Array.isArray(keys)) throw corrupt()
  const parsed = keys.map((key: unknown) => parseKey(key, algorithm))
  const inOrder = parsed.every((key, i) => i === 0 || (parsed[i - 1]?.activeFrom ?? 0) <= key.activeFrom)
  if (!inOrder || new Set(parsed.map((key) => key.kid)).size !== parsed.length) throw corrupt()
  return { issuer, algorithm, keys: parsed }
}

function parseKey(value: unknown, algorithm: CanonicalAlgorithm): KeyRecord {
  if (!isObject(value)) throw corrupt()
  const [kid, activeFrom, revoked, jwk] = ['kid', 'activeFrom', 'revoked', 'jwk'].map((name) => member(value, name))
  const sealed = parseSealed(member(value, 'sealed'))
  if (typeof kid !== 'string' || typeof activeFrom !== 'number' || typeof revoked !== 'boolean' || !isObject(jwk))
    throw corrupt()
  const fit = isSecretKey(jwk) ? 'secret' : judgeKey(jwk)
  if (typeof fit === 'string' || !fit.specs.some((spec) => spec.name === algorithm)) throw corrupt()
  return { kid, activeFrom, revoked, jwk: fit.jwk, sealed }
}

function parseSealed(value: unknown): Uint8Array | undefined {
  if (value === null) return undefined
  const bytes = typeof value === 'string' ? decodeBase64url(value) : undefined
  if (bytes === undefined) throw corrupt()
  return bytes
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The record does not parse or open: nothing of it is used. */
export function corrupt(): JwtError<'COFFER_JWT_KEY_RING_CORRUPT'> {
  return new JwtError('COFFER_JWT_KEY_RING_CORRUPT')
}
