import { instantOf, type Sourced } from '@coffer/lease'
import { type AccessToken, markProcessLocal } from './access-token.js'
import type { RefreshAttempt } from './refresh-attempt.js'
import { failureOf, RefreshFailure } from './refresh-failure.js'

/** The store failed and the grant sends nothing that rotates: a token for this process alone. */
export async function refreshWithoutStore(attempt: RefreshAttempt): Promise<Sourced<AccessToken>> {
  const { setting, key, context } = attempt
  let last: RefreshFailure | undefined
  for (const step of setting.steps) {
    if (step.role !== 'plain') continue
    const sentAt = instantOf(setting.clock)
    const exchange = await step.present(key.request, attempt.sending)
    if (exchange.kind === 'granted') {
      const { text, ttlMs, scope = key.request.scope ?? [] } = exchange.token
      // The store knows nothing of this token, so its generation must not pass for one of the store's.
      const generation = Math.max(key.seenGeneration, context.held?.generation ?? 0) + 1
      const sourced = attempt.sourced({ text, scope, generation }, attempt.leftMs(ttlMs, sentAt))
      markProcessLocal(sourced.value, key.seenGeneration)
      return sourced
    }
    last = failureOf(exchange)
    if (exchange.stops !== 'grant') break
  }
  throw attempt.spaced(last ?? new RefreshFailure('COFFER_TOKEN_CACHE_STORE_UNAVAILABLE'))
}
