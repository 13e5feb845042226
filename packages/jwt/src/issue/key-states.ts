import type { KeyRecord } from './key-record.js'

/** Where a key is in its life. */
export type KeyState = 'pending' | 'active' | 'retiring' | 'retired'

/** A key and what the clock says of it. */
export interface PlacedKey {
  readonly record: KeyRecord
  readonly state: KeyState
  /** When the key stops signing; undefined while no successor is known. */
  readonly succeededAt: number | undefined
  /** When no token of it can be alive any more. */
  readonly retiredFrom: number | undefined
}

/** Verifiers' tolerance and signers' difference of clocks, 120 s each. */
const skewMs = 240_000
/** How long a private key is kept after it stopped signing: a signer's clock may be that much behind. */
export const erasureDelayMs = 120_000

/**
 * Places every key by the records and the clock alone, so that any number of processes agree: active is the latest
 * whose time has come, later ones are pending, earlier ones retiring until the last token they signed has expired.
 * Where no time has come yet, another process made the first key by a clock that is ahead of this one: it is active.
 */
export function placeKeys(keys: readonly KeyRecord[], accessTtlMs: number, now: number): readonly PlacedKey[] {
  const usable = keys.filter((key) => !key.revoked)
  const active = usable.findLast((key) => key.activeFrom <= now) ?? usable[0]
  return keys.map((record) => {
    const succeededAt = keys[keys.indexOf(record) + 1]?.activeFrom
    const retiredFrom = succeededAt === undefined ? undefined : succeededAt + accessTtlMs + skewMs
    return { record, succeededAt, retiredFrom, state: stateOf(record, active, retiredFrom, now) }
  })
}

function stateOf(
  record: KeyRecord,
  active: KeyRecord | undefined,
  retiredFrom: number | undefined,
  now: number,
): KeyState {
  if (record.revoked) return 'retired'
  if (record === active) return 'active'
  if (record.activeFrom > now) return 'pending'
  return retiredFrom !== undefined && now >= retiredFrom ? 'retired' : 'retiring'
}
