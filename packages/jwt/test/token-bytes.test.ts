import { createRevocationIndex, createVerifier } from '@coffer/jwt'
import { expect, test } from 'vitest'
import { decodeAscii, decodeBase64url } from '../src/base64url.js'
import { holdToken, lendPayload, lendSignature, lendSigned, maxTokenChars } from '../src/token-bytes.js'
import { accessToken, clockAt, codeOfAsync, encode, issuer, issuerOf, start, testKey } from './support.js'

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('latin1')
const signedOf = (payload: string, signature: string) => {
  const token = `aGVhZGVy.${encode(payload)}.${encode(signature)}`
  return { token, signedLength: token.lastIndexOf('.') }
}

test('the bytes are those of the token that is asked about, whichever was held meanwhile', () => {
  const [one, other] = [signedOf('first', 'signature'), signedOf('second', 'another one')]
  expect(holdToken(one)).toBe(true)
  expect(text(lendPayload(one, 9))).toBe('first')
  expect(holdToken(other)).toBe(true)
  expect(text(lendSignature(one))).toBe('signature')
  expect(text(lendSigned(one))).toBe(one.token.slice(0, one.signedLength))
  expect(text(lendSignature(other))).toBe('another one')
  expect(text(lendSigned(other))).toBe(other.token.slice(0, other.signedLength))
})

test.each([1, 768, 769, 770, 20_000])('a payload of %i bytes has one spelling', (length) => {
  const good = signedOf('x'.repeat(length), 'sig')
  expect(holdToken(good)).toBe(true)
  expect(text(lendPayload(good, 9))).toBe('x'.repeat(length))
  for (const end of ['=', '+', ' ', 'A=']) {
    const token = `${good.token.slice(0, good.signedLength)}${end}.${encode('sig')}`
    const bad = { token, signedLength: token.lastIndexOf('.') }
    expect(holdToken(bad)).toBe(true)
    expect(lendPayload(bad, 9)).toBeUndefined()
  }
})

test('a token that is not held leaves the bytes of the one before to nobody', () => {
  const good = signedOf('payload', 'sig')
  expect(holdToken(good)).toBe(true)
  for (const bad of [`${good.token}=`, `${good.token}\u0141`, `${good.token.slice(0, -1)}\u0100`]) {
    expect(holdToken({ token: bad, signedLength: good.signedLength })).toBe(false)
    expect(lendSignature({ token: bad, signedLength: good.signedLength })).toHaveLength(0)
  }
  expect(text(lendSignature(good))).toBe('sig')
})

test('a token longer than any limit is read into memory of its own', () => {
  const fits = signedOf('x'.repeat(49_000), 'sig')
  expect(holdToken({ ...fits, token: fits.token.padEnd(maxTokenChars, 'A') })).toBe(true)
  const long = signedOf('x'.repeat(60_000), 'sig')
  expect(holdToken(long)).toBe(false)
  expect(text(lendSignature(long))).toBe('sig')
  expect(text(lendSigned(long))).toBe(long.token.slice(0, long.signedLength))
})

test('a token verified while another is under way decides nothing of it', async () => {
  const key = testKey('ES256')
  const [good, other] = [accessToken(key), accessToken(key, { jti: 'jti-2' })]
  const forged = `${good.slice(0, good.lastIndexOf('.'))}.${encode(Buffer.alloc(64, 1))}`
  const another = createVerifier({ issuers: [issuerOf(key)], clock: clockAt(start), cache: null })
  const meeting = (text: string) => {
    const clock = { now: () => (another.verifySync(text).issuer === issuer ? start : 0) }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock, feed: { load: async () => [] } })
    return createVerifier({ issuers: [issuerOf(key)], clock, revocation, cache: null })
  }
  expect((await meeting(other).verify(good)).jti).toBe('jti-1')
  expect(await codeOfAsync(() => meeting(good).verify(forged))).toBe('COFFER_JWT_SIGNATURE_INVALID')
})

test('a text is decoded where its part begins and ends, in every length', () => {
  for (let length = 0; length < 40; length++) {
    const part = encode(Uint8Array.from({ length }, (_, i) => 255 - i * 7))
    const ascii = Buffer.from(`AA${part}AA`)
    const target = new Uint8Array(64)
    const count = decodeAscii(ascii, 2, 2 + part.length, target)
    expect(Buffer.from(target.subarray(0, count)).equals(decodeBase64url(part) ?? Buffer.from('none'))).toBe(true)
    for (const byte of [0x2b, 0x2f, 0x3d, 0x20, 0x00, 0x80, 0xff]) {
      for (let at = 2; at < 2 + part.length; at++) {
        const bad = Buffer.from(ascii)
        bad[at] = byte
        if (decodeAscii(bad, 2, 2 + part.length, target) !== -1) expect([byte, at]).toBe('refused')
      }
    }
  }
})
