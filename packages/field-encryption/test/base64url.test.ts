import { expect, test } from 'vitest'
import { decode, decodeBase64url, encode, fromBase64url, toBase64url } from '../src/base64url.js'

test('the portable codec writes and reads what the native one does', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff)
    const text = Buffer.from(bytes).toString('base64url')
    expect([encode(bytes), toBase64url(bytes)]).toEqual([text, text])
    expect(fromBase64url(text)).toEqual(bytes)
    const out = new Uint8Array(length)
    expect(decode(text, 0, out, 0)).toBe(true)
    expect(out).toEqual(bytes)
  }
  expect(encode(new Uint8Array(20_000))).toBe(Buffer.alloc(20_000).toString('base64url'))
})

const spellings = [
  'A',
  'AB=',
  'AB',
  'AAB',
  'A A',
  'AA+A',
  'AA/A',
  'AA\u00e9A',
  'AA\u0141A',
  'AAA=',
  '=AAA',
  'AAAA\n',
  'A\0AA',
]
test.each(spellings.map((text) => [text]))('%j is refused by both', (text) => {
  const length = Math.floor((text.length * 3) / 4)
  expect(fromBase64url(text)).toBeNull()
  expect(decode(text, 0, new Uint8Array(length), 0)).toBe(false)
})

test('any two or three characters are taken by both, or by neither', () => {
  const characters = Array.from({ length: 130 }, (_, code) => String.fromCharCode(code))
  for (const first of ['A', '-', '_', '+']) {
    for (const a of characters) {
      for (const b of characters) {
        for (const text of [a + b, first + a + b]) {
          const [portable, native] = [new Uint8Array(text.length - 1), new Uint8Array(text.length - 1)]
          const taken = decode(text, 0, portable, 0)
          if (decodeBase64url(text, 0, native, 0) !== taken) throw new Error(`${JSON.stringify(text)} is taken by one`)
          if (taken && Buffer.compare(portable, native) !== 0) throw new Error(`${text} is read in two ways`)
        }
      }
    }
  }
})

test('what is read stands at its place and leaves the rest alone', () => {
  for (const read of [decode, decodeBase64url]) {
    const out = Uint8Array.of(9, 0, 0)
    expect(read('x.AQI', 2, out, 1)).toBe(true)
    expect([...out]).toEqual([9, 1, 2])
  }
})
