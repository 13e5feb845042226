import { expect, test } from 'vitest'
import { encode, fromBase64url, toBase64url } from '../src/base64url.js'

test('the portable encoder writes what the native one writes, and both come back', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff)
    expect(encode(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
    expect(toBase64url(bytes)).toBe(encode(bytes))
    expect(fromBase64url(encode(bytes))).toEqual(bytes)
  }
  expect(encode(new Uint8Array(20_000))).toBe(Buffer.alloc(20_000).toString('base64url'))
})

test.each([['A'], ['AB='], ['AB'], ['A A'], ['AA+A'], ['AA/A'], ['AA\u00e9A']])('%j is refused', (text) => {
  expect(fromBase64url(text)).toBeNull()
})
