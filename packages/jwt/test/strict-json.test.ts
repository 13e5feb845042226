import { describe, expect, test } from 'vitest'
import { member, parseStrictJson } from '../src/strict-json.js'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (text: string, depth = 32) => parseStrictJson(bytesOf(text), depth)

describe('an object of I-JSON', () => {
  test.each([
    '{}',
    '{"a":1}',
    ' {\t"a" :\r\n1 } ',
    '{"a":"1:2","b":{"c":[{"d":":"},{"d":1}]}}',
    '{"a":[],"b":[[]],"c":{}}',
    '{"a":true,"b":false,"c":null}',
    '{"a":"\\"","b":"\\\\","c":"\\":"}',
    '{"a":"{[}]","b":"\\u007b"}',
    '{"a":9007199254740991,"b":-9007199254740991,"c":1.5e-7,"d":-0,"e":0.1}',
    '{"é":"ü","😀":"\\ud83d\\ude00"}',
    '{"a":"ü","b":"\\u00fc"}',
    '{"constructor":1,"toString":{"hasOwnProperty":2}}',
  ])('is what JSON.parse makes of it: %s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text))
  })

  test('is frozen in depth, arrays and empty ones too', () => {
    const value = parse('{"a":{"b":[{"c":[]},[[1]]]}}')
    const visit = (item: unknown): void => {
      if (typeof item !== 'object' || item === null) return
      expect(Object.isFrozen(item)).toBe(true)
      for (const inner of Object.values(item)) visit(inner)
    }
    visit(value)
    expect(value).toBeDefined()
  })

  test('may be as deep as the limit, and no deeper', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ]) {
      const of = (depth: number) => `{"a":${open?.repeat(depth - 1)}1${close?.repeat(depth - 1)}}`
      expect(parse(of(5), 5)).toBeDefined()
      expect(parse(of(6), 5)).toBeUndefined()
    }
    expect(parse('{}', 1)).toEqual({})
    expect(parse('{"a":{}}', 1)).toBeUndefined()
    // Side by side is not deep.
    expect(parse('{"a":[[],[],[{}],{}]}', 4)).toBeDefined()
    for (const text of ['{"a":{},"b":{},"c":{}}', '{"a":[],"b":[],"c":[]}']) expect(parse(text, 2)).toBeDefined()
    // What stands between brackets lifts no limit.
    const padded = '{ "a" : 1 , "b" : 22.5e1 , "c" : true , "d" : [ [ [ 1 ] ] ] }'
    expect(parse(padded, 4)).toBeDefined()
    expect(parse(padded, 3)).toBeUndefined()
    // Brackets inside strings are text, also behind an escaped quote.
    expect(parse('{"a":"\\"[[[[[","b":"{{{{{"}', 1)).toBeDefined()
  })
})

describe('what is refused', () => {
  test.each([
    ['a member twice', '{"a":1,"a":1}'],
    ['a member twice, once escaped', '{"a":1,"\\u0061":1}'],
    ['a member twice in an object in an array', '{"x":[{"a":1,"a":2}]}'],
    ['a member twice, deep', '{"x":{"y":{"a":1,"a":2}}}'],
    ['a member twice beside an array of many', '{"x":[1,2,3],"a":1,"a":2}'],
    ['an empty member twice', '{"":1,"":2}'],
    ['__proto__', '{"__proto__":{}}'],
    ['__proto__, escaped', '{"\\u005f_proto__":1}'],
    ['__proto__, deep', '{"a":[{"__proto__":1}]}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['a lone low surrogate', '{"a":"x\\udc00x"}'],
    ['a lone surrogate as a member', '{"\\ud800":1}'],
    ['a lone surrogate in an array', '{"a":["\\udfff"]}'],
    ['surrogates in the wrong order', '{"a":"\\ude00\\ud83d"}'],
    ['an infinite number', '{"a":1e400}'],
    ['a negative infinite number in an array', '{"a":[-1e400]}'],
    ['an integer beyond 2^53 - 1', '{"a":9007199254740992}'],
    ['an integer below -(2^53 - 1)', '{"a":-9007199254740992}'],
    ['an integer in another form', '{"a":1e16}'],
    ['a fraction that is rounded to such an integer', '{"a":9007199254740993.5}'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a string', '"a"'],
    ['a number', '1'],
    ['nothing', ''],
    ['a second object', '{}{}'],
    ['a byte-order mark', '\ufeff{}'],
    ['a byte-order mark behind text that is not ASCII', '\ufeff{"é":1}'],
    ['a raw control character', '{"a":"\u0001"}'],
    ['an unclosed string', '{"a":"'],
    ['an unclosed escape', '{"a":"\\'],
    ['an unclosed string alone', '"a'],
    ['an unclosed escape behind an object', '{}"\\'],
    ['a number that is infinite beside what nests too deep', `{"a":${'['.repeat(33)}${']'.repeat(33)},"b":1e400}`],
    ['a lone surrogate as one member of two', '{"\\ud800":1,"b":2}'],
    ['white space that JSON has not', '{\u00a0}'],
    ['a trailing comma', '{"a":1,}'],
  ])('%s', (_, text) => {
    expect(parse(text)).toBeUndefined()
  })

  test.each([
    ['an overlong encoding', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a cut character', [0xe2, 0x82]],
    ['a byte that UTF-8 has not', [0xff]],
    ['Latin-1', [0xe9]],
    ['a character beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
  ])('%s inside a string, and outside one', (_, bytes) => {
    const inside = [...bytesOf('{"a":"'), ...bytes, ...bytesOf('"}')]
    expect(parseStrictJson(Uint8Array.from(inside), 32)).toBeUndefined()
    expect(parseStrictJson(Uint8Array.from([...bytesOf('{}'), ...bytes]), 32)).toBeUndefined()
  })

  test('nesting of a hundred thousand, without recursion', () => {
    for (const open of ['[', '{"a":']) expect(parse(`{"a":${open.repeat(100_000)}`)).toBeUndefined()
  })
})

test('a member is an own member, never what an object inherits', () => {
  expect(member({ a: 1 }, 'a')).toBe(1)
  for (const name of ['constructor', 'toString', '__proto__', 'b']) expect(member({ a: 1 }, name)).toBeUndefined()
  expect(member(JSON.parse('{"constructor":2}'), 'constructor')).toBe(2)
})
