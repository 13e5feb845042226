import { createPrimitives } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'

const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe.each(['node', 'noble', 'webcrypto'] as const)('RFC 4231 §4 HMAC-SHA-512 on %s', (backend) => {
  const cases = [
    [
      '0b'.repeat(20),
      Buffer.from('Hi There').toString('hex'),
      '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
    ],
    [
      Buffer.from('Jefe').toString('hex'),
      Buffer.from('what do ya want for nothing?').toString('hex'),
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    ],
    [
      'aa'.repeat(20),
      'dd'.repeat(50),
      'fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb',
    ],
    [
      'aa'.repeat(131),
      Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First').toString('hex'),
      '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
    ],
  ] as const

  test.each(cases.map(([key, input, tag], i) => [i + 1, key, input, tag] as const))(
    'case %i',
    async (_i, key, input, tag) => {
      expect(hex(await createPrimitives(backend).hmacSha512(unhex(key), unhex(input)))).toBe(tag)
    },
  )

  test('a long input is the same as the sum of its parts', async () => {
    const primitives = createPrimitives(backend)
    for (const length of [0, 1, 111, 112, 127, 128, 129, 2047, 2048, 2049, 70_000]) {
      const input = new Uint8Array(length).fill(0x61)
      expect(hex(await primitives.hmacSha512(unhex('01'.repeat(32)), input))).toBe(
        hex(await createPrimitives('noble').hmacSha512(unhex('01'.repeat(32)), input)),
      )
    }
  })
})

describe.each(['node', 'noble'] as const)('key wrap on %s', (backend) => {
  const { kw, kwp } = createPrimitives(backend)

  test('RFC 3394 §4.6: 256 bits of key data under a 256-bit KEK', () => {
    const kek = unhex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
    const data = unhex('00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f')
    const wrapped = '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21'
    expect(hex(kw?.wrap(kek, data) ?? null)).toBe(wrapped)
    expect(hex(kw?.unwrap(kek, unhex(wrapped)) ?? null)).toBe(hex(data))
  })

  test.each([
    ['c37b7e6492584340bed12207808941155068f738', '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a'],
    ['466f7250617369', 'afbeb0f07dfbf5419200f2ccb50bb24f'],
  ])('RFC 5649 §6: key data %s', (data, wrapped) => {
    const kek = unhex('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8')
    expect(hex(kwp?.wrap(kek, unhex(data)) ?? null)).toBe(wrapped)
    expect(hex(kwp?.unwrap(kek, unhex(wrapped)) ?? null)).toBe(data)
  })
})

describe("NIST's FF1 samples of radix 10", () => {
  const { ff1Encrypt, ff1Decrypt } = createPrimitives('noble')
  const key = '2b7e151628aed2a6abf7158809cf4f3c'
  const key192 = `${key}ef4359d8d580aa4f`
  const key256 = `${key192}7f036d6f04fc6a94`

  test.each([
    [1, key, '', '0123456789', '2433477484'],
    [2, key, '39383736353433323130', '0123456789', '6124200773'],
    [4, key192, '', '0123456789', '2830668132'],
    [5, key192, '39383736353433323130', '0123456789', '2496655549'],
    [7, key256, '', '0123456789', '6657667009'],
    [8, key256, '39383736353433323130', '0123456789', '1001623463'],
  ] as const)('sample %i', (_sample, secret, tweak, plain, token) => {
    const digits = (text: string) => Array.from(text, Number)
    expect(ff1Encrypt(unhex(secret), unhex(tweak), digits(plain)).join('')).toBe(token)
    expect(ff1Decrypt(unhex(secret), unhex(tweak), digits(token)).join('')).toBe(plain)
  })
})
