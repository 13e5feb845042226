import type { AlgorithmSpec } from './algorithms.js'
import { hasSmallOrderR } from './curves.js'
import type { PreparedKey } from './key-set.js'
import { lendSignature, type SignedText } from './token-bytes.js'

/**
 * The signature primitive, and nothing else: form, header, claims and errors are shared code, so two engines can only
 * differ in whether a signature verifies. Lengths and weak points have been judged before.
 */
export type Engine =
  | { readonly sync: true; verify(signed: SignedText, key: PreparedKey, spec: AlgorithmSpec): boolean }
  | { readonly sync: false; verify(signed: SignedText, key: PreparedKey, spec: AlgorithmSpec): Promise<boolean> }

/** Whether a signature has its exact length, and no point of small order, which runtimes judge differently. */
export function isFitting(signed: SignedText, key: PreparedKey): boolean {
  const signature = lendSignature(signed)
  return signature.length === key.signatureBytes && !(key.jwk.kty === 'OKP' && hasSmallOrderR(signature))
}
