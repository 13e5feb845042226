import { JwtError } from './errors.js'
import { type KeySet, readKeySet } from './key-set.js'
import { type KeySource, keySource } from './key-source.js'

/** Most keys that a JWKS may list. */
export const maxKeysLimit = 64

/**
 * A key source of public keys that the caller already has. They never change and never expire: a key that is to be
 * dropped goes by `replaceIssuers`.
 *
 * @param jwks - A JWK Set (RFC 7517 §5) of public keys, at most 64. Keys that may not verify are ignored.
 * @throws {JwtError} `COFFER_JWT_KEYS_INVALID`: secret material, a `kid` twice, or no usable key.
 * @example
 * const keys = staticKeys({ keys: [publicJwk] })
 */
export function staticKeys(jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }): KeySource {
  const read = readKeySet(jwks, maxKeysLimit)
  if (typeof read === 'string')
    throw new JwtError('COFFER_JWT_KEYS_INVALID', { message: `the JWKS is refused: ${read}` })
  const set: KeySet = read.set
  return Object.freeze({
    [keySource]: {
      usable: () => set,
      usableUntil: () => Number.POSITIVE_INFINITY,
      refuse: () => new JwtError('COFFER_JWT_KEYS_NOT_READY'),
      load: () => Promise.resolve(),
      loadUnknown: () => undefined,
    },
  })
}
