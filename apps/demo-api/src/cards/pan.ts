import type { CardBrand } from '../db/schema.js'

interface Range {
  readonly brand: CardBrand
  readonly from: number
  readonly to: number
  readonly lengths: readonly number[]
}

/** Issuer identification ranges over the first six digits, and the lengths each brand issues. */
const ranges: readonly Range[] = [
  { brand: 'verve', from: 506_099, to: 506_198, lengths: [16, 18, 19] },
  { brand: 'verve', from: 650_002, to: 650_027, lengths: [16, 18, 19] },
  { brand: 'visa', from: 400_000, to: 499_999, lengths: [13, 16, 19] },
  { brand: 'mastercard', from: 510_000, to: 559_999, lengths: [16] },
  { brand: 'mastercard', from: 222_100, to: 272_099, lengths: [16] },
  { brand: 'amex', from: 340_000, to: 349_999, lengths: [15] },
  { brand: 'amex', from: 370_000, to: 379_999, lengths: [15] },
  { brand: 'discover', from: 601_100, to: 601_199, lengths: [16, 17, 18, 19] },
  { brand: 'discover', from: 644_000, to: 659_999, lengths: [16, 17, 18, 19] },
]

/** The mod-10 check of ISO/IEC 7812-1 Annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    sum += index % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
  }
  return sum % 10 === 0
}

/** The brand of a card number of 12 to 19 digits; `null` for one that fails Luhn or that no known brand issues. */
export function brandOf(pan: string): CardBrand | null {
  if (!/^[0-9]{12,19}$/.test(pan) || !passesLuhn(pan)) return null
  const bin = Number(pan.slice(0, 6))
  return ranges.find(({ from, to, lengths }) => bin >= from && bin <= to && lengths.includes(pan.length))?.brand ?? null
}
