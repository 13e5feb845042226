import { elapsedMs, instantOf, type Sourced } from '@coffer/lease'
import { type AccessToken, markAdopted } from './access-token.js'
import type { RefreshAttempt } from './refresh-attempt.js'
import { RefreshFailure } from './refresh-failure.js'
import type { Snapshot } from './store.js'
import { parseBody, type StoredBody } from './stored-body.js'

const pollMs = { min: 50, max: 500 } as const

/** The body of a record that this process may believe. */
export function openRecord({ setting, key }: RefreshAttempt, snapshot: Snapshot): StoredBody | undefined {
  if (setting.local === undefined) {
    // A store that lost its last writes, or was rolled back, would have an old refresh token sent again.
    if (snapshot.generation < key.seenGeneration) throw new RefreshFailure('COFFER_TOKEN_CACHE_STORE_CORRUPT')
    key.seenGeneration = snapshot.generation
  }
  const { unsaved } = key
  if (unsaved !== undefined) {
    const ours = snapshot.generation === unsaved.generation && snapshot.intent?.digest === unsaved.digest
    if (ours) return { ...unsaved.body, accessToken: undefined }
    key.unsaved = undefined
  }
  if (snapshot.body === undefined) return undefined
  const body = parseBody(snapshot.body)
  if (body === undefined) throw new RefreshFailure('COFFER_TOKEN_CACHE_STORE_CORRUPT')
  return body
}

/** A peer's token, if it is newer than what this process has had and lasts beyond the mandatory window. */
export function adoptPeer(
  attempt: RefreshAttempt,
  snapshot: Snapshot,
  body: StoredBody | undefined,
): Sourced<AccessToken> | undefined {
  const { setting, key, context } = attempt
  if (body?.accessToken === undefined || snapshot.generation <= key.usedGeneration) return undefined
  const { text, ttlMs } = body.accessToken
  const leftMs = ttlMs - snapshot.ageMs
  if (context.held?.reveal() === text) return undefined
  if (leftMs <= Math.min(setting.policy.mandatoryMs, ttlMs / 10)) return undefined
  const parts = { text, scope: body.scope ?? key.request.scope ?? [], generation: snapshot.generation }
  const sourced = attempt.sourced(parts, leftMs)
  key.usedGeneration = snapshot.generation
  markAdopted(sourced.value)
  key.emit({ type: 'adopted', generation: snapshot.generation })
  return { ...sourced, ageMs: snapshot.ageMs }
}

/** What a peer has done already: its newer token is taken; its delay is ours too, so that a fleet backs off as one. */
export function heedPeer(
  attempt: RefreshAttempt,
  snapshot: Snapshot,
  body: StoredBody | undefined,
): Sourced<AccessToken> | undefined {
  const adopted = adoptPeer(attempt, snapshot, body)
  if (adopted !== undefined || !(snapshot.holdMs > 0)) return adopted
  throw new RefreshFailure('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', {
    retryAfterMs: snapshot.holdMs,
    reason: 'held-back',
  })
}

/** Polls the value, not the lock: whoever holds the lease answers for everybody. */
export async function awaitPeer(attempt: RefreshAttempt): Promise<Sourced<AccessToken>> {
  const { clock, busyWaitMs, random } = attempt.setting
  const since = instantOf(clock)
  let waitMs: number = pollMs.min
  for (;;) {
    const leftMs = busyWaitMs - elapsedMs(since, instantOf(clock))
    if (leftMs <= 0 || attempt.context.signal.aborted) throw new RefreshFailure('COFFER_TOKEN_CACHE_BUSY')
    await attempt.sleep(Math.min(leftMs, waitMs * (1 + random() / 2)))
    waitMs = Math.min(pollMs.max, waitMs * 2)
    const snapshot = await attempt.lease.read()
    if (snapshot === undefined) continue
    const adopted = heedPeer(attempt, snapshot, openRecord(attempt, snapshot))
    if (adopted !== undefined) return adopted
  }
}
