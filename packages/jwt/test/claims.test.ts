import { relaxedAccessToken } from '@coffer/jwt'
import { describe, expect, test } from 'vitest'
import { deservesFetch, matchesAudience, readClaims } from '../src/claims.js'
import { JwtClaimError } from '../src/errors.js'
import { type Policy, readIssuers } from '../src/policy.js'
import type { JsonObject } from '../src/strict-json.js'
import { audience, codeOf, issuer, issuerOf, start, testKey } from './support.js'

const now = start / 1_000
const keyed = issuerOf(testKey('Ed25519'))
const policyOf = (options: object = {}): Policy => {
  const policy = readIssuers([{ ...keyed, ...options }]).get(issuer)
  if (policy === undefined) throw new Error('no policy')
  return policy
}
const strict = policyOf()
const good = { iss: issuer, sub: 's', aud: audience, client_id: 'c', jti: 'j', iat: now, exp: now + 600 }
const claimsOf = (changes: object = {}): JsonObject => JSON.parse(JSON.stringify({ ...good, ...changes }))
const read = (changes: object = {}, policy = strict, at = start) => readClaims(claimsOf(changes), policy, at)
const refusal = (changes: object, policy = strict, at = start) => codeOf(() => read(changes, policy, at))

/** The claim that was refused, and why. */
function fault(changes: object, policy = strict): string {
  try {
    read(changes, policy)
  } catch (error) {
    if (error instanceof JwtClaimError) return `${error.claim} ${error.reason}`
    throw error
  }
  throw new Error('was accepted')
}

describe('the claims of RFC 9068', () => {
  test('are read as they are', () => {
    expect(read({ sid: 'f', nbf: now - 1, scope: 'a b', auth_time: 1, acr: 'x', amr: ['pwd'] })).toEqual({
      issuer,
      subject: 's',
      clientId: 'c',
      jti: 'j',
      sessionId: 'f',
      audience: [audience],
      scope: ['a', 'b'],
      iat: now,
      nbf: now - 1,
      exp: now + 600,
    })
  })

  test.each(['iss', 'sub', 'client_id', 'jti', 'exp', 'iat', 'aud'])('%s is required', (claim) => {
    expect(fault({ [claim]: undefined })).toBe(`${claim} missing`)
  })

  test.each(['iss', 'sub', 'client_id', 'jti', 'sid'])('%s is text that is not empty', (claim) => {
    for (const value of [null, 1, true, ['x'], {}]) expect(fault({ [claim]: value })).toBe(`${claim} type`)
    expect(fault({ [claim]: '' })).toBe(`${claim} value`)
  })

  test.each(['jti', 'sid'])('%s has at most 256 characters', (claim) => {
    expect(() => read({ [claim]: 'x'.repeat(256) })).not.toThrow()
    expect(fault({ [claim]: 'x'.repeat(257) })).toBe(`${claim} value`)
  })

  test.each(['iss', 'sub', 'client_id'])('%s may be longer than an identifier', (claim) => {
    expect(() => read({ [claim]: 'x'.repeat(300) })).not.toThrow()
  })

  test.each(['exp', 'iat', 'nbf', 'auth_time'])('%s is a number from 0 on', (claim) => {
    for (const value of [null, '1', true, [1], {}]) expect(fault({ [claim]: value })).toBe(`${claim} type`)
    expect(fault({ [claim]: -1 })).toBe(`${claim} value`)
    expect(fault({ [claim]: -0.5 })).toBe(`${claim} value`)
  })

  test('nbf and auth_time may be 0, and fractions are kept', () => {
    expect(read({ nbf: 0, auth_time: 0, iat: now - 0.5 }).iat).toBe(now - 0.5)
    expect(read({ nbf: 0 }).nbf).toBe(0)
  })

  test('scope, sid, nbf may be absent', () => {
    expect(read()).toMatchObject({ scope: [], sessionId: undefined, nbf: undefined })
  })
})

describe('aud', () => {
  test('is text or 1 to 64 texts, none empty', () => {
    expect(read({ aud: [audience] }).audience).toEqual([audience])
    expect(read({ aud: Array(64).fill(audience) }).audience).toHaveLength(64)
    for (const aud of ['', [], Array(65).fill(audience), [audience, '']]) expect(fault({ aud })).toBe('aud value')
    for (const aud of [null, 1, {}, { 0: audience, length: 1 }, [audience, 1], [null]])
      expect(fault({ aud })).toBe('aud type')
  })
  test('must name an audience of the policy', () => {
    const two = policyOf({ audience: ['other', audience] })
    expect(read({ aud: ['x', 'other'] }, two).audience).toEqual(['x', 'other'])
    for (const aud of ['x', ['x', 'y'], `${audience}/`])
      expect(refusal({ aud }, two)).toBe('COFFER_JWT_AUDIENCE_MISMATCH')
  })
  test('is typed, not matched, where any audience is taken', () => {
    const any = policyOf({ audience: null })
    expect(read({ aud: 'x' }, any).audience).toEqual(['x'])
    expect(matchesAudience([], any)).toBe(true)
    expect(fault({ aud: undefined }, any)).toBe('aud missing')
    expect(fault({ aud: 1 }, any)).toBe('aud type')
  })
  test('is frozen, also where it was one text', () => {
    expect(Object.isFrozen(read().audience)).toBe(true)
    expect(Object.isFrozen(read().scope)).toBe(true)
    expect(Object.isFrozen(read({ scope: 'a' }).scope)).toBe(true)
  })
})

describe('scope', () => {
  test.each(['a', 'a b', 'ab cd ef', '!#$%&()*+,-./09:<=>?@AZ[]^_`az{|}~'])('of RFC 6749 §3.3 is read: %s', (scope) => {
    expect(read({ scope }).scope).toEqual(scope.split(' '))
  })
  test.each(['', ' ', 'a  b', ' a', 'a ', 'a\tb', 'a"b', 'a\\b', 'é', 'a\u0000', 'a\n', 'a b ', 'a b\u007f'])(
    'of another form is refused: %j',
    (scope) => {
      expect(fault({ scope })).toBe('scope value')
    },
  )
  test.each([null, 1, ['a'], {}])('that is no text is refused: %j', (scope) => {
    expect(fault({ scope })).toBe('scope type')
  })
})

describe('scp, where the profile says so', () => {
  const scp = policyOf({ profile: relaxedAccessToken({ scopeClaim: 'scp' }) })
  test('is text or a list, and scope is not read', () => {
    expect(read({ scp: 'a b' }, scp).scope).toEqual(['a', 'b'])
    expect(read({ scp: ['ab', 'b'], scope: 'c' }, scp).scope).toEqual(['ab', 'b'])
    expect(read({ scope: 'c' }, scp).scope).toEqual([])
    expect(read({ scp: [] }, scp).scope).toEqual([])
    expect(read({ scp: ['a'], scope: 'c' }).scope).toEqual(['c'])
  })
  test('is refused in another form, and scope of another type with it', () => {
    expect(fault({ scp: ['a b'] }, scp)).toBe('scp value')
    expect(fault({ scp: ['a', ''] }, scp)).toBe('scp value')
    expect(fault({ scp: ['é'] }, scp)).toBe('scp value')
    expect(fault({ scp: ['a\n'] }, scp)).toBe('scp value')
    expect(fault({ scp: [1] }, scp)).toBe('scp type')
    expect(fault({ scp: null }, scp)).toBe('scp type')
    expect(fault({ scp: 'a  b' }, scp)).toBe('scp value')
    expect(fault({ scp: 'a', scope: ['a'] }, scp)).toBe('scope type')
  })
})

describe('acr and amr', () => {
  test('are typed where they are there', () => {
    expect(fault({ acr: 1 })).toBe('acr type')
    expect(fault({ acr: null })).toBe('acr type')
    for (const amr of ['pwd', null, {}, [1], ['pwd', null]]) expect(fault({ amr })).toBe('amr type')
    expect(() => read({ acr: '', amr: [] })).not.toThrow()
  })
})

describe('time', () => {
  const tolerant = policyOf({ clockTolerance: 10, maxLifetime: 600 })
  test('a token ends at exp + clockTolerance', () => {
    const end = (now + 610) * 1_000
    expect(() => read({}, tolerant, end - 1)).not.toThrow()
    for (const at of [end, end + 1]) expect(refusal({}, tolerant, at)).toBe('COFFER_JWT_EXPIRED')
  })
  test.each(['nbf', 'iat'])('a token begins at %s - clockTolerance', (claim) => {
    const claims = { [claim]: now + 100 }
    const begin = (now + 90) * 1_000
    expect(refusal(claims, tolerant, begin - 1)).toBe('COFFER_JWT_NOT_YET_VALID')
    for (const at of [begin, begin + 1]) expect(() => read(claims, tolerant, at)).not.toThrow()
  })
  test('exp is after iat', () => {
    expect(fault({ exp: now })).toBe('exp value')
    expect(fault({ exp: now - 1 })).toBe('exp value')
    expect(() => read({ exp: now + 0.001 })).not.toThrow()
  })
  test('that a lifetime is too long is judged by iat', () => {
    expect(() => read({ exp: now + 600 }, tolerant)).not.toThrow()
    expect(refusal({ exp: now + 601 }, tolerant)).toBe('COFFER_JWT_LIFETIME_EXCEEDED')
    expect(refusal({ iat: now - 300, exp: now + 301 }, tolerant)).toBe('COFFER_JWT_LIFETIME_EXCEEDED')
  })
  test('without iat, a lifetime is judged by the clock and its tolerance', () => {
    const profile = relaxedAccessToken({ allowMissing: ['iat'] })
    const policy = policyOf({ profile, clockTolerance: 10, maxLifetime: 600 })
    expect(read({ iat: undefined, exp: now + 610 }, policy).iat).toBeUndefined()
    expect(refusal({ iat: undefined, exp: now + 610.001 }, policy)).toBe('COFFER_JWT_LIFETIME_EXCEEDED')
    expect(refusal({ iat: undefined, exp: now - 10 }, policy)).toBe('COFFER_JWT_EXPIRED')
  })
  test('an expired token that was never valid is told by its expiry', () => {
    expect(refusal({ iat: now - 20, exp: now - 10, nbf: now + 900 })).toBe('COFFER_JWT_EXPIRED')
  })
})

describe('cnf', () => {
  test.each([null, {}, '', 0, false, { jkt: 'x' }])('of any value is refused: %j', (cnf) => {
    expect(refusal({ cnf })).toBe('COFFER_JWT_SENDER_CONSTRAINED')
  })
  test('is told after everything that is wrong with the claims', () => {
    expect(refusal({ cnf: {}, aud: 'x' })).toBe('COFFER_JWT_AUDIENCE_MISMATCH')
    expect(refusal({ cnf: {}, exp: now - 100, iat: now - 200 })).toBe('COFFER_JWT_EXPIRED')
  })
})

describe('an issuer whose other JWTs could be taken for access tokens', () => {
  const foreign = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events']
  test.each([['JWT'], ['absent']] as const)('by typ %s is told from them by their claims', (typ) => {
    const policy = policyOf({ profile: relaxedAccessToken({ typ: [typ] }) })
    for (const claim of foreign)
      for (const value of [null, '', {}]) expect(refusal({ [claim]: value }, policy)).toBe('COFFER_JWT_TYP_MISMATCH')
    expect(refusal({ token_use: 'id' }, policy)).toBe('COFFER_JWT_TYP_MISMATCH')
    for (const token_use of ['access', null, ['id']]) expect(() => read({ token_use }, policy)).not.toThrow()
  })
  test('is not meant where only access tokens pass by their typ', () => {
    for (const claim of [...foreign, 'token_use']) expect(() => read({ [claim]: 'id' })).not.toThrow()
  })
})

describe('members that an issuer may leave out', () => {
  test.each(['client_id', 'jti', 'iat'] as const)('%s is undefined then, and typed where it is there', (claim) => {
    const policy = policyOf({ profile: relaxedAccessToken({ allowMissing: [claim] }) })
    expect(() => read({ [claim]: undefined }, policy)).not.toThrow()
    expect(fault({ [claim]: null }, policy)).toBe(`${claim} type`)
    for (const other of ['client_id', 'jti', 'iat', 'aud'])
      if (other !== claim) expect(fault({ [other]: undefined }, policy)).toBe(`${other} missing`)
  })
  test('aud is empty then', () => {
    const policy = policyOf({ audience: null, profile: relaxedAccessToken({ allowMissing: ['aud'] }) })
    expect(read({ aud: undefined }, policy).audience).toEqual([])
    expect(Object.isFrozen(read({ aud: undefined }, policy).audience)).toBe(true)
  })
})

describe('an unknown kid deserves a fetch', () => {
  const deserves = (changes: object, policy = strict, at = start) => deservesFetch(claimsOf(changes), policy, at)
  test('in a token that would otherwise pass, and in no other', () => {
    expect(deserves({})).toBe(true)
    expect(deserves({ aud: 'x' })).toBe(false)
    expect(deserves({ aud: undefined })).toBe(false)
    expect(deserves({ exp: undefined })).toBe(false)
    expect(deserves({ exp: '1' })).toBe(false)
    expect(deserves({}, policyOf({ audience: null }))).toBe(true)
  })
  test('until exp + clockTolerance', () => {
    const end = (now + 605) * 1_000
    expect(deserves({}, strict, end - 1)).toBe(true)
    for (const at of [end, end + 1]) expect(deserves({}, strict, at)).toBe(false)
  })
  test('also without aud where that may be missing', () => {
    const policy = policyOf({ audience: null, profile: relaxedAccessToken({ allowMissing: ['aud'] }) })
    expect(deserves({ aud: undefined }, policy)).toBe(true)
  })
})
