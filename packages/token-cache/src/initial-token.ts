import type { RefreshStep } from './grant.js'
import { digestHex, formatParts } from './key.js'
import type { RefreshKey, RefreshSetting } from './refresh-setting.js'
import { openSecret } from './secret.js'
import type { Snapshot } from './store.js'
import type { StoredBody } from './stored-body.js'

/** Each one took a person to supply: the oldest are configured nowhere any more. */
const longestInitials = 64

/** An initial refresh token, and whether this key may take it up. */
export interface InitialToken {
  readonly token: string
  readonly digest: string
  /** Presented before, by this process or by whoever wrote the record: not taken up anew. */
  readonly used: boolean
}

/** The digest under which a refresh token of a key is written down. */
export function refreshTokenDigest(key: RefreshKey, token: string): Promise<string> {
  return digestHex(formatParts(['it1', key.storeKey, token]))
}

/** The step's initial refresh token if it serves this key. Throws what {@link openSecret} throws. */
export async function initialTokenOf(
  setting: RefreshSetting,
  key: RefreshKey,
  step: RefreshStep,
  snapshot: Snapshot,
  record: StoredBody | undefined,
): Promise<InitialToken | undefined> {
  if (step.initial === undefined || !key.ownsInitial) return undefined
  const { text: token } = await openSecret(step.initial.token)
  const digest = await refreshTokenDigest(key, token)
  if (record?.initials?.includes(digest)) return { token, digest, used: true }
  // A store may have evicted the record that says so; an intent that names it decides for itself.
  return { token, digest, used: setting.presentedInitials.has(digest) && snapshot.intent?.digest !== digest }
}

/** The initial refresh tokens a record has come by, with one more. */
export function withInitial(known: readonly string[], digest: string | undefined): readonly string[] {
  return digest === undefined || known.includes(digest) ? known : [...known, digest].slice(-longestInitials)
}
