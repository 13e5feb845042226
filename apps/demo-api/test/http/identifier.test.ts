import { describe, expect, it } from 'vitest'
import { formatId, newId, newUuid, parseId } from '../../src/http/identifier.js'

const now = Date.UTC(2026, 0, 15, 12)

describe('an identifier', () => {
  it('is a UUIDv7 of its instant, and its text reads back', () => {
    for (let round = 0; round < 1000; round++) {
      const uuid = newUuid(now + round)
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(Number.parseInt(uuid.replace('-', '').slice(0, 12), 16)).toBe(now + round)
      expect(parseId('pay', formatId('pay', uuid))).toBe(uuid)
    }
  })

  it('is the number of its UUID in Crockford base32', () => {
    const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
    for (let round = 0; round < 200; round++) {
      const uuid = newUuid(now + round)
      const value = BigInt(`0x${uuid.replaceAll('-', '')}`)
      const digits = Array.from(
        { length: 26 },
        (_, place) => alphabet[Number((value >> BigInt(5 * (25 - place))) & 31n)],
      )
      expect(formatId('req', uuid)).toBe(`req_${digits.join('')}`)
    }
  })

  it('is never given twice', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newId('req', now))).size).toBe(10_000)
  })

  it('sorts by time as text', () => {
    const ids = [0, 1, 999, 1000, 86_400_000].map((later) => newId('req', now + later))
    expect([...ids].sort()).toEqual(ids)
  })

  it('of the largest and the least UUID reads back', () => {
    for (const uuid of ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']) {
      expect(parseId('cus', formatId('cus', uuid))).toBe(uuid)
    }
  })

  it('has one spelling: another prefix, case, letter or length is none', () => {
    const id = newId('pay', now)
    const bad = [
      id.toUpperCase(),
      id.replace('pay', 'cus'),
      `${id}0`,
      id.slice(0, -1),
      `${id.slice(0, -1)}u`,
      `pay_8${id.slice(5)}`,
      ` ${id}`,
      `${id}\n`,
      '',
    ]
    for (const text of bad) expect(parseId('pay', text)).toBeNull()
  })

  it('is made from a UUID in lower case only', () => {
    expect(() => formatId('pay', newUuid(now).toUpperCase())).toThrow(TypeError)
  })
})
