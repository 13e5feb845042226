import { inspect } from 'node:util'
import {
  createRevocationIndex,
  createVerifier,
  isJwtError,
  relaxedAccessToken,
  type SignatureAlgorithm,
  staticKeys,
} from '@coffer/jwt'
import { describe, expect, test } from 'vitest'
import { accessToken, audience, clockAt, codeOf, codeOfAsync, issuer, issuerOf, start, testKey } from './support.js'

const key = testKey('ES256')
const clock = clockAt(start)
const verifier = createVerifier({ issuers: [issuerOf(key)], clock })
const refusal = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  codeOf(() => verifier.verifySync(accessToken(key, claims, header)))

describe('an access token that follows RFC 9068', () => {
  const algorithms = [
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'Ed25519',
    'EdDSA',
  ] as const
  test.each(algorithms)('is accepted under %s by both engines', async (algorithm: SignatureAlgorithm) => {
    const own = testKey(algorithm)
    const token = accessToken(own)
    const node = createVerifier({ issuers: [issuerOf(own)], clock, engine: 'node' })
    const jose = createVerifier({ issuers: [issuerOf(own)], clock, engine: 'jose' })
    expect(node.verifySync(token).subject).toBe('user-1')
    expect(await jose.verify(token)).toEqual(node.verifySync(token))
  })

  test('is frozen in depth, with its members typed and named', () => {
    const token = verifier.verifySync(accessToken(key, { sid: 'family-1', nested: { list: [1] } }))
    expect(token).toMatchObject({
      issuer,
      subject: 'user-1',
      audience: [audience],
      scope: ['payments:read', 'payments:create'],
      clientId: 'web',
      jti: 'jti-1',
      issuedAt: start,
      expiresAt: start + 3_600_000,
      sessionId: 'family-1',
      algorithm: 'ES256',
      kid: 'ES256-1',
    })
    const { nested } = token.claims
    for (const part of [
      token,
      token.audience,
      token.scope,
      token.claims,
      nested,
      Reflect.get(nested as object, 'list'),
    ]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  test.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt'])('may be typed %s', (typ) => {
    expect(verifier.verifySync(accessToken(key, {}, { typ })).jti).toBe('jti-1')
  })
})

describe('a header is refused', () => {
  const members = [
    'crit',
    'jku',
    'jwk',
    'x5u',
    'x5c',
    'b64',
    'zip',
    'cty',
    'enc',
    'epk',
    'apu',
    'apv',
    'iv',
    'tag',
    'p2s',
    'p2c',
  ]
  test.each(members)('with the member %s, whatever its value', (name) => {
    for (const value of [null, true, [], '', 'https://evil.example']) {
      expect(refusal({}, { [name]: value })).toBe('COFFER_JWT_HEADER_REFUSED')
    }
  })
  test.each([['none'], ['HS256'], ['RS256'], ['es256'], [null], [['ES256']]])('with alg %j', (alg) => {
    expect(refusal({}, { alg })).toBe('COFFER_JWT_ALGORITHM_REFUSED')
  })
  test.each([['JWT'], ['at+jwt '], [null], [1], ['logout+jwt']])('with typ %j', (typ) => {
    expect(refusal({}, { typ })).toBe('COFFER_JWT_TYP_MISMATCH')
  })
  test.each([[''], [1], [null], ['k'.repeat(257)]])('with kid %j', (kid) => {
    expect(refusal({}, { kid })).toBe('COFFER_JWT_HEADER_REFUSED')
  })
  test('that names no key, or one that the issuer does not have', () => {
    expect(refusal({}, { kid: undefined })).toBe('COFFER_JWT_KEY_UNKNOWN')
    expect(() => verifier.verifySync(accessToken(key, {}, { kid: undefined }))).toThrow(/has no kid$/)
    expect(refusal({}, { kid: 'other' })).toBe('COFFER_JWT_KEY_UNKNOWN')
    expect(refusal({}, { kid: 'k'.repeat(256) })).toBe('COFFER_JWT_KEY_UNKNOWN')
  })
})

describe('a claim', () => {
  test.each(['sub', 'client_id', 'jti', 'exp', 'iat', 'aud'])('%s is required', (claim) => {
    expect(refusal({ [claim]: undefined })).toBe('COFFER_JWT_CLAIM_MISSING')
  })
  test.each([
    ['sub', ''],
    ['sub', 1],
    ['client_id', null],
    ['jti', 'j'.repeat(257)],
    ['exp', '1'],
    ['exp', -1],
    ['iat', null],
    ['aud', ''],
    ['aud', []],
    ['aud', [1]],
    ['aud', [audience, '']],
    ['aud', Array(65).fill(audience)],
    ['nbf', '0'],
    ['auth_time', '0'],
    ['scope', 'a  b'],
    ['scope', ''],
    ['scope', ['a']],
    ['sid', ''],
    ['sid', 1],
    ['acr', 1],
    ['amr', 'pwd'],
    ['amr', [1]],
  ])('%s of %j is refused', (claim, value) => {
    expect(refusal({ [claim]: value })).toBe('COFFER_JWT_CLAIM_INVALID')
  })
  test('iss is looked up exactly', () => {
    for (const iss of [undefined, `${issuer}/`, '', 1, 'constructor', '__proto__']) {
      expect(refusal({ iss })).toBe('COFFER_JWT_ISSUER_UNKNOWN')
    }
  })
  test('aud must name the audience', () => {
    expect(refusal({ aud: 'https://other.example' })).toBe('COFFER_JWT_AUDIENCE_MISMATCH')
    expect(verifier.verifySync(accessToken(key, { aud: ['https://other.example', audience] })).audience).toHaveLength(2)
  })
  test.each([[{}], [null], ['x'], [{ jkt: 'x' }]])('cnf of %j makes the token worth nothing as plain Bearer', (cnf) => {
    expect(refusal({ cnf })).toBe('COFFER_JWT_SENDER_CONSTRAINED')
  })
})

describe('time', () => {
  const at = (now: number, claims: Record<string, unknown> = {}) => {
    const late = createVerifier({ issuers: [issuerOf(key)], clock: clockAt(now) })
    return () => late.verifySync(accessToken(key, claims))
  }
  const end = start + 3_600_000 + 5_000
  test('a token is good until exp + clockTolerance, and not at it', () => {
    expect(at(end - 1)()).toBeDefined()
    expect(codeOf(at(end))).toBe('COFFER_JWT_EXPIRED')
    expect(codeOf(at(end + 1))).toBe('COFFER_JWT_EXPIRED')
  })
  test.each(['nbf', 'iat'])('a token is good from %s - clockTolerance on', (claim) => {
    const claims = { [claim]: start / 1_000 + 100 }
    expect(codeOf(at(start + 94_999, claims))).toBe('COFFER_JWT_NOT_YET_VALID')
    expect(at(start + 95_000, claims)()).toBeDefined()
  })
  test('a lifetime above maxLifetime is refused, also with milliseconds for seconds', () => {
    expect(refusal({ exp: start / 1_000 + 3_601 })).toBe('COFFER_JWT_LIFETIME_EXCEEDED')
    expect(refusal({ exp: start + 3_600_000 })).toBe('COFFER_JWT_LIFETIME_EXCEEDED')
  })
  test('exp at or before iat is refused', () => {
    expect(refusal({ exp: start / 1_000 })).toBe('COFFER_JWT_CLAIM_INVALID')
    expect(verifier.verifySync(accessToken(key, { exp: start / 1_000 + 1 }))).toBeDefined()
  })
})

describe('a signature', () => {
  test('with any bit flipped is refused', () => {
    const token = accessToken(key)
    const cut = token.lastIndexOf('.') + 1
    const signature = Buffer.from(token.slice(cut), 'base64url')
    for (let bit = 0; bit < signature.length * 8; bit += 7) {
      const flipped = Buffer.from(signature)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(codeOf(() => verifier.verifySync(token.slice(0, cut) + flipped.toString('base64url')))).toBe(
        'COFFER_JWT_SIGNATURE_INVALID',
      )
    }
  })
  test('of another length is refused', () => {
    const token = accessToken(key)
    const cut = token.lastIndexOf('.') + 1
    for (const length of [0, 63, 65, 72]) {
      const other = Buffer.alloc(length, 1).toString('base64url')
      expect(codeOf(() => verifier.verifySync(token.slice(0, cut) + other))).toBe('COFFER_JWT_SIGNATURE_INVALID')
    }
  })
  test('by another key under the same kid is refused', () => {
    expect(codeOf(() => verifier.verifySync(accessToken({ ...testKey('ES256'), kid: key.kid })))).toBe(
      'COFFER_JWT_SIGNATURE_INVALID',
    )
  })
})

describe('check', () => {
  const request = (authorization?: string) => ({ headers: authorization === undefined ? {} : { authorization } })
  test('answers with the token, from a Fetch request, a Node request, in any case of Bearer', async () => {
    const token = accessToken(key)
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      expect(await verifier.check(request(`${scheme} ${token}`))).toMatchObject({
        ok: true,
        token: { subject: 'user-1' },
      })
    }
    expect(
      await verifier.check(new Request('https://a.example', { headers: { authorization: `Bearer ${token}` } })),
    ).toMatchObject({ ok: true })
  })
  test.each<[string, unknown, RegExp]>([
    ['a misspelt option', { scopes: 'admin' }, /^check has no option "scopes" \(known: scope\)$/],
    ['a scope that is undefined', { scope: undefined }, /scope/],
    ['a scope that is null', { scope: null }, /scope/],
    ['a scope that is a number', { scope: 1 }, /scope/],
    ['options that are a string', 'admin', /the options of check must be an object/],
    ['options that are a list', ['admin'], /the options of check must be an object/],
    ['options that are null', null, /the options of check must be an object/],
    ['options that are undefined', undefined, /the options of check must be an object/],
    ['a scope that is an empty list', { scope: [] }, /^scope must not be empty/],
    ['a scope that is an empty text', { scope: '' }, /scope/],
    ['a scope with a hole', { scope: new Array(1) }, /scope/],
  ])('asked with %s is misuse, and lets nobody in', async (_, options, message) => {
    const asked = verifier.check(request(`Bearer ${accessToken(key)}`), options as never)
    await expect(asked).rejects.toThrow(TypeError)
    await expect(asked).rejects.toThrow(message)
  })
  test('asks for no scope where its options, or their scope, are left out', async () => {
    const asking = request(`Bearer ${accessToken(key)}`)
    expect(await verifier.check(asking)).toMatchObject({ ok: true })
    expect(await verifier.check(asking, {})).toMatchObject({ ok: true })
    expect(await verifier.check(asking, Object.create({ scope: 'admin' }))).toMatchObject({ status: 403 })
  })
  test.each([['tok'], [undefined], [null], [{}], [{ headers: null }]])(
    'of %j, which is no request, is misuse that names what is wanted',
    async (wrong) => {
      await expect(verifier.check(wrong as never)).rejects.toThrow(/^check takes a request: an object with headers/)
    },
  )
  test('answers in the words of RFC 6750', async () => {
    expect(await verifier.check(request())).toMatchObject({ status: 401, challenge: 'Bearer realm="api"' })
    expect(await verifier.check(request('Basic dTpw'))).toMatchObject({
      status: 401,
      error: { code: 'COFFER_JWT_TOKEN_MISSING' },
    })
    expect(await verifier.check(request('Bearer a, Bearer b'))).toMatchObject({
      status: 400,
      challenge: 'Bearer realm="api", error="invalid_request"',
    })
    expect(await verifier.check(request('Bearer a'))).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="api", error="invalid_token"',
    })
    expect(await verifier.check(request(`Bearer ${accessToken(key, { iat: 1, exp: 2 })}`))).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="api", error="invalid_token", error_description="The access token expired"',
    })
    expect(
      await verifier.check(request(`Bearer ${accessToken(key)}`), { scope: ['payments:read', 'admin'] }),
    ).toMatchObject({
      status: 403,
      challenge: 'Bearer realm="api", error="insufficient_scope", scope="payments:read admin"',
    })
    expect(await verifier.check(request(`Bearer ${accessToken(key)}`), { scope: 'payments:read' })).toMatchObject({
      ok: true,
    })
  })
  test.each(['Bearer', 'Bearer ', 'Bearer  x', 'Bearer x y', 'Bearer\tx', 'Bearer x,'])(
    'takes %j for a bad request',
    async (line) => {
      expect(await verifier.check(request(line))).toMatchObject({ status: 400 })
    },
  )
  test('refuses a second Authorization line, also where only rawHeaders shows it', async () => {
    const authorization = `Bearer ${accessToken(key)}`
    const rawHeaders = ['Authorization', authorization, 'authorization', 'Bearer other']
    expect(await verifier.check({ headers: { authorization }, rawHeaders })).toMatchObject({ status: 400 })
    // Fastify keeps Node's request, and with it the lines, under raw.
    expect(await verifier.check({ headers: { authorization }, raw: { rawHeaders } })).toMatchObject({ status: 400 })
    const one = { rawHeaders: rawHeaders.slice(0, 2) }
    for (const raw of [one, {}, null, 'raw', undefined])
      expect(await verifier.check({ headers: { authorization }, raw })).toMatchObject({ ok: true })
    expect(await verifier.check({ headers: { authorization: [authorization, 'Bearer other'] } })).toMatchObject({
      status: 400,
    })
    expect(await verifier.check({ headers: { authorization, Authorization: 'Bearer other' } })).toMatchObject({
      status: 400,
    })
  })
})

describe('revocation', () => {
  const tokenOf = (sub: string) =>
    accessToken(key, { sub, jti: `jti-${sub}`, sid: `sid-${sub}`, client_id: `client-${sub}` })
  test.each([
    ['token', 'jti-a'],
    ['session', 'sid-a'],
    ['subject', 'a'],
    ['client', 'client-a'],
  ] as const)('of a %s ends its tokens at the next call, and no other', async (kind, value) => {
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const revoking = createVerifier({ issuers: [issuerOf(key)], clock, revocation })
    expect(revoking.verifySync(tokenOf('a')).subject).toBe('a')
    const stored = revocation.revoke({ kind, issuer, value, at: start })
    expect(codeOf(() => revoking.verifySync(tokenOf('a')))).toBe('COFFER_JWT_REVOKED')
    await stored
    expect(revoking.verifySync(tokenOf('b')).subject).toBe('b')
    expect(revocation.status()).toMatchObject({ state: 'live', size: 1, epoch: 1 })
  })
  test('of a subject ends the second of the revocation too, and not the next one', async () => {
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const revoking = createVerifier({ issuers: [issuerOf(key)], clock, revocation })
    await revocation.revoke({ kind: 'subject', issuer, value: 'user-1', at: start + 999 })
    const issued = (iat: number) => () =>
      revoking.verifySync(accessToken(key, { iat: start / 1_000 + iat, exp: start / 1_000 + 600 }))
    expect(codeOf(issued(-1))).toBe('COFFER_JWT_REVOKED')
    expect(codeOf(issued(0))).toBe('COFFER_JWT_REVOKED')
    expect(issued(1)().subject).toBe('user-1')
  })
  test('dated more than 120 s ahead is misuse', async () => {
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    await revocation.revoke({ kind: 'issuer', issuer, at: start + 120_000 })
    await expect(revocation.revoke({ kind: 'issuer', issuer, at: start + 120_001 })).rejects.toThrow(RangeError)
  })
  test('dated in seconds, or so early that it would revoke nothing, is misuse and not a promise', async () => {
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock, retentionMs: 7_300_000 })
    const revoke = (at: number) => revocation.revoke({ kind: 'subject', issuer, value: 'user-1', at })
    await expect(revoke(start / 1_000)).rejects.toThrow(RangeError)
    await expect(revoke(start / 1_000)).rejects.toThrow(/epoch milliseconds/)
    await expect(revoke(start - 7_300_000)).rejects.toThrow(RangeError)
    expect(revocation.status().size).toBe(0)
    await revoke(start - 7_299_999)
    expect(revocation.status().size).toBe(1)
  })
  test('beyond max is refused, and no live entry is dropped for it', async () => {
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock, max: 1 })
    await revocation.revoke({ kind: 'session', issuer, value: 's1', at: start })
    expect(await codeOfAsync(() => revocation.revoke({ kind: 'session', issuer, value: 's2', at: start }))).toBe(
      'COFFER_JWT_REVOCATION_FULL',
    )
    expect(revocation.status().size).toBe(1)
  })
})

describe('an issuer', () => {
  test('may be relaxed by name, without another being touched', () => {
    const bank = testKey('RS256')
    const bankIssuer = 'https://login.bank.example'
    const both = createVerifier({
      clock,
      issuers: [
        issuerOf(key),
        {
          issuer: bankIssuer,
          audience,
          algorithms: ['RS256'],
          keys: staticKeys({ keys: [bank.jwk] }),
          profile: relaxedAccessToken({ typ: ['JWT'], allowMissing: ['client_id', 'jti'], scopeClaim: 'scp' }),
        },
      ] as const,
    })
    const claims = { iss: bankIssuer, client_id: undefined, jti: undefined, scope: undefined, scp: ['a', 'b'] }
    const token = both.verifySync(accessToken(bank, claims, { typ: 'JWT' }))
    expect(token).toMatchObject({ clientId: undefined, jti: undefined, scope: ['a', 'b'] })
    expect(codeOf(() => both.verifySync(accessToken(bank, { ...claims, nonce: 'x' }, { typ: 'JWT' })))).toBe(
      'COFFER_JWT_TYP_MISMATCH',
    )
    expect(codeOf(() => both.verifySync(accessToken(key, { jti: undefined })))).toBe('COFFER_JWT_CLAIM_MISSING')
  })
  test('is replaced at once, and a bad list changes nothing', () => {
    const changing = createVerifier({ issuers: [issuerOf(key)], clock })
    expect(() => changing.replaceIssuers([])).toThrow(TypeError)
    expect(changing.verifySync(accessToken(key)).subject).toBe('user-1')
    changing.replaceIssuers([issuerOf(testKey('ES256'))])
    expect(codeOf(() => changing.verifySync(accessToken(key)))).toBe('COFFER_JWT_SIGNATURE_INVALID')
  })
  test.each([
    [{ audience: undefined }],
    [{ algorithms: [] }],
    [{ algorithms: ['HS256'] }],
    [{ algorithms: ['none'] }],
    [{ keys: {} }],
    [{ audience: [] }],
    [{ clockTolerance: Number.NaN }],
    [{ issuer: '' }],
    [{ unknown: 1 }],
  ])('with %j is misuse', (options) => {
    expect(() => createVerifier({ issuers: [{ ...issuerOf(key), ...options } as never] })).toThrow(TypeError)
  })
  test.each([[{ maxLifetime: 0 }], [{ maxLifetime: 86_401 }], [{ clockTolerance: 121 }]])(
    'with %j is out of range',
    (options) => {
      expect(() => createVerifier({ issuers: [{ ...issuerOf(key), ...options }] })).toThrow(RangeError)
    },
  )
})

test('a refusal shows neither the token nor a claim', () => {
  const token = accessToken(key, { sub: 'canary-subject', scope: 'canary  scope' })
  try {
    verifier.verifySync(token)
  } catch (error) {
    const shown = inspect(error, { showHidden: true, depth: 10 })
    expect(isJwtError(error)).toBe(true)
    for (const part of token.split('.')) expect(shown).not.toContain(part)
    expect(shown).not.toContain('canary')
  }
})
