import { parseCiphertext } from '@coffer/field-encryption'
import { describe, expect, test } from 'vitest'
import { Parser } from '../src/format.js'
import { Reused } from '../src/scratch.js'
import { refusal } from './fixtures.js'

const ids = ['0a0b0c0d', 'ffffffff', '00000001', '0a0b0c0e']
const body = 'A'.repeat(88)
const code = (value: string | Uint8Array) => refusal(() => parseCiphertext(value))

/** A ciphertext in form only: header, then zeros. */
function binary(suite: number, length: number, keyId = '0a0b0c0d'): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set([0xf1, suite, ...Buffer.from(keyId, 'hex')].slice(0, length))
  return bytes
}

describe.each([
  ['whose buffer is used again', () => new Parser(new Reused())],
  ['that gives each value its own bytes', () => new Parser()],
])('a parser %s', (_what, make) => {
  test('reads each value by its own header, whatever it has read before', () => {
    const parser = make()
    const values = ids.flatMap((keyId) =>
      [1, 2, 3, 0x41].map((suite) => {
        const parsed = { suite: suite & 0x3f, subject: suite > 0x3f, keyId }
        const text = `fle1.${suite.toString(16).padStart(2, '0')}${keyId}.${body}`
        return { parsed, text, bytes: binary(suite, 72, keyId) }
      }),
    )
    for (const before of values) {
      for (const { parsed, text, bytes } of values) {
        parser.parse(before.text)
        expect(parser.parse(text)).toEqual({ ...parsed, encoding: 'text', bytes })
        parser.parse(before.bytes)
        expect(parser.parse(bytes)).toEqual({ ...parsed, encoding: 'bytes', bytes })
      }
    }
  })

  test('is no less strict with a header it has just read', () => {
    const parser = make()
    const text = `fle1.010a0b0c0d.${body}`
    for (const bad of [`${text}=`, `${text.slice(0, -1)}+`, text.slice(0, 40), `${text.slice(0, 15)}_${body}`]) {
      parser.parse(text)
      expect(refusal(() => parser.parse(bad))).toBe('MALFORMED')
    }
  })
})

test('a header is ten lower-case hexadecimal digits and a dot, and nothing else', () => {
  const text = `fle1.010a0b0c0d.${body}`
  for (let at = 5; at < 16; at++) {
    for (let unit = 0; unit <= 0x80; unit++) {
      const character = String.fromCharCode(unit)
      const changed = text.slice(0, at) + character + text.slice(at + 1)
      const allowed = at === 15 ? character === '.' : /^[0-9a-f]$/.test(character)
      // Bit 7 of the suite is never set; other suites are well formed and not known.
      const expected = !allowed || (at === 5 && unit > 0x37) ? 'MALFORMED' : at < 7 ? code(changed) : null
      expect([at, unit, code(changed)]).toEqual([at, unit, expected])
    }
  }
})

test('bytes are meant as a ciphertext when 0xF1 comes first and then a byte below 0x80', () => {
  expect([code(binary(0x7f, 80)), code(binary(0x80, 80))]).toEqual(['SUITE_UNSUPPORTED', 'NOT_ENCRYPTED'])
  expect([code(new Uint8Array(0)), code(Uint8Array.of(0xf1)), code(Uint8Array.of(0xf0, 1))]).toEqual(
    Array(3).fill('NOT_ENCRYPTED'),
  )
})

test('bytes that end before a frame could begin are malformed, in a header or after it', () => {
  for (let length = 2; length < 6 + 16 + 16 + 16 + 1; length++) expect(code(binary(1, length))).toBe('MALFORMED')
  expect(code(binary(1, 6 + 16 + 16 + 16 + 1))).toBeNull()
})

test('only a chain of chunks has lengths that no chain has', () => {
  // A whole chunk and its tag, and less than another tag.
  for (let more = 0; more < 16; more++) {
    expect(code(binary(1, 6 + 32 + 16_400 + more))).toBeNull()
    expect(code(binary(4, 6 + 56 + 16_400 + more))).toBe('MALFORMED')
  }
  expect(code(binary(4, 6 + 56 + 16_400 + 16))).toBeNull()
})

test('the largest ciphertext is that of a frame of 18 000 000 bytes in chunks', () => {
  const largest = 6 + 24 + 32 + 18_000_000 + 16 * 1099
  expect([code(binary(4, largest)), code(binary(4, largest + 1))]).toEqual([null, 'TOO_LARGE'])
  expect(code(`fle1.040a0b0c0d.${'A'.repeat(Math.ceil(((largest - 6) * 4) / 3))}`)).toBeNull()
})

test('the form of a value is told, and what is no value is a TypeError that names the parameter', () => {
  expect(parseCiphertext(`fle1.010a0b0c0d.${body}`).encoding).toBe('text')
  expect(parseCiphertext(binary(1, 80)).encoding).toBe('bytes')
  for (const value of [null, 1, [0xf1, 1]]) {
    expect(() => parseCiphertext(value as never)).toThrow(/^parseCiphertext: value must be/)
  }
})
