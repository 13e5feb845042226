import { describe, expect, test } from 'vitest'
import { readHeader } from '../src/header.js'
import { codeOf } from './support.js'

const refused = 'crit jku jwk x5u x5c b64 zip cty enc epk apu apv iv tag p2s p2c'.split(' ')

describe('a header', () => {
  test('of alg, kid and typ is read as it is', () => {
    expect(readHeader({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })).toEqual({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })
  })
  test.each(refused)('with the member %s is refused, whatever its value', (name) => {
    for (const value of [null, '', 'x', 0, false, [], {}])
      expect(codeOf(() => readHeader({ alg: 'ES256', [name]: value }))).toBe('COFFER_JWT_HEADER_REFUSED')
  })
  test('with members that nobody knows is read without them', () => {
    expect(readHeader({ alg: 'ES256', x5t: 'A', nonce: 1, 'x5t#S256': 'B', '': null, cri: [], jk: '' })).toEqual({
      alg: 'ES256',
      kid: undefined,
      typ: 'absent',
    })
  })
  test.each([undefined, null, 1, ['ES256'], {}, true])('with %j for alg has none', (alg) => {
    expect(readHeader(alg === undefined ? {} : { alg }).alg).toBeUndefined()
  })
})

describe('a kid', () => {
  test('may be absent', () => {
    expect(readHeader({}).kid).toBeUndefined()
  })
  test('has 1 to 256 characters', () => {
    expect(readHeader({ kid: 'k' }).kid).toBe('k')
    expect(readHeader({ kid: 'k'.repeat(256) }).kid).toHaveLength(256)
    for (const kid of ['', 'k'.repeat(257)]) expect(codeOf(() => readHeader({ kid }))).toBe('COFFER_JWT_HEADER_REFUSED')
  })
  test.each([null, 1, true, ['k'], { length: 1 }])('that is no text is refused: %j', (kid) => {
    expect(codeOf(() => readHeader({ kid }))).toBe('COFFER_JWT_HEADER_REFUSED')
  })
})

describe('a typ', () => {
  test.each([
    ['at+jwt', 'at+jwt'],
    ['AT+JWT', 'at+jwt'],
    ['application/at+jwt', 'at+jwt'],
    ['Application/At+Jwt', 'at+jwt'],
    ['JWT', 'JWT'],
    ['jwt', 'JWT'],
    ['application/jwt', 'JWT'],
    ['', undefined],
    ['at+jwt ', undefined],
    ['text/at+jwt', undefined],
    ['logout+jwt', undefined],
    ['id_token+jwt', undefined],
    ['absent', undefined],
    [null, undefined],
    [1, undefined],
    [['at+jwt'], undefined],
  ])('of %j is read as %j', (typ, expected) => {
    expect(readHeader({ typ }).typ).toBe(expected)
  })
  test('that is not there is absent', () => {
    expect(readHeader({}).typ).toBe('absent')
  })
})
