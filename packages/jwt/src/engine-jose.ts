import { compactVerify, errors } from 'jose'
import type { Engine } from './engine.js'
import { joseKeyFor } from './key-set.js'

/** Verifies with jose, which is Web Crypto on every runtime. */
export const joseEngine: Engine = {
  sync: false,
  async verify(signed, key, spec): Promise<boolean> {
    const prepared = await joseKeyFor(key, spec)
    try {
      // The key decides the algorithm; `algorithms` holds jose to the same one under either of its names.
      await compactVerify(signed.token, prepared, {
        algorithms: spec.name === 'Ed25519' ? ['Ed25519', 'EdDSA'] : [spec.name],
      })
      return true
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return false
      throw error
    }
  },
}
