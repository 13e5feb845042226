import type { CryptoKey } from 'jose'
import { calculateJwkThumbprint, importJWK } from 'jose'
import type { AlgorithmSpec } from './algorithms.js'
import { type FitKey, isSecretKey, judgeKey, type KeyFault, type PublicJwk } from './key-hygiene.js'
import { type NodeVerifyKey, nodeCrypto } from './node-crypto.js'
import { member } from './strict-json.js'

/** A public key imported once. */
export interface PreparedKey {
  readonly kid: string | undefined
  readonly jwk: PublicJwk
  readonly specs: readonly AlgorithmSpec[]
  readonly signatureBytes: number
  /** Raised when the key leaves its set: what was verified with it before is void from then on. */
  epoch: number
  /** On a runtime with `node:crypto`, by algorithm. */
  readonly nodeKeys: Map<AlgorithmSpec, NodeVerifyKey>
  /** For jose, by algorithm; imported at first use. */
  readonly joseKeys: Map<AlgorithmSpec, Promise<CryptoKey>>
}

/** The keys of one JWKS, judged: `undefined` under a `kid` marks a key that is listed but may not be used. */
export interface KeySet {
  readonly byKid: ReadonlyMap<string, PreparedKey | undefined>
  readonly usable: readonly PreparedKey[]
}

/** A key that a document lists and this package leaves alone. */
export interface IgnoredKey {
  readonly kid: string | undefined
  readonly fault: KeyFault
}

/** Why a whole document is refused. */
export type DocumentFault = 'shape' | 'secret' | 'too-many' | 'duplicate-kid' | 'no-usable-key' | 'import'

/** Reads a JWKS (RFC 7517 §5). One key that may not be used is ignored; a fault of the document refuses all of it. */
export function readKeySet(
  document: unknown,
  maxKeys: number,
): { readonly set: KeySet; readonly ignored: readonly IgnoredKey[] } | DocumentFault {
  const keys: unknown = isObject(document) ? member(document, 'keys') : undefined
  if (!Array.isArray(keys)) return 'shape'
  if (keys.length > maxKeys) return 'too-many'
  const byKid = new Map<string, PreparedKey | undefined>()
  const usable: PreparedKey[] = []
  const ignored: IgnoredKey[] = []
  for (const jwk of keys as readonly unknown[]) {
    if (!isObject(jwk)) return 'shape'
    if (isSecretKey(jwk)) return 'secret'
    const fit = judgeKey(jwk)
    const prepared = typeof fit === 'string' ? fit : prepareKey(fit)
    if (typeof prepared === 'string') {
      const kid = kidOf(jwk)
      ignored.push({ kid, fault: prepared })
      if (kid !== undefined && !byKid.has(kid)) byKid.set(kid, undefined)
      continue
    }
    if (prepared.kid !== undefined) {
      if (byKid.get(prepared.kid) !== undefined) return 'duplicate-kid'
      byKid.set(prepared.kid, prepared)
    }
    usable.push(prepared)
  }
  return usable.length === 0 ? 'no-usable-key' : { set: { byKid, usable }, ignored }
}

/** Imports a judged key. On Node.js at once, so that keys given as configuration are ready when the call returns. */
function prepareKey(fit: FitKey): PreparedKey | KeyFault {
  const nodeKeys = new Map<AlgorithmSpec, NodeVerifyKey>()
  if (nodeCrypto !== undefined) {
    let key: object
    try {
      key = nodeCrypto.createPublicKey({ key: fit.jwk, format: 'jwk' })
    } catch {
      return fit.jwk.kty === 'RSA' ? 'rsa' : 'point'
    }
    for (const spec of fit.specs) nodeKeys.set(spec, nodeKeyFor(spec, key))
  }
  return { ...fit, epoch: 0, nodeKeys, joseKeys: new Map() }
}

/** RSA_PKCS1_PSS_PADDING of OpenSSL's rsa.h; without it an RSA key is used with PKCS #1 v1.5. */
const pssPadding = 6

function nodeKeyFor(spec: AlgorithmSpec, key: object): NodeVerifyKey {
  if (spec.kty === 'EC') return { key, dsaEncoding: 'ieee-p1363' }
  return spec.saltLength === undefined ? { key } : { key, padding: pssPadding, saltLength: spec.saltLength }
}

/** The key as jose takes it, imported once per algorithm. */
export function joseKeyFor(key: PreparedKey, spec: AlgorithmSpec): Promise<CryptoKey> {
  let imported = key.joseKeys.get(spec)
  if (imported === undefined) {
    imported = importJWK({ ...key.jwk }, spec.name) as Promise<CryptoKey>
    key.joseKeys.set(spec, imported)
  }
  return imported
}

/** RFC 7638 thumbprint, by which a key under an old `kid` is told from the key that had it. */
export function thumbprint(key: { readonly jwk: PublicJwk }): Promise<string> {
  return calculateJwkThumbprint({ ...key.jwk })
}

/** Whether two public keys are one: their thumbprint members agree. */
export function isSameKey(a: PublicJwk, b: PublicJwk): boolean {
  return JSON.stringify(thumbprintMembers(a)) === JSON.stringify(thumbprintMembers(b))
}

function thumbprintMembers(jwk: PublicJwk): readonly string[] {
  switch (jwk.kty) {
    case 'RSA':
      return [jwk.kty, jwk.e, jwk.n]
    case 'EC':
      return [jwk.kty, jwk.crv, jwk.x, jwk.y]
    case 'OKP':
      return [jwk.kty, jwk.crv, jwk.x]
  }
}

/** What a set has under a header's `kid` for an algorithm. Keys are never tried in turn. */
export function selectKey(
  set: KeySet,
  kid: string | undefined,
  spec: AlgorithmSpec,
): PreparedKey | 'COFFER_JWT_KEY_UNKNOWN' | 'COFFER_JWT_KEY_UNUSABLE' {
  if (kid === undefined) {
    const fitting = set.usable.filter((key) => key.specs.includes(spec))
    return fitting.length === 1 && fitting[0] !== undefined ? fitting[0] : 'COFFER_JWT_KEY_UNKNOWN'
  }
  const key = set.byKid.get(kid)
  if (key !== undefined) return key.specs.includes(spec) ? key : 'COFFER_JWT_KEY_UNUSABLE'
  return set.byKid.has(kid) ? 'COFFER_JWT_KEY_UNUSABLE' : 'COFFER_JWT_KEY_UNKNOWN'
}

function kidOf(jwk: Readonly<Record<string, unknown>>): string | undefined {
  const kid = member(jwk, 'kid')
  return typeof kid === 'string' ? kid : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What became of the keys when one document followed another. */
export interface KeyChanges {
  readonly added: readonly PreparedKey[]
  readonly removed: readonly PreparedKey[]
  /** `kid`s under which another key came. */
  readonly reused: readonly string[]
}

/** The next set with every key that stayed as it was, so that what was verified with it stays good; the others are void. */
export function succeedKeySet(
  before: KeySet | undefined,
  next: KeySet,
): { readonly set: KeySet; readonly changes: KeyChanges } {
  const old = before?.usable ?? []
  const usable = next.usable.map((key) => old.find((one) => isUnchanged(one, key)) ?? key)
  const removed = old.filter((key) => !usable.includes(key))
  for (const key of removed) key.epoch++
  const added = usable.filter((key) => !old.includes(key))
  const byKid = new Map(next.byKid)
  for (const key of usable) if (key.kid !== undefined) byKid.set(key.kid, key)
  const reused = removed.flatMap(({ kid, jwk }) => {
    const heir = kid === undefined ? undefined : byKid.get(kid)
    return kid === undefined || heir === undefined || isSameKey(heir.jwk, jwk) ? [] : [kid]
  })
  return { set: { byKid, usable }, changes: { added, removed, reused } }
}

function isUnchanged(a: PreparedKey, b: PreparedKey): boolean {
  return (
    a.kid === b.kid &&
    isSameKey(a.jwk, b.jwk) &&
    a.specs.length === b.specs.length &&
    a.specs.every((spec) => b.specs.includes(spec))
  )
}
