/**
 * Card numbers: masks, format-preserving tokens and a keyed hash.
 *
 * @module
 */
import { checkOneOf, checkOptions } from './options.js'
import { checkPan } from './pan-digits.js'

export {
  createPanTokenizer,
  type PanContext,
  type PanKeep,
  type PanTokenizer,
  type PanTokenizerOptions,
} from './pan-token.js'

/**
 * The PAN with stars in place of the hidden digits. The most that may be shown is BIN and last four (PCI DSS 3.4.1).
 *
 * @param pan - 12 to 19 digits passing Luhn.
 * @param options - `show`: default `'last4'`; `'bin6-last4'` needs 14 digits, `'bin8-last4'` 16: shorter PANs show the last four.
 * @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_PAN_INVALID`
 */
export function maskPan(pan: string, options: { readonly show?: 'last4' | 'bin6-last4' | 'bin8-last4' } = {}): string {
  checkOptions('maskPan', options, ['show'])
  const show = checkOneOf('show', options.show ?? 'last4', ['last4', 'bin6-last4', 'bin8-last4'])
  const digits = checkPan(pan)
  const wanted = { last4: 0, 'bin6-last4': 6, 'bin8-last4': 8 }[show]
  // At least four digits stay hidden.
  const prefix = digits.length >= wanted + 8 ? wanted : 0
  return digits.slice(0, prefix) + '*'.repeat(digits.length - prefix - 4) + digits.slice(-4)
}
