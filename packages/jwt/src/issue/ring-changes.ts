import type { KeyRecord, RingRecord } from './key-record.js'
import { placeKeys } from './key-states.js'

/** Makes a key that signs from a moment on. */
export type FreshKey = (activeFrom: number) => Promise<KeyRecord>
/** What becomes of a record; the same object when nothing does. */
export type RingChange = (record: RingRecord, now: number, fresh: FreshKey) => Promise<RingRecord>

/** One key more, after all others: a process whose clock is behind must not date it before them. */
export async function appendKey(
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
