import { describe, expect, test } from 'vitest'
import { bearerToken, type RequestLike } from '../src/request.js'
import { codeOf } from './support.js'

const refusal = (request: RequestLike) => codeOf(() => bearerToken(request))
const missing = 'COFFER_JWT_TOKEN_MISSING'
const invalid = 'COFFER_JWT_REQUEST_INVALID'
const line = (authorization: string) => ({ headers: { authorization } })

describe('the Authorization line', () => {
  test('is found by its name in any case, among others', () => {
    for (const name of ['authorization', 'Authorization', 'AUTHORIZATION'])
      expect(bearerToken({ headers: { host: 'x', [name]: 'Bearer a.b.c', cookie: 'y' } })).toBe('a.b.c')
  })
  test('is taken from anything that has get', () => {
    expect(bearerToken({ headers: new Headers({ authorization: 'Bearer a.b.c' }) })).toBe('a.b.c')
    expect(refusal({ headers: new Headers() })).toBe(missing)
    expect(refusal({ headers: { get: () => null } })).toBe(missing)
  })
  test('may be a list of one, and is missing when it is undefined or an empty list', () => {
    expect(bearerToken({ headers: { authorization: ['Bearer a.b.c'] } })).toBe('a.b.c')
    expect(refusal({ headers: { authorization: undefined } })).toBe(missing)
    expect(refusal({ headers: { authorization: [] } })).toBe(missing)
  })
  test('is counted in rawHeaders by names alone, never by values', () => {
    const headers = { authorization: 'Bearer a.b.c' }
    expect(bearerToken({ headers, rawHeaders: ['x', 'authorization', 'Authorization', 'Bearer a.b.c'] })).toBe('a.b.c')
    expect(bearerToken({ headers, rawHeaders: [1, 'x', 'authorization', 'y'] as never })).toBe('a.b.c')
    expect(refusal({ headers, rawHeaders: ['authorization', 'x', 'Authorization', 'y'] })).toBe(invalid)
    expect(refusal({ headers: new Headers(), rawHeaders: ['authorization', 'x', 'Authorization', 'y'] })).toBe(invalid)
  })
})

describe('credentials', () => {
  test.each(['Bearer a', 'bearer a', 'BEARER a~+/-._9==', 'Bearer a.b.c'])('%j are a Bearer token', (text) => {
    expect(bearerToken(line(text))).toBe(text.slice(7))
  })
  test.each(['Basic dTpw', 'DPoP a.b.c', 'Digest username="x"', 'Bearerx a', 'Bearer-x a', 'BearerToken', '', 'a.b.c'])(
    '%j are of another scheme',
    (text) => {
      expect(refusal(line(text))).toBe(missing)
    },
  )
  test.each([
    'Bearer',
    'Bearer ',
    'Bearer  a',
    'Bearer a b',
    'Bearer a ',
    ' Bearer a',
    'Bearer\ta',
    'Bearer a,',
    'Bearer a, Bearer b',
    'Basic dTpw, Bearer a',
    'Bearer =a',
    'Bearer a=b',
    'Bearer ä',
    'Bearer a\n',
    'Bearer "a"',
    'bearer:a',
  ])('%j are neither', (text) => {
    expect(refusal(line(text))).toBe(text.startsWith(' ') ? missing : invalid)
  })
})
