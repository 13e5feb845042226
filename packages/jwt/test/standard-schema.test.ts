import { createVerifier, type StandardSchema, staticKeys } from '@coffer/jwt'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { applySchema } from '../src/standard-schema.js'
import { freezePlain } from '../src/verified-token.js'
import { accessToken, audience, clockAt, codeOf, issuer, start, testKey } from './support.js'

const key = testKey('ES256')
const schemaOf = (validate: (value: unknown) => unknown): StandardSchema =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as StandardSchema
const verifierOf = (claims: StandardSchema<unknown, unknown>) =>
  createVerifier({
    issuers: [{ issuer, audience, algorithms: ['ES256'], keys: staticKeys({ keys: [key.jwk] }), claims }],
    clock: clockAt(start),
  })

describe('the claims of a token are the output of a schema', () => {
  const token = accessToken(key, { tenant: 't-1', level: '7' })
  test('by zod, with its transformations', () => {
    const verifier = verifierOf(z.object({ tenant: z.string(), level: z.coerce.number() }))
    expect(verifier.verifySync(token).claims).toEqual({ tenant: 't-1', level: 7 })
    expect(Object.isFrozen(verifier.verifySync(token).claims)).toBe(true)
  })
  test('by valibot', () => {
    const verifier = verifierOf(v.object({ tenant: v.string(), level: v.pipe(v.string(), v.transform(Number)) }))
    expect(verifier.verifySync(token).claims).toEqual({ tenant: 't-1', level: 7 })
  })
  test('by arktype', () => {
    const verifier = verifierOf(type({ tenant: 'string', level: 'string.numeric' }))
    expect(verifier.verifySync(token).claims).toMatchObject({ tenant: 't-1', level: '7' })
  })
  test('and one that writes into the Claims Set, as a morph of arktype does, is refused: it is frozen', () => {
    const verifier = verifierOf(type({ tenant: 'string', level: 'string.numeric.parse' }))
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_CLAIM_INVALID')
  })
  test.each([
    ['zod', z.object({ tenant: z.uuid() })],
    ['valibot', v.object({ tenant: v.pipe(v.string(), v.uuid()) })],
    ['arktype', type({ tenant: 'string.uuid' })],
  ])('and %s names the claim that it refuses', (_, schema) => {
    const call = () => verifierOf(schema).verifySync(token)
    expect(codeOf(call)).toBe('COFFER_JWT_CLAIM_INVALID')
    expect(call).toThrow(expect.objectContaining({ claim: 'tenant', reason: 'schema' }))
  })
})

describe('what a schema may answer', () => {
  const issues = (path: unknown) =>
    applySchema(
      schemaOf(() => ({ issues: [{ message: 'x', path }] })),
      {},
    )
  test('a value, also undefined', () => {
    expect(
      applySchema(
        schemaOf(() => ({ value: 1 })),
        {},
      ),
    ).toEqual({ value: 1 })
    expect(
      applySchema(
        schemaOf(() => ({ value: undefined, issues: undefined })),
        {},
      ),
    ).toEqual({ value: undefined })
  })
  test.each([
    [['tenant'], 'tenant'],
    [['tenant', 'id'], 'tenant'],
    [[{ key: 'tenant' }], 'tenant'],
    [[{ key: 1 }], 'claims'],
    [[{}], 'claims'],
    [[null], 'claims'],
    [[1], 'claims'],
    [[Symbol('s')], 'claims'],
    [[''], 'claims'],
    [['t'.repeat(64)], 't'.repeat(64)],
    [['t'.repeat(65)], 'claims'],
    [['a b'], 'claims'],
    [['a\n'], 'claims'],
    [['https://claim.example/x_1.y-z'], 'https://claim.example/x_1.y-z'],
    [[], 'claims'],
    [undefined, 'claims'],
    ['tenant', 'claims'],
  ])('an issue whose path is %j, as %s', (path, expected) => {
    expect(issues(path)).toEqual({ refused: expected })
  })
  test.each([
    [undefined],
    [null],
    [1],
    ['x'],
    [{}],
    [{ issues: null }],
    [{ issues: [] }],
    [{ issues: 'x' }],
    [{ issues: [undefined] }],
  ])('nothing of the standard, which is a refusal: %j', (answer) => {
    expect(
      applySchema(
        schemaOf(() => answer),
        {},
      ),
    ).toEqual({ refused: 'claims' })
  })
  test('an exception, which is a refusal', () => {
    const throwing = schemaOf(() => {
      throw new Error('x')
    })
    expect(applySchema(throwing, {})).toEqual({ refused: 'claims' })
  })
  test('a member called then that is no function', () => {
    const answer = Object.fromEntries([
      ['then', 1],
      ['value', 2],
    ])
    expect(
      applySchema(
        schemaOf(() => answer),
        {},
      ),
    ).toEqual({ value: 2 })
  })
  test('no promise: that is misuse, and its rejection is nobody’s', async () => {
    const verifier = verifierOf(schemaOf(() => Promise.reject(new Error('late'))))
    expect(() => verifier.verifySync(accessToken(key))).toThrow(TypeError)
    await expect(verifier.verify(accessToken(key))).rejects.toThrow(TypeError)
    await expect(verifier.check({ headers: { authorization: `Bearer ${accessToken(key)}` } })).rejects.toThrow(
      TypeError,
    )
  })
})

describe('a value is plain', () => {
  test.each([
    [1],
    ['x'],
    [null],
    [undefined],
    [[]],
    [{ a: [{ b: 1 }] }],
    [Object.create(null)],
    [{ [Symbol('s')]: 1 }],
  ])('when it is %j, and frozen then', (value) => {
    expect(freezePlain(value)).toBe(true)
    if (typeof value === 'object') expect(Object.isFrozen(value)).toBe(true)
  })
  test('also when it holds itself', () => {
    const circle: Record<string, unknown> = { a: {} }
    circle['self'] = circle
    expect(freezePlain(circle)).toBe(true)
  })
  test.each([
    ['a function', () => 1],
    ['a Date', new Date()],
    ['a Map', new Map()],
    ['a member that is a function', { a: () => 1 }],
    ['a member that is a Date', { a: { b: [new Date()] } }],
    ['a getter', Object.defineProperty({}, 'a', { enumerable: true, get: () => 1 })],
    ['a symbol member that is no plain value', { [Symbol('s')]: new Set() }],
    ['bytes', new Uint8Array(2)],
  ])('never when it is %s', (_, value) => {
    expect(freezePlain(value)).toBe(false)
  })
})
