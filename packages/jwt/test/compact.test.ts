import { describe, expect, test } from 'vitest'
import { type HeaderMemo, parseCompact, rememberHeader } from '../src/compact.js'
import { lendSignature } from '../src/token-bytes.js'
import { codeOf, encode } from './support.js'

const limits = { tokenChars: 200, headerChars: 60, depth: 3 }
const memo = (): HeaderMemo => new Map()
const read = (token: unknown, over: Partial<typeof limits> = {}) => parseCompact(token, { ...limits, ...over }, memo())
const refusal = (token: unknown, over: Partial<typeof limits> = {}) => codeOf(() => read(token, over))
const header = encode('{"alg":"ES256","kid":"k","typ":"at+jwt"}')
const payload = encode('{"iss":"i"}')
const signature = encode(Uint8Array.of(1, 2, 3))
const token = `${header}.${payload}.${signature}`

describe('a compact JWS', () => {
  test('is read into its parts', () => {
    const parsed = read(token)
    expect(parsed).toMatchObject({
      token,
      headerText: header,
      signedLength: header.length + 1 + payload.length,
      header: { alg: 'ES256', kid: 'k', typ: 'at+jwt' },
      claims: { iss: 'i' },
    })
    expect([...lendSignature(parsed)]).toEqual([1, 2, 3])
  })

  test.each([undefined, null, 1, true, {}, [token], new String(token)])(
    'that is no string is malformed: %j',
    (value) => {
      expect(refusal(value)).toBe('COFFER_JWT_MALFORMED')
    },
  )

  test('is refused by its length alone, one character beyond the limit', () => {
    expect(read(token, { tokenChars: token.length }).token).toBe(token)
    expect(refusal(token, { tokenChars: token.length - 1 })).toBe('COFFER_JWT_TOO_LARGE')
    expect(refusal('x'.repeat(201))).toBe('COFFER_JWT_TOO_LARGE')
    expect(refusal('x'.repeat(200))).toBe('COFFER_JWT_MALFORMED')
  })

  test('is refused by the length of its first part, one character beyond the limit', () => {
    expect(read(token, { headerChars: header.length }).headerText).toBe(header)
    expect(refusal(token, { headerChars: header.length - 1 })).toBe('COFFER_JWT_TOO_LARGE')
    // Also before its parts are counted.
    expect(refusal(`${'x'.repeat(61)}.`)).toBe('COFFER_JWT_TOO_LARGE')
  })

  test.each([
    '',
    '.',
    '..',
    '...',
    'e30',
    'e30.e30',
    '.e30.AA',
    'e30..AA',
    '..AA',
    '.e30.',
    'e30.e30.AA.',
    'e30.e30.AA.AA',
  ])('has three parts, of which the first two are not empty: %j is malformed', (text) => {
    expect(refusal(text)).toBe('COFFER_JWT_MALFORMED')
  })

  test('of five parts, or in a JSON serialisation, is malformed', () => {
    expect(refusal(`${header}.a.b.c.d`)).toBe('COFFER_JWT_MALFORMED')
    expect(refusal(JSON.stringify({ payload, signatures: [] }))).toBe('COFFER_JWT_MALFORMED')
  })

  test.each(['.!.!', 'e30..!', '!..', '..!'])('is refused for an empty part before its spelling: %j', (text) => {
    expect(refusal(text)).toBe('COFFER_JWT_MALFORMED')
  })

  test('with parts of one character is refused for their spelling, not their number', () => {
    expect(refusal('a.b.c')).toBe('COFFER_JWT_ENCODING_INVALID')
  })

  test('may have an empty signature, which no key accepts', () => {
    expect(lendSignature(read(`${header}.${payload}.`))).toHaveLength(0)
  })

  test.each([
    ['header', `${header}=.${payload}.${signature}`],
    ['payload', `${header}.${payload}=.${signature}`],
    ['signature', `${header}.${payload}.${signature}=`],
  ])('is refused for another spelling of its %s', (_, text) => {
    expect(refusal(text)).toBe('COFFER_JWT_ENCODING_INVALID')
  })

  test('is judged by its spelling before any part is read as JSON', () => {
    expect(refusal(`${encode('no')}.${encode('no')}.!`)).toBe('COFFER_JWT_ENCODING_INVALID')
  })

  test('has JSON objects for header and payload, the header first', () => {
    expect(refusal(`${encode('[]')}.${payload}.AA`)).toBe('COFFER_JWT_MALFORMED')
    expect(refusal(`${header}.${encode('[]')}.AA`)).toBe('COFFER_JWT_MALFORMED')
    expect(refusal(`${encode('{"crit":[]}')}.${encode('[]')}.AA`)).toBe('COFFER_JWT_HEADER_REFUSED')
  })

  test('is refused one level beyond the depth, in either part', () => {
    const of = (depth: number) => encode(`{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`)
    expect(read(`${of(3)}.${of(3)}.AA`).claims).toEqual({ a: [[]] })
    expect(refusal(`${of(4)}.${payload}.AA`)).toBe('COFFER_JWT_MALFORMED')
    expect(refusal(`${header}.${of(4)}.AA`)).toBe('COFFER_JWT_MALFORMED')
  })
})

describe('a header that a good signature vouched for', () => {
  test('is not read again, and only under its exact text', () => {
    const known = memo()
    const parsed = parseCompact(token, limits, known)
    rememberHeader(known, parsed)
    expect(parseCompact(`${header}.${encode('{}')}.AA`, limits, known).header).toBe(parsed.header)
    const other = encode('{"alg":"ES256","kid":"k2","typ":"at+jwt"}')
    expect(parseCompact(`${other}.${payload}.AA`, limits, known).header.kid).toBe('k2')
  })

  test('does not excuse the other parts', () => {
    const known = memo()
    rememberHeader(known, parseCompact(token, limits, known))
    expect(codeOf(() => parseCompact(`${header}.${payload}=.AA`, limits, known))).toBe('COFFER_JWT_ENCODING_INVALID')
    expect(codeOf(() => parseCompact(`${header}.${payload}.A`, limits, known))).toBe('COFFER_JWT_ENCODING_INVALID')
    expect(codeOf(() => parseCompact(`${header}.${encode('[]')}.AA`, limits, known))).toBe('COFFER_JWT_MALFORMED')
  })

  test('is remembered once, and of 65 the last alone is left', () => {
    const known = memo()
    const first = parseCompact(token, limits, known)
    rememberHeader(known, first)
    rememberHeader(known, { ...first, header: { ...first.header, kid: 'other' } })
    expect(known.get(header)).toBe(first.header)
    for (let i = 1; i < 64; i++) rememberHeader(known, { ...first, headerText: `h${i}` })
    expect(known.size).toBe(64)
    rememberHeader(known, first)
    expect(known.size).toBe(64)
    rememberHeader(known, { ...first, headerText: 'h64' })
    expect([...known.keys()]).toEqual(['h64'])
  })
})
