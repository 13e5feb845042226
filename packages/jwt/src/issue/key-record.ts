import type { CanonicalAlgorithm } from '../algorithms.js'
import { decodeBase64url, encodeBase64url } from '../base64url.js'
import { isEqual } from '../equal-bytes.js'
import { JwtError } from '../errors.js'
import { isSecretKey, judgeKey, type PublicJwk } from '../key-hygiene.js'
import { thumbprint } from '../key-set.js'
import { type Sealer, sealContext } from '../sealer.js'
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
  /** Raised by every write, so that a process knows an older record from a newer one. */
  readonly revision: number
  readonly keys: readonly KeyRecord[]
}

/**
 * Writes the record of a ring, version 2. The seal covers all of it: whoever can write the store must not be able to
 * name a public key, bring a revoked one back, or move a date.
 */
export async function formatRing(record: RingRecord, sealer: Sealer): Promise<string> {
  const seal = await sealer.encrypt(await digest(record), context(record.issuer))
  return textOf(record, encodeBase64url(Uint8Array.from(seal)))
}

/** Reads a record; anything that is not exactly what {@link formatRing} writes for this issuer is corrupt. */
export async function parseRing(
  body: string,
  issuer: string,
  algorithm: CanonicalAlgorithm,
  sealer: Sealer,
): Promise<RingRecord> {
  const parsed = parseStrictJson(new TextEncoder().encode(body), 8)
  if (parsed === undefined) throw corrupt()
  const [version, keys, revision, seal] = ['version', 'keys', 'revision', 'seal'].map((name) => member(parsed, name))
  const isOurs = version === 2 && member(parsed, 'issuer') === issuer && member(parsed, 'algorithm') === algorithm
  if (!isOurs || !Array.isArray(keys) || typeof revision !== 'number' || typeof seal !== 'string') throw corrupt()
  const record = { issuer, algorithm, revision, keys: keys.map((key: unknown) => parseKey(key, algorithm)) }
  // One spelling: what was digested is what was read, member for member.
  if (textOf(record, seal) !== body) throw corrupt()
  await assertSealed(record, seal, sealer)
  await assertKeys(record.keys)
  return record
}

function textOf({ issuer, algorithm, revision, keys }: RingRecord, seal: string | undefined): string {
  return JSON.stringify({
    version: 2,
    issuer,
    algorithm,
    revision,
    keys: keys.map(({ kid, activeFrom, revoked, jwk, sealed }) => ({
      kid,
      activeFrom,
      revoked,
      jwk,
      sealed: sealed === undefined ? null : encodeBase64url(sealed),
    })),
    seal,
  })
}

const context = (issuer: string): Uint8Array => sealContext('coffer-jwt-ring-1', issuer)

async function digest(record: RingRecord): Promise<Uint8Array> {
  const text = new TextEncoder().encode(textOf(record, undefined))
  return new Uint8Array(await crypto.subtle.digest('SHA-256', text))
}

async function assertSealed(record: RingRecord, seal: string, sealer: Sealer): Promise<void> {
  const sealed = decodeBase64url(seal)
  if (sealed === undefined) throw corrupt()
  const opened = await sealer.decrypt(sealed, context(record.issuer))
  if (!isEqual(opened, await digest(record))) throw corrupt()
}

async function assertKeys(keys: readonly KeyRecord[]): Promise<void> {
  const inOrder = keys.every((key, i) => i === 0 || (keys[i - 1]?.activeFrom ?? 0) <= key.activeFrom)
  if (!inOrder || new Set(keys.map((key) => key.kid)).size !== keys.length) throw corrupt()
  for (const { kid, jwk } of keys) if ((await thumbprint({ jwk })) !== kid) throw corrupt()
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
