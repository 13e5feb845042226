import type { Engine } from './engine.js'
import type { NodeCrypto } from './node-crypto.js'
import { lendSignature, lendSigned } from './token-bytes.js'

/** Verifies with the one-shot `crypto.verify`. */
export function createNodeEngine(crypto: NodeCrypto): Engine {
  return {
    sync: true,
    verify(signed, key, spec): boolean {
      const prepared = key.nodeKeys.get(spec)
      if (prepared === undefined) return false
      return crypto.verify(spec.hash, lendSigned(signed), prepared, lendSignature(signed))
    },
  }
}
