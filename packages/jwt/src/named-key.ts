import type { AlgorithmSpec } from './algorithms.js'
import { deservesFetch } from './claims.js'
import type { Clock } from './clock.js'
import type { ParsedToken } from './compact.js'
import { JwtError } from './errors.js'
import { type PreparedKey, selectKey } from './key-set.js'
import type { Policy } from './policy.js'

/** A token whose form is good and whose issuer is known. Nothing of it is authentic yet. */
export interface Candidate {
  readonly parsed: ParsedToken
  readonly policy: Policy
  readonly policyEpoch: number
  readonly spec: AlgorithmSpec
}

const noKid = 'the token has no kid, and there is not exactly one key of the issuer that fits'

/** The key that a token's header names; a promise where waiting may bring it. */
export function locateKey({ parsed, policy, spec }: Candidate, now: number): PreparedKey | Promise<void> {
  const { kid } = parsed.header
  if (kid === undefined && !policy.rules.allowMissing.has('kid')) {
    throw new JwtError('COFFER_JWT_KEY_UNKNOWN', { message: 'the token has no kid' })
  }
  const set = policy.keys.usable(now)
  if (set === undefined) throw policy.keys.refuse(now)
  const key = selectKey(set, kid, spec)
  if (typeof key !== 'string') return key
  if (key === 'COFFER_JWT_KEY_UNKNOWN' && kid !== undefined && deservesFetch(parsed.claims, policy, now)) {
    const fetching = policy.keys.loadUnknown(kid, now)
    if (fetching !== undefined) return fetching
  }
  throw kid === undefined ? new JwtError(key, { message: noKid }) : new JwtError(key)
}

/**
 * {@link locateKey}, which waits once for keys and once for an unknown one.
 *
 * @param fetching - The fetch for an unknown `kid` that has begun for this token.
 */
export async function awaitKey(
  candidate: Candidate,
  clock: Clock,
  fetching: Promise<void> | undefined,
): Promise<PreparedKey> {
  const { keys } = candidate.policy
  const now = clock.now()
  if (keys.usable(now) === undefined) await keys.load(now)
  const first = fetching ?? locateKey(candidate, clock.now())
  if (!(first instanceof Promise)) return first
  await first
  const second = locateKey(candidate, clock.now())
  if (second instanceof Promise) throw new JwtError('COFFER_JWT_KEY_UNKNOWN')
  return second
}
