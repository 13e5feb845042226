import type { DataKeyRecord } from '@coffer/field-encryption'

type Period = Pick<DataKeyRecord, 'version' | 'state' | 'createdAt' | 'activeFrom' | 'activeUntil'>

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** A keyring whose key ends within this time is given the next one. */
const renewAheadMs = 30 * dayMs
/** Twice the age at which a process gives its loaded keys up: by then every process has loaded the new one. */
const settleMs = 2 * hourMs
/** Rotations within this time of one another are one rotation. */
const sameRotationMs = 60_000
/** Data keys that one keyring is given in a day. Each is one more for every look-up, and there are 255 in all. */
const perDay = 10
/** A version is one byte for the life of a keyring. The last ones are kept for the yearly key, which nobody asks for. */
const lastOnRequest = 200

/** The key that encrypts at an instant; `null` when none may. The newest that has begun, never an older one. */
export function primaryAt<K extends Period>(keys: readonly K[], at: number): K | null {
  const newest = keys
    .filter(({ state, activeFrom }) => state === 'active' && activeFrom <= at)
    .reduce<K | null>((best, key) => (best === null || key.version > best.version ? key : best), null)
  return newest === null || at >= newest.activeUntil ? null : newest
}

/** Whether no key encrypts now, or none will in 30 days. */
export function isDue(keys: readonly Period[], now: number): boolean {
  return primaryAt(keys, now) === null || primaryAt(keys, now + renewAheadMs) === null
}

/** ms until a renewed key encrypts: long enough for every process to have it, at once where no other key may. */
export function renewalDelayMs(keys: readonly Period[], now: number): number {
  const primary = primaryAt(keys, now)
  return primary === null ? 0 : Math.min(settleMs, primary.activeUntil - now)
}

/** What a rotation that is asked for comes to. */
export type RotationPlan = 'add' | 'just-rotated' | 'too-often' | 'used-up'

export function planRotation(keys: readonly Period[], now: number): RotationPlan {
  const newest = keys.at(-1)
  if (newest === undefined) return 'add'
  const age = now - newest.createdAt
  // The first key came with the tenant; nobody has rotated yet.
  const encrypts = primaryAt(keys, now) === newest
  if (newest.version > 1 && encrypts && age >= 0 && age < sameRotationMs) return 'just-rotated'
  if (newest.version >= lastOnRequest) return 'used-up'
  return rotationDelayMs(keys, now) > 0 ? 'too-often' : 'add'
}

/** ms until a key may be added on request: the day's tenth is followed by none until the day's first is a day old. */
export function rotationDelayMs(keys: readonly Period[], now: number): number {
  const ages = keys
    .filter(({ version, createdAt }) => version > 1 && createdAt <= now && createdAt > now - dayMs)
    .map(({ createdAt }) => now - createdAt)
    .sort((a, b) => a - b)
  const tenth = ages[perDay - 1]
  return tenth === undefined ? 0 : dayMs - tenth
}
