import { decodeBase64url, encodeBase64url } from './base64url.js'
import { type Sealer, sealContext } from './sealer.js'
import { member, parseStrictJson } from './strict-json.js'

/** Where the last good JWKS is kept for a start while the issuer is down. */
export interface KeySnapshotOptions {
  read(): Promise<Uint8Array | undefined>
  write(bytes: Uint8Array): Promise<void>
  /** Authenticates the bytes: whoever can write them could otherwise name the keys. */
  readonly sealer: Sealer
}

/** A JWKS as it was fetched. */
export interface KeySnapshot {
  readonly body: Uint8Array
  readonly etag: string | undefined
  readonly fetchedAt: number
  readonly ttlMs: number
}

/** How far ahead of this clock a snapshot may be dated, in ms. */
const maxAheadMs = 60_000
const context = (url: string): Uint8Array => sealContext('coffer-jwks-1', url)

/** Seals a snapshot, version 1, to its URL. */
export async function sealSnapshot(snapshot: KeySnapshot, url: string, sealer: Sealer): Promise<Uint8Array> {
  const { body, etag, fetchedAt, ttlMs } = snapshot
  const text = JSON.stringify({ version: 1, url, jwks: encodeBase64url(body), etag: etag ?? null, fetchedAt, ttlMs })
  return sealer.encrypt(new TextEncoder().encode(text), context(url))
}

/** Opens a snapshot; undefined when it is of another URL or version, from the future, or not what was sealed. */
export async function openSnapshot(
  sealed: Uint8Array,
  url: string,
  sealer: Sealer,
  now: number,
): Promise<KeySnapshot | undefined> {
  let plaintext: Uint8Array
  try {
    plaintext = await sealer.decrypt(sealed, context(url))
  } catch {
    return undefined
  }
  const record = parseStrictJson(plaintext, 4)
  if (record === undefined || member(record, 'version') !== 1 || member(record, 'url') !== url) return undefined
  const [jwks, etag, fetchedAt, ttlMs] = ['jwks', 'etag', 'fetchedAt', 'ttlMs'].map((name) => member(record, name))
  const body = typeof jwks === 'string' ? decodeBase64url(jwks) : undefined
  if (body === undefined || typeof fetchedAt !== 'number' || typeof ttlMs !== 'number') return undefined
  if (fetchedAt > now + maxAheadMs) return undefined
  return { body, etag: typeof etag === 'string' ? etag : undefined, fetchedAt, ttlMs }
}
