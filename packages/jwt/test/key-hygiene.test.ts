import { randomBytes } from 'node:crypto'
import { staticKeys } from '@coffer/jwt'
import { describe, expect, test } from 'vitest'
import { hasSmallOrderR, isEd25519PublicKey } from '../src/curves.js'
import { isSecretKey, judgeKey } from '../src/key-hygiene.js'
import { hasRocaFingerprint } from '../src/roca.js'
import { codeOf, encode, testKey } from './support.js'

const ec = testKey('ES256').jwk
const ed = testKey('Ed25519').jwk
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
/** A number as the fewest bytes. */
const uint = (value: bigint): string => {
  const hex = value.toString(16)
  return encode(bytes(hex.padStart(hex.length + (hex.length % 2), '0')))
}
/** A modulus by its length alone, which is all that is judged of it besides its last bit and its fingerprint. */
const rsaOf = (bits: number) => {
  const random = BigInt(`0x${randomBytes(Math.ceil(bits / 8) + 8).toString('hex')}`)
  return { kty: 'RSA', n: uint((random % 2n ** BigInt(bits - 1)) | (2n ** BigInt(bits - 1)) | 1n), e: 'AQAB' }
}
const rsa = { ...rsaOf(2_048), kid: 'RS256-1', use: 'sig' }
const n = (jwk: object): string => String(Object.getOwnPropertyDescriptor(jwk, 'n')?.value)
const number = (part: string): bigint => BigInt(`0x${Buffer.from(part, 'base64url').toString('hex')}`)

describe('an RSA key', () => {
  test('of 2048 bits is fit, and one bit less is not', () => {
    expect(judgeKey(rsa)).toMatchObject({ signatureBytes: 256 })
    expect(judgeKey(rsaOf(2_047))).toBe('rsa')
    expect(judgeKey(rsaOf(1_024))).toBe('rsa')
  })
  test('of 8192 bits is fit, and one bit more is not', () => {
    expect(judgeKey({ kty: 'RSA', n: uint(2n ** 8_191n + 1n), e: 'AQAB' })).toMatchObject({ signatureBytes: 1_024 })
    expect(judgeKey({ kty: 'RSA', n: uint(2n ** 8_192n + 1n), e: 'AQAB' })).toBe('rsa')
  })
  test.each([
    [3n, false],
    [65_535n, false],
    [65_536n, false],
    [65_537n, true],
    [65_539n, true],
    [2n ** 32n - 1n, true],
    [2n ** 32n, false],
    [2n ** 32n + 1n, false],
  ])('with e = %s: fit is %s', (e, isFit) => {
    expect(typeof judgeKey({ ...rsa, e: uint(e) }) !== 'string').toBe(isFit)
  })
  test('with an even modulus, a leading zero, padding or no text is not', () => {
    expect(judgeKey({ ...rsa, n: uint(number(n(rsa)) + 1n) })).toBe('rsa')
    expect(judgeKey({ ...rsa, n: encode(bytes(`00${Buffer.from(n(rsa), 'base64url').toString('hex')}`)) })).toBe('rsa')
    expect(judgeKey({ ...rsa, e: 'AAEAAQ' })).toBe('rsa')
    for (const bad of [`${n(rsa)}=`, '', 1, null]) expect(judgeKey({ ...rsa, n: bad })).toBe('rsa')
  })
  test('with the ROCA fingerprint is not, and one made at random has it not', () => {
    const primorial = [
      2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
      109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ].reduce((product, prime) => product * BigInt(prime), 1n)
    const modulus = (2n ** 2_047n / primorial + 1n) * primorial + (65_537n ** 12_345n % primorial)
    expect(hasRocaFingerprint(modulus)).toBe(true)
    expect(judgeKey({ kty: 'RSA', n: uint(modulus % 2n === 1n ? modulus : modulus + primorial), e: 'AQAB' })).toBe(
      'rsa',
    )
    expect(hasRocaFingerprint(number(n(rsa)))).toBe(false)
  })
})

describe('an EC key', () => {
  test.each(['ES256', 'ES384', 'ES512'] as const)('for %s is fit, off the curve it is not', (algorithm) => {
    const { jwk } = testKey(algorithm)
    const signatureBytes = { ES256: 64, ES384: 96, ES512: 132 }[algorithm]
    expect(judgeKey(jwk)).toMatchObject({ specs: [{ name: algorithm }], signatureBytes })
    const { x, y } = jwk
    expect(judgeKey({ ...jwk, x: y, y: x })).toBe('point')
    expect(judgeKey({ ...jwk, y: encode(new Uint8Array(Buffer.from(String(y), 'base64url').length)) })).toBe('point')
  })
  test('with a short, long or missing coordinate, or on another curve, is not', () => {
    const x = String(Object.getOwnPropertyDescriptor(ec, 'x')?.value)
    for (const bad of [x.slice(4), `AAAA${x}`, `${x}=`, '', undefined, 1]) {
      expect(judgeKey({ ...ec, x: bad })).toBe('point')
      expect(judgeKey({ ...ec, y: bad })).toBe('point')
    }
    for (const crv of ['secp256k1', 'Ed25519', '', undefined, 1]) expect(judgeKey({ ...ec, crv })).toBe('crv')
    for (const crv of ['P-384', 'P-521']) expect(judgeKey({ ...ec, crv })).toBe('point')
  })
})

describe('an Ed25519 key', () => {
  const small = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ]
  test('is fit, and none of small order is, with either sign', () => {
    expect(judgeKey(ed)).toMatchObject({ signatureBytes: 64 })
    for (const hex of small) {
      const point = bytes(hex)
      expect(isEd25519PublicKey(point)).toBe(false)
      expect(hasSmallOrderR(Uint8Array.from([...point, ...point]))).toBe(true)
      point[31] = (point[31] ?? 0) | 0x80
      expect(isEd25519PublicKey(point)).toBe(false)
      expect(hasSmallOrderR(Uint8Array.from([...point, ...point]))).toBe(true)
    }
  })
  test('in an encoding that is not canonical, off the curve, or of another length is not', () => {
    for (const hex of [
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    ]) {
      expect(isEd25519PublicKey(bytes(hex))).toBe(false)
    }
    expect(isEd25519PublicKey(bytes('0200000000000000000000000000000000000000000000000000000000000000'))).toBe(false)
    expect(isEd25519PublicKey(new Uint8Array(31))).toBe(false)
  })
})

describe('what is wrong with a key is told by the first fault', () => {
  test.each<['ec' | 'ed' | 'rsa', object, string]>([
    ['ec', { kid: '' }, 'kid'],
    ['ec', { kid: 'k'.repeat(257), use: 'enc' }, 'kid'],
    ['ec', { use: 'enc', key_ops: [] }, 'use'],
    ['ec', { key_ops: ['sign'], kty: 'XYZ' }, 'key_ops'],
    ['ec', { kty: 'XYZ', alg: 'none' }, 'kty'],
    ['ec', { kty: undefined }, 'kty'],
    ['ed', { crv: 'X25519' }, 'crv'],
    ['ed', { crv: undefined }, 'crv'],
    ['ed', { crv: 'Ed448', x: 'A'.repeat(76) }, 'crv'],
    ['ed', { x: undefined }, 'point'],
    ['ed', { x: 1 }, 'point'],
    ['ed', { x: 'A'.repeat(43) }, 'point'],
    ['ed', { x: 'A'.repeat(44) }, 'point'],
    ['ed', { x: '!' }, 'point'],
    ['ec', { alg: 'HS256' }, 'alg'],
    ['ec', { alg: 1 }, 'alg'],
    ['ec', { alg: 'ES384' }, 'alg'],
    ['rsa', { alg: 'ES256' }, 'alg'],
    ['rsa', { e: '' }, 'rsa'],
    ['rsa', { e: 1 }, 'rsa'],
    ['rsa', { n: undefined }, 'rsa'],
  ])('%#: of %s, %j', (kind, change, fault) => {
    expect(judgeKey({ ...{ ec, ed, rsa }[kind], ...change })).toBe(fault)
  })
  test('and a kid of 256 characters is none', () => {
    expect(judgeKey({ ...ec, kid: 'k'.repeat(256) })).toMatchObject({ kid: 'k'.repeat(256) })
  })
  test('and a key without alg fits every algorithm of its kind, one with alg that one alone', () => {
    const names = (jwk: object) => {
      const fit = judgeKey({ ...jwk })
      return typeof fit === 'string' ? fit : fit.specs.map((spec) => spec.name)
    }
    expect(names(rsa)).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
    expect(names({ ...rsa, alg: 'PS384' })).toEqual(['PS384'])
    expect(names(ed)).toEqual(['Ed25519'])
    expect(names({ ...ed, alg: 'EdDSA' })).toEqual(['Ed25519'])
  })
})

describe('a key is secret', () => {
  test('by its type, or by any member of a private one', () => {
    expect(isSecretKey({ kty: 'oct' })).toBe(true)
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])
      for (const value of ['AA', '', null, undefined]) expect(isSecretKey({ ...ec, [name]: value })).toBe(true)
    for (const jwk of [ec, ed, rsa, {}]) expect(isSecretKey(jwk)).toBe(false)
  })
})

describe('a key that says what it is for', () => {
  test.each([
    [{ use: 'sig' }, true],
    [{ use: 'enc' }, false],
    [{ use: null }, false],
    [{ key_ops: ['verify'] }, true],
    [{ key_ops: ['sign', 'verify'] }, true],
    [{ key_ops: ['sign'] }, false],
    [{ key_ops: 'verify' }, false],
    [{ alg: 'ES256' }, true],
    [{ alg: 'ES384' }, false],
    [{ alg: 'RS256' }, false],
    [{ alg: 'HS256' }, false],
    [{ alg: 1 }, false],
    [{ kid: '' }, false],
    [{ kid: 1 }, false],
    [{ kid: 'k'.repeat(257) }, false],
  ])('%j: fit is %s', (members, isFit) => {
    expect(typeof judgeKey({ ...ec, use: undefined, ...members }) !== 'string').toBe(isFit)
  })
})

describe('a JWKS', () => {
  const refused = (document: unknown) => codeOf(() => staticKeys(document as never))
  test.each([
    ['a private key', { keys: [ec, { ...rsa, d: 'AA' }] }],
    ['a secret key', { keys: [ec, { kty: 'oct', k: 'AA' }] }],
    ['a secret member of any kind', { keys: [{ ...ec, k: 'AA' }] }],
    [
      'one kid twice',
      {
        keys: [
          { ...ec, kid: 'k' },
          { ...rsa, kid: 'k' },
        ],
      },
    ],
    ['no key', { keys: [] }],
    ['no usable key', { keys: [{ ...ec, use: 'enc' }] }],
    ['65 keys', { keys: Array.from({ length: 65 }, (_, i) => ({ ...ec, kid: `${i}` })) }],
    ['no list', { keys: ec }],
    ['a key that is no object', { keys: [ec, null] }],
    ['nothing', {}],
  ])('with %s is refused whole', (_, document) => {
    expect(refused(document)).toBe('COFFER_JWT_KEYS_INVALID')
  })
  test('of 64 keys, with some that are not usable, is taken', () => {
    const keys = Array.from({ length: 63 }, (_, i) => ({ ...ec, kid: `${i}` }))
    expect(() => staticKeys({ keys: [...keys, { kty: 'OKP', crv: 'X25519', x: 'AA' }] })).not.toThrow()
  })
})
