import { describe, expect, test } from 'vitest'
import { holdsCardNumber } from '../../src/cards/free-text-scan.js'
import { brandOf, passesLuhn } from '../../src/cards/pan.js'
import { testCardNumbers } from '../../src/seed/test-cards.js'

describe('card numbers', () => {
  test('are known by brand, length and Luhn', () => {
    expect(testCardNumbers.map(brandOf)).not.toContain(null)
    expect(brandOf('5061990100000000003')).toBe(passesLuhn('5061990100000000003') ? 'verve' : null)
    for (const text of ['', '4242', '42424242424242424242', '4242424242424241', 'x242424242424242']) {
      expect(brandOf(text)).toBeNull()
    }
  })

  test('one changed digit fails Luhn', () => {
    for (const number of testCardNumbers) {
      for (let index = 0; index < number.length; index += 1) {
        const digit = (Number(number[index]) + 1) % 10
        expect(passesLuhn(number.slice(0, index) + digit + number.slice(index + 1))).toBe(false)
      }
    }
  })

  test('are found in text whatever stands between their groups, and plain figures are not', () => {
    for (const number of testCardNumbers) {
      const spaced = number.replace(/(.{4})/g, '$1 ')
      for (const text of [
        number,
        spaced,
        `pay ${number} now`,
        spaced.replaceAll(' ', '\u00a0'),
        spaced.replaceAll(' ', ' - '),
      ]) {
        expect(holdsCardNumber(text)).toBe(true)
      }
    }
    for (const text of [
      '',
      'Invoice 1042',
      'on 2026-01-12',
      '+447700900123',
      'A4242424242B42424242',
      '4242 4242 4242',
    ]) {
      expect(holdsCardNumber(text)).toBe(false)
    }
  })
})
