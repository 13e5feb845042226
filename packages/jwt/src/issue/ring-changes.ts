import type { KeyRecord, RingRecord } from './key-record.js'
import type { RingConfig } from './key-ring-options.js'
import { erasureDelayMs, placeKeys } from './key-states.js'

/** Makes a key that signs from a moment on. */
export type FreshKey = (activeFrom: number) => Promise<KeyRecord>
/** What becomes of a record; the same object when nothing does. */
export type RingChange = (record: RingRecord, now: number, fresh: FreshKey) => Promise<RingRecord>

/** One key more, after all others: a process whose clock is behind must not date it before them. */
async function appendKey(
  keys: readonly KeyRecord[],
  activeFrom: number,
  fresh: FreshKey,
): Promise<readonly KeyRecord[]> {
  return [...keys, await fresh(Math.max(activeFrom, keys.at(-1)?.activeFrom ?? 0))]
}

/** Takes a key out; the pending one, or a new one, signs instead if it was active. */
export async function revokeKey(
  record: RingRecord,
  kid: string,
  now: number,
  fresh: FreshKey,
  accessTtlMs: number,
): Promise<RingRecord> {
  const placed = placeKeys(record.keys, accessTtlMs, now)
  const target = placed.find((key) => key.record.kid === kid)
  if (target === undefined) throw new TypeError('revoke: the ring has no key with this kid')
  if (target.record.revoked) return record
  // A pending key has signed nothing: it goes without a trace, and maintenance makes another in time.
  if (target.state === 'pending') return { ...record, keys: record.keys.filter((key) => key.kid !== kid) }
  const keys = record.keys.map((key) => (key.kid === kid ? { ...key, revoked: true, sealed: undefined } : key))
  if (target.state !== 'active') return { ...record, keys }
  const heir = placed.findIndex((key) => key.state === 'pending')
  if (heir === -1) return { ...record, keys: await appendKey(keys, now, fresh) }
  const activeFrom = Math.max(now, keys[heir - 1]?.activeFrom ?? 0)
  return { ...record, keys: keys.map((key, i) => (i === heir ? { ...key, activeFrom } : key)) }
}

/** What time brings: private keys that stopped signing are erased, retired keys go, and a successor is made in time. */
export async function evolveRing(
  record: RingRecord,
  now: number,
  fresh: FreshKey,
  { rotateEveryMs, publishAheadMs, accessTtlMs }: RingConfig,
): Promise<RingRecord> {
  const placed = placeKeys(record.keys, accessTtlMs, now)
  const kept = placed.filter((key) => key.retiredFrom === undefined || now < key.retiredFrom || key.state === 'active')
  let keys: readonly KeyRecord[] = kept.map(({ record: key, succeededAt }) => {
    const isSpent = key.revoked || (succeededAt !== undefined && now >= succeededAt + erasureDelayMs)
    return isSpent && key.sealed !== undefined ? { ...key, sealed: undefined } : key
  })
  const active = placed.find((key) => key.state === 'active')?.record
  const isFollowed = placed.some((key) => key.state === 'pending')
  if (active === undefined) keys = await appendKey(keys, now, fresh)
  else if (!isFollowed && now >= active.activeFrom + rotateEveryMs - publishAheadMs) {
    keys = await appendKey(keys, Math.max(now + publishAheadMs, active.activeFrom + rotateEveryMs), fresh)
  }
  const isUnchanged = keys.length === record.keys.length && keys.every((key, i) => key === record.keys[i])
  return isUnchanged ? record : { ...record, keys }
}
