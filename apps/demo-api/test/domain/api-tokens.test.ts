import { describe, expect, test } from 'vitest'
import { formatApiToken, hashApiToken, isApiToken } from '../../src/auth/api-tokens.js'
import { readBasicCredentials } from '../../src/auth/basic-credentials.js'

describe('API tokens', () => {
  test('have one form: mode, 43 characters, 6 of checksum', () => {
    for (const secret of [new Uint8Array(32), new Uint8Array(32).fill(255)]) {
      const token = formatApiToken('test', secret)
      expect(token).toMatch(/^fc_test_[0-9A-Za-z]{49}$/)
      expect(isApiToken(token)).toBe(true)
    }
    expect(formatApiToken('live')).toMatch(/^fc_live_/)
    expect(() => formatApiToken('test', new Uint8Array(31))).toThrow(RangeError)
  })

  test('with any one character changed are refused by form', () => {
    const token = formatApiToken('test', new Uint8Array(32).fill(7))
    for (let index = 0; index < token.length; index += 1) {
      const other = token.charAt(index) === 'x' ? 'y' : 'x'
      expect(isApiToken(token.slice(0, index) + other + token.slice(index + 1))).toBe(false)
    }
    for (const text of ['', token.slice(1), `${token} `, token.replace('test', 'demo')])
      expect(isApiToken(text)).toBe(false)
  })

  test('are stored as SHA-256', () => {
    expect(hashApiToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('Basic credentials', () => {
  const encode = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  test('are form-decoded on both sides of the first colon', () => {
    expect(readBasicCredentials(encode('tok%3A1:a+b%2Bc:d'))).toEqual({ tokenId: 'tok:1', apiToken: 'a b+c:d' })
    expect(readBasicCredentials('bAsIc YTpi')).toEqual({ tokenId: 'a', apiToken: 'b' })
  })
  test.each([
    undefined,
    '',
    'Basic',
    'Bearer YTpi',
    'Basic  YTpi',
    'Basic YTpi YTpi',
    encode('no-colon'),
    encode(':x'),
    encode('a:%zz'),
  ])('%s is none', (header) => expect(readBasicCredentials(header)).toBeNull())
})
