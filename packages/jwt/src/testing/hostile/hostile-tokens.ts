import { assertOptions, checkOneOf } from '../../check-options.js'
import type { FakeIssuer } from '../fake-issuer.js'
import { algorithmTokens } from './algorithms.js'
import { boundTokens } from './bound.js'
import { claimTokens } from './claims.js'
import { encodingTokens } from './encoding.js'
import { createForge, type Forge, type HostileToken } from './forge.js'
import { formTokens } from './form.js'
import { headerTokens } from './headers.js'
import { jsonTokens } from './json.js'
import { keyTokens } from './keys.js'
import { limitTokens } from './limits.js'
import { signatureTokens } from './signatures.js'
import { timeTokens } from './times.js'

/** Which hostile tokens are made. */
export interface HostilePolicy {
  /** `bearer`: those that can travel in an `Authorization` header. `all`: also the others. Default: `bearer`. */
  readonly include?: 'bearer' | 'all'
}

const classes: Readonly<Record<string, (forge: Forge) => Promise<readonly HostileToken[]>>> = {
  algorithm: algorithmTokens,
  form: formTokens,
  encoding: encodingTokens,
  json: jsonTokens,
  header: headerTokens,
  signature: signatureTokens,
  key: keyTokens,
  claim: claimTokens,
  time: timeTokens,
  bound: boundTokens,
  limit: limitTokens,
}

/**
 * Tokens that no middleware may accept, aimed at one that trusts a fake issuer: each is to be answered with 401. Most
 * are signed by the issuer's own key, so that only the guard in question can refuse them.
 *
 * Adds keys that must not be used to the issuer's document. Let the middleware trust `issuer.issuer`, `issuer.audience`
 * and `issuer.keys()`, and see it take `await issuer.token()` first: one that trusts another issuer refuses everything.
 *
 * @example
 * const issuer = await fakeIssuer()
 * expect(await statusOf(await issuer.token())).toBe(200)
 * for (const { id, token } of await hostileTokens(issuer)) expect(await statusOf(token), id).toBe(401)
 */
export async function hostileTokens(issuer: FakeIssuer, policy: HostilePolicy = {}): Promise<readonly HostileToken[]> {
  assertOptions(policy, 'hostileTokens', ['include'])
  const include = checkOneOf(policy.include ?? 'bearer', 'include', ['bearer', 'all'])
  const forge = await createForge(issuer)
  const made: HostileToken[] = []
  for (const [name, make] of Object.entries(classes)) {
    for (const token of await make(forge)) made.push(Object.freeze({ ...token, id: `${name}: ${token.id}` }))
  }
  return include === 'all' ? made : made.filter((token) => token.isBearer)
}
