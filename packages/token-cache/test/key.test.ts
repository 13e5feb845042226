import { systemClock } from '@coffer/lease'
import { clientCredentials, type TokenRequest } from '@coffer/token-cache'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalRequest, type RequestRules } from '../src/canonical-request.js'
import { digestHex, formatIdentity, formatParts, formatRequest } from '../src/key.js'
import { arrange, codeOf } from './arrange.js'

const { COFFER_DEEP, COFFER_SEED } = process.env
const numRuns = COFFER_DEEP === '1' ? 1_000_000 : 2_000
const seed = COFFER_SEED === undefined ? Date.now() : Number(COFFER_SEED)
const rules: RequestRules = { reserved: new Set(['grant_type']), tenant: 'allowed' }

const text = fc.oneof(
  fc.constantFrom('a', 'b', '1:a', '-', '[', '__proto__', '\ud800', '\udc00', 'é', 'e\u0301'),
  fc.string({ minLength: 1, maxLength: 4 }),
)
const scopeToken = fc.constantFrom('a', 'b', 'c', 'a:b', '1:a', 'read')
const request: fc.Arbitrary<TokenRequest> = fc.record(
  {
    scope: fc.oneof(
      fc.array(scopeToken, { maxLength: 3 }),
      fc.array(scopeToken, { maxLength: 3 }).map((all) => all.join(' ')),
    ),
    audience: fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
    tenant: text.filter((one) => one !== '.' && one !== '..' && !/\p{Surrogate}/u.test(one)),
    params: fc.dictionary(text, fc.oneof(fc.constant(''), text), { maxKeys: 3 }),
  },
  { requiredKeys: [] },
)

/** The plain reference: a request as sets and maps. */
function meaning(asked: TokenRequest): string {
  const set = (value: string | readonly string[] | undefined, split: boolean): string[] | null => {
    if (value === undefined) return null
    const list = typeof value === 'string' ? (split ? value.split(' ').filter((one) => one !== '') : [value]) : value
    return [...new Set(list)].sort()
  }
  const params = Object.entries(asked.params ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([set(asked.scope, true), set(asked.audience, false), asked.tenant ?? null, params])
}

const keyOf = (asked: TokenRequest): string => formatRequest(canonicalRequest(asked, rules))

describe('the key', () => {
  test(`two requests have one key exactly if they are one request (seed ${seed})`, () => {
    fc.assert(
      fc.property(request, request, (one, other) => {
        expect(keyOf(one) === keyOf(other)).toBe(meaning(one) === meaning(other))
      }),
      { numRuns, seed },
    )
  }, 3_600_000)

  test('order and repetition of scopes do not matter, and no character is normalised', () => {
    expect(keyOf({ scope: 'b a b' })).toBe(keyOf({ scope: ['a', 'b'] }))
    expect(keyOf({ tenant: '\u00e9' })).not.toBe(keyOf({ tenant: 'e\u0301' }))
  })

  test('absent and empty differ', () => {
    expect(keyOf({})).not.toBe(keyOf({ scope: '' }))
    expect(keyOf({ params: { a: '' } })).not.toBe(keyOf({}))
  })

  test('lone surrogates have digests of their own', async () => {
    expect(await digestHex('\ud800')).not.toBe(await digestHex('\ud801'))
    expect(await digestHex('\ud800')).not.toBe(await digestHex('\ufffd'))
  })

  test('the format is fixed', async () => {
    const identity = formatIdentity({
      issuer: 'https://i.example',
      grants: [['password', 'u', 'c', 'none']],
      subject: undefined,
    })
    expect(identity).toBe('tk13[17:https://i.example1[4[8:password1:u1:c4:none-')
    expect(keyOf({ scope: 'a', tenant: 't' })).toBe('5[1:t1[1:a-0[-')
    expect(formatParts(['', undefined, []])).toBe('3[0:-0[')
    // SHA-256 of the UTF-16LE bytes of "abc", from `printf abc | iconv -t UTF-16LE | sha256sum`.
    expect(await digestHex('abc')).toBe('13e228567e8249fce53337f25d7970de3bd68ab2653424c7b8f9fd05e33caedf')
  })
})

describe('a request that cannot be sent as asked', () => {
  const refused: readonly (readonly [string, unknown])[] = [
    ['an unknown member', { scopes: 'a' }],
    ['a scope with a quote', { scope: 'a"b' }],
    ['a scope with two spaces', { scope: 'a  b' }],
    ['a scope that is a number', { scope: 7 }],
    ['an empty audience', { audience: '' }],
    ['no audience at all', { audience: [] }],
    ['an empty tenant', { tenant: '' }],
    ['a parameter of the protocol', { params: { client_id: 'x' } }],
    ['a parameter of the endpoint', { params: { audience: 'x' } }],
    ['a parameter that is a number', { params: { a: 1 } }],
    ['a tenant with no place to go', { tenant: 't' }],
  ]
  const issuer = createFakeIssuer({ clock: systemClock, rotation: 'strict', ttlMs: 1_000 })
  test.each(refused)('%s is a TypeError, and nothing is sent', (_, asked) => {
    const { tokens } = arrange(() => clientCredentials(issuer.endpoint()))
    expect(() => tokens.for(asked as TokenRequest)).toThrow(TypeError)
    expect(issuer.requests()).toHaveLength(0)
  })

  test('8192 characters are taken and 8193 are a RangeError', () => {
    expect(() => keyOf({ tenant: 'x'.repeat(8_192) })).not.toThrow()
    expect(() => keyOf({ tenant: 'x'.repeat(8_193) })).toThrow(RangeError)
  })
})

describe('what is sent', () => {
  test('parses back to the request', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        fc.pre(wellFormed(JSON.stringify(asked)) && !Object.hasOwn(asked.params ?? {}, 'tenant'))
        const { issuer: fake, tokens } = arrange((one) => clientCredentials(one.endpoint({ tenantParam: 'tenant' })))
        expect(await codeOf(tokens.get(asked))).toBe('resolved')
        const sent = fake.requests()[0]?.fields ?? new Map<string, string>()
        const params = [...sent].filter(
          ([name]) => !['grant_type', 'client_id', 'scope', 'audience', 'tenant'].includes(name),
        )
        expect(new Map(params)).toEqual(new Map(Object.entries(asked.params ?? {})))
        expect(sent.get('tenant')).toBe(asked.tenant)
        expect(sent.has('scope')).toBe(asked.scope !== undefined)
      }),
      { numRuns: Math.min(numRuns, 20_000) / 100, seed },
    )
  })

  test('a tenant is percent-encoded into the URL', async () => {
    const { issuer: fake, tokens } = arrange((one) =>
      clientCredentials(one.endpoint({ url: 'https://issuer.example/{tenant}/token' })),
    )
    await tokens.get({ tenant: '../a?b' })
    expect(fake.requests()[0]?.url).toBe('https://issuer.example/..%2Fa%3Fb/token')
    expect(() => tokens.for()).toThrow(TypeError)
  })
})

function wellFormed(json: string): boolean {
  // JSON.stringify escapes lone surrogates, which no form encoding can carry.
  return !/\\ud[89a-f]/i.test(json)
}
