import { backoffMs } from '@coffer/lease'
import type { AccessToken } from './access-token.js'
import { RefreshFailure } from './refresh-failure.js'
import type { RefreshKey, RefreshSetting } from './refresh-setting.js'

/** A transient failure with its back-off, which the store and the lease then share. */
export function spacedFailure(
  { policy, clock, random }: RefreshSetting,
  key: RefreshKey,
  held: AccessToken | undefined,
  failure: RefreshFailure,
): RefreshFailure {
  if (failure.terminal) return failure
  const leftMs = held === undefined ? 0 : held.expiresAt - clock.now()
  const retryAfterMs = backoffMs(policy, {
    failures: key.failures + 1,
    servable: leftMs > 0,
    leftMs,
    retryAfterMs: failure.retryAfterMs,
    random: random(),
  })
  const { code, oauthError, reason } = failure
  return new RefreshFailure(code, { oauthError, reason, retryAfterMs })
}
