import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/network/address.js'
import { createNetworkAllowlist, parseNetwork } from '../../src/network/allowlist.js'

describe('networks', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0:0::/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['::1', '::1/128'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:a00:1', '10.0.0.1/32'],
    ['0:0:0:0:0:ffff:192.0.2.0/120', '192.0.2.0/24'],
  ])('%s is %s', (text, canonical) => expect(parseNetwork(text)?.text).toBe(canonical))

  test.each([
    '',
    ' ',
    '10.0.0.5/24',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '0x0a.0.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0 /8',
    '[::1]',
    '::1%lo',
    '2001:db8::1/32',
    '::/129',
    '::ffff:10.0.0.0/95',
    '::ffff:10.0.0.1/104',
    'example.com',
    '1'.repeat(64),
  ])('%j is no network', (text) => expect(parseNetwork(text)).toBeNull())

  test('an address is admitted in every spelling of it, by the longest rule, and what is none never is', () => {
    const list = createNetworkAllowlist(['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32'])
    for (const text of ['10.1.2.3', '::ffff:10.1.2.3', '::FFFF:a01:203', '0:0:0:0:0:ffff:a01:203']) {
      expect(list.check(text)).toEqual({ allowed: true, rule: '10.1.0.0/16' })
    }
    expect(list.check('10.2.0.1')).toEqual({ allowed: true, rule: '10.0.0.0/8' })
    expect(list.check('2001:db8:ffff::1').allowed).toBe(true)
    for (const text of [
      '11.0.0.0',
      '9.255.255.255',
      '2001:db9::',
      '',
      '10.1.2',
      '10.1.2.3/32',
      '::10.1.2.3',
      '64:ff9b::10.1.2.3',
    ]) {
      expect(list.check(text)).toEqual({ allowed: false, rule: null })
    }
    expect(createNetworkAllowlist([]).check('10.0.0.1').allowed).toBe(false)
    expect(() => createNetworkAllowlist(['nonsense'])).toThrow(TypeError)
  })

  test('agrees with comparing bits one by one', () => {
    const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (network, prefix, address) => {
        const kept = bits(parseAddress(network)?.bytes ?? new Uint8Array(4))
          .slice(0, prefix)
          .padEnd(32, '0')
        const text = [0, 8, 16, 24].map((from) => Number.parseInt(kept.slice(from, from + 8), 2)).join('.')
        const list = createNetworkAllowlist([`${text}/${prefix}`])
        const inside = bits(parseAddress(address)?.bytes ?? new Uint8Array(4)).startsWith(kept.slice(0, prefix))
        expect(list.check(address).allowed).toBe(inside)
        expect(list.check(`::ffff:${address}`).allowed).toBe(inside)
      }),
    )
  })
})
