import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { createVerifier, relaxedAccessToken, staticKeys } from '@coffer/jwt'
import { describe, expect, test } from 'vitest'
import { audience, codeOf, issuer, testKey } from './support.js'

interface JsonWebToken {
  sign(payload: object, key: string, options: object): string
}

const jsonwebtoken: JsonWebToken = createRequire(import.meta.url)('jsonwebtoken')
const { privateKey, jwk } = testKey('RS256', 'key-1')
const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
const base = { issuer, audience, algorithms: ['RS256'], keys: staticKeys({ keys: [jwk] }) } as const
const plain = { algorithm: 'RS256', issuer, subject: 'user-1', audience, expiresIn: '1h' }

describe('a token of jsonwebtoken', () => {
  const profile = relaxedAccessToken({ typ: ['JWT'], allowMissing: ['kid', 'jti', 'client_id'] })
  const relaxed = createVerifier({ issuers: [{ ...base, profile }] })
  const strict = createVerifier({ issuers: [base] })

  test('as sign makes it is refused, and taken by the relaxation that MIGRATION.md names', () => {
    const token = jsonwebtoken.sign({}, pem, plain)
    expect(codeOf(() => strict.verifySync(token))).toBe('COFFER_JWT_TYP_MISMATCH')
    expect(relaxed.verifySync(token).subject).toBe('user-1')
  })
  test('with the members that MIGRATION.md names needs no relaxation', () => {
    const options = { ...plain, header: { typ: 'at+jwt' }, keyid: 'key-1', jwtid: randomUUID() }
    const token = jsonwebtoken.sign({ client_id: 'web' }, pem, options)
    expect(strict.verifySync(token).clientId).toBe('web')
  })
  test('that is born expired is refused for its exp, not as expired', () => {
    const token = jsonwebtoken.sign({}, pem, { ...plain, expiresIn: -10 })
    expect(codeOf(() => relaxed.verifySync(token))).toBe('COFFER_JWT_CLAIM_INVALID')
  })
})
