import { Problem } from '../http/problem.js'
import { passesLuhn } from './pan.js'

const longestPan = 19
const shortestPan = 13

/**
 * Whether a text holds what may be a card number (PCI DSS 3.4.1): groups of digits that make 13 to 19 digits passing
 * Luhn, whatever stands between the groups but letters. Full-width digits count.
 */
export function holdsCardNumber(text: string): boolean {
  return text
    .normalize('NFKC')
    .split(/\p{L}+/u)
    .some((run) => groupsHoldCardNumber(run.match(/[0-9]+/g) ?? []))
}

function groupsHoldCardNumber(groups: readonly string[]): boolean {
  return groups.some((_group, start) => {
    let digits = ''
    for (const group of groups.slice(start)) {
      digits += group
      if (digits.length > longestPan) return false
      if (digits.length >= shortestPan && passesLuhn(digits)) return true
    }
    return false
  })
}

/** @throws {Problem} `cardholder-data-in-text` */
export function refuseCardNumbers(...texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => typeof text === 'string' && holdsCardNumber(text))) {
    throw new Problem('cardholder-data-in-text')
  }
}
