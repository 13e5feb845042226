import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { RefreshKeys } from '../../src/issue/refresh-token.js'

const secret = Uint8Array.from(randomBytes(32))
const keys = new RefreshKeys(secret)
const token = {
  family: Uint8Array.from(randomBytes(16)),
  generation: 0x01020304,
  secret: Uint8Array.from(randomBytes(32)),
}

/** The same by node:crypto, from the text of the format. */
const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest()
const derived = (purpose: string): Buffer => mac(secret, Buffer.from(`coffer-jwt refresh ${purpose}`))
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

describe('a refresh token', () => {
  test('is 117 characters: crt1. and family, generation, secret and tag', async () => {
    const body = Buffer.concat([token.family, u32(token.generation), token.secret])
    const expected = `crt1.${Buffer.concat([body, mac(derived('tag'), body)]).toString('base64url')}`
    expect(await keys.format(token)).toBe(expected)
    expect(expected).toHaveLength(117)
  })

  test('is read back as it was made', async () => {
    expect(await keys.parse(await keys.format(token))).toEqual(token)
    const last = { ...token, generation: 2 ** 32 - 1 }
    expect(await keys.parse(await keys.format(last))).toEqual(last)
  })

  test('is refused with any character changed, one less, one more, or of other keys', async () => {
    const text = await keys.format(token)
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'A' ? 'B' : 'A'
      expect(await keys.parse(text.slice(0, i) + other + text.slice(i + 1)), String(i)).toBeUndefined()
    }
    for (const other of [text.slice(0, -1), `${text}A`, '', 'crt1.', text.slice(5), `crt2.${text.slice(5)}`])
      expect(await keys.parse(other)).toBeUndefined()
    expect(await new RefreshKeys(Uint8Array.from(randomBytes(32))).parse(text)).toBeUndefined()
  })

  test('has one spelling', async () => {
    const text = await keys.format(token)
    for (const other of [text.toUpperCase(), `${text.slice(0, -1)} `, `${text.slice(0, -1)}=`, `${text.slice(0, -1)}+`])
      expect(await keys.parse(other)).toBeUndefined()
  })

  test('costs no HMAC unless it has the length and the prefix', async () => {
    // Keys of which nothing was ever derived: reaching for one would reject.
    const bare = Object.create(RefreshKeys.prototype) as RefreshKeys
    const text = await keys.format(token)
    for (const other of [
      '',
      'x',
      text.slice(1),
      `${text}A`,
      `${text}AAAA`,
      text.slice(0, -4),
      `x${text.slice(1)}`,
      `crt2.${text.slice(5)}`,
    ])
      expect(await bare.parse(other)).toBeUndefined()
    await expect(bare.parse(text)).rejects.toThrow()
  })
})

describe('what a store holds', () => {
  test('is an HMAC of family and secret, not of the generation', async () => {
    const expected = mac(derived('hash'), token.family, token.secret)
    expect(Buffer.from(await keys.hash(token))).toEqual(expected)
    expect(Buffer.from(await keys.hash({ ...token, generation: 9 }))).toEqual(expected)
  })
})

describe('a successor', () => {
  const salt = Uint8Array.from(randomBytes(32))
  test('is an HMAC of family, its generation, the secret before it and the salt', async () => {
    const next = await keys.successor(token, salt)
    const generation = token.generation + 1
    expect(next).toEqual({
      family: token.family,
      generation,
      secret: Uint8Array.from(mac(derived('next'), token.family, u32(generation), token.secret, salt)),
    })
  })
  test('is the same for the same salt, and another for any other part', async () => {
    const text = async (one: typeof token, by: Uint8Array) => keys.format(await keys.successor(one, by))
    const expected = await text(token, salt)
    expect(await text(token, salt)).toBe(expected)
    const others = [
      await text(token, Uint8Array.from(randomBytes(32))),
      await text({ ...token, generation: 7 }, salt),
      await text({ ...token, secret: Uint8Array.from(randomBytes(32)) }, salt),
      await text({ ...token, family: Uint8Array.from(randomBytes(16)) }, salt),
    ]
    expect(new Set([expected, ...others]).size).toBe(5)
  })
})
