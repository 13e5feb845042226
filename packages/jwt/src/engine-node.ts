import { asciiBytes } from './base64url.js'
import type { Engine } from './engine.js'
import type { NodeCrypto } from './node-crypto.js'

/** Verifies with the one-shot `crypto.verify`. */
export function createNodeEngine(crypto: NodeCrypto): Engine {
  return {
    sync: true,
    verify(signed, key, spec): boolean {
      const prepared = key.nodeKeys.get(spec)
      if (prepared === undefined) return false
      return crypto.verify(
        spec.hash,
        asciiBytes(signed.token.slice(0, signed.signedLength)),
        prepared,
        signed.signature,
      )
    },
  }
}
