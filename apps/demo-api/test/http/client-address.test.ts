import { describe, expect, it } from 'vitest'
import { clientAddress, networkKey } from '../../src/http/client-address.js'

describe('a client address', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9', '203.0.113.0/24', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9', '203.0.113.0/24', '203.0.113.9'],
    ['2001:db8:7:1::5', '2001:db8:7:1::5', '2001:db8:7::/48', '2001:db8:7:1::/64'],
    [
      '2001:0db8:0007:0001:0000:0000:0000:0005',
      '2001:0db8:0007:0001:0000:0000:0000:0005',
      '2001:db8:7::/48',
      '2001:db8:7:1::/64',
    ],
    ['::1', '::1', '0:0:0::/48', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80::1', 'fe80:0:0::/48', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.1', '64:ff9b:0::/48', '64:ff9b:0:0::/64'],
  ])('%s is %s, logged as %s, counted as %s', (peer, text, network, limitKey) => {
    expect(clientAddress(peer)).toEqual({ text, network, limitKey })
  })

  it.each([undefined, '', 'unknown', '1.2.3', '10.0.0.1, 10.0.0.2'])('%j is none', (peer) => {
    expect(() => clientAddress(peer)).toThrow(expect.objectContaining({ code: 'address-invalid' }))
    expect(networkKey(peer)).toBe('unknown')
  })
})
