import { FieldEncryptionError } from './errors.js'

const panPattern = /^[0-9]{12,19}$/

/** 12 to 19 digits, nothing else. */
export function isDigits(value: unknown): value is string {
  return typeof value === 'string' && panPattern.test(value)
}

/** The check digit of ISO/IEC 7812-1. */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 0x30
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

export function checkPan(pan: unknown): string {
  if (!isDigits(pan) || !passesLuhn(pan)) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_PAN_INVALID')
  return pan
}
