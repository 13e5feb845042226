import type { Exchange, Refusal } from './exchange.js'
import type { Snapshot } from './store.js'
import type { Rotation } from './token-endpoint.js'

/** Which attempt this would be; undefined: the token is spent, or may be, and is not sent. */
export function attemptFor(rotation: Rotation, { intent }: Snapshot, digest: string): 1 | 2 | undefined {
  if (intent?.digest !== digest) return 1
  if (intent.dead || intent.attempt === 2 || rotation === 'strict') return undefined
  if (typeof rotation === 'object' && intent.ageMs >= rotation.graceMs) return undefined
  return 2
}

/** What an outcome says about the refresh token that was sent. */
export function intentAfter(rotation: Rotation, attempt: 1 | 2, { sent }: Refusal): 'keep' | 'clear' | 'dead' {
  if (sent === 'dead') return 'dead'
  // A second attempt that was not processed does not tell what became of the first; only an issuer that forgives
  // until the successor is used makes that harmless.
  if (sent === 'kept') return attempt === 2 && rotation !== 'until-used' ? 'keep' : 'clear'
  return 'keep'
}

/** Whether the issuer said that the refresh token is dead. */
export function isDead(exchange: Exchange): boolean {
  return exchange.kind === 'refused' && exchange.sent === 'dead'
}
