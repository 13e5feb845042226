import type { AccessToken } from './access-token.js'
import type { RefreshSetting } from './refresh-setting.js'
import { parseBody } from './stored-body.js'

/** All revocations of a `close` together; an issuer that hangs must not keep a process from ending. */
const limitMs = 30_000
const lanes = 8

/** Revokes (RFC 7009) these tokens, and the refresh tokens that no store of others holds. */
export async function revokeHeld(setting: RefreshSetting, tokens: readonly AccessToken[]): Promise<void> {
  const { steps, timers, clock, local } = setting
  const revoke = steps.find((step) => step.revoke !== undefined)?.revoke
  if (revoke === undefined) return
  const limit = new AbortController()
  const context = { timers, clock, signal: limit.signal }
  const work = tokens.map((token) => () => revoke(token.reveal(), 'access_token', context))
  for (const body of local?.bodies() ?? []) {
    const token = parseBody(body)?.refreshToken
    if (token !== undefined) work.push(() => revoke(token, 'refresh_token', context))
  }
  const queue = work.values()
  const lane = async (): Promise<void> => {
    for (const one of queue) {
      if (limit.signal.aborted) return
      await one()
    }
  }
  let timer: unknown
  const over = new Promise<void>((resolve) => {
    timer = timers.set(() => {
      limit.abort()
      resolve()
    }, limitMs)
  })
  await Promise.race([Promise.all(Array.from({ length: lanes }, lane)), over])
  timers.clear(timer)
}
