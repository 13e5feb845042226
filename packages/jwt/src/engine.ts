import type { AlgorithmSpec } from './algorithms.js'
import { hasSmallOrderR } from './curves.js'
import type { PreparedKey } from './key-set.js'

/** A token as the signature primitive sees it. */
export interface SignedText {
  /** The compact serialisation; its first `signedLength` characters are what is signed. */
  readonly token: string
  readonly signedLength: number
  readonly signature: Uint8Array
}

/**
 * The signature primitive, and nothing else: form, header, claims and errors are shared code, so two engines can only
 * differ in whether a signature verifies. Lengths and weak points have been judged before.
 */
export type Engine =
  | { readonly sync: true; verify(signed: SignedText, key: PreparedKey, spec: AlgorithmSpec): boolean }
  | { readonly sync: false; verify(signed: SignedText, key: PreparedKey, spec: AlgorithmSpec): Promise<boolean> }

/** Whether a signature has its exact length, and no point of small order, which runtimes judge differently. */
export function isFitting(signature: Uint8Array, key: PreparedKey): boolean {
  return signature.length === key.signatureBytes && !(key.jwk.kty === 'OKP' && hasSmallOrderR(signature))
}
