import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const form = /^fc_(test|live)_[0-9A-Za-z]{49}$/

/** Where a token counts: `test` for the demo's money that is none, `live` for the rest. */
export type TokenMode = 'live' | 'test'

/** `fc_test_`, 256 bits in 43 base62 characters, and 6 of CRC-32, so that scanners and typing mistakes are told apart. */
export function formatApiToken(mode: TokenMode, secret: Uint8Array = randomBytes(32)): string {
  if (secret.length !== 32) throw new RangeError('an API token holds 32 bytes')
  const body = `fc_${mode}_${toBase62(BigInt(`0x${Buffer.from(secret).toString('hex')}`), 43)}`
  return body + checksum(body)
}

/** Whether a text is an API token by form and checksum: anything else is refused without a look-up. */
export function isApiToken(text: string): boolean {
  return form.test(text) && checksum(text.slice(0, -6)) === text.slice(-6)
}

/** SHA-256 in hexadecimal: what is stored. A slow hash adds nothing to 256 random bits. */
export function hashApiToken(token: string): string {
  return createHash('sha256').update(token, 'ascii').digest('hex')
}

/** Compares two hashes in constant time. */
export function sameTokenHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')]
  return left.length === right.length && timingSafeEqual(left, right)
}

function checksum(body: string): string {
  return toBase62(BigInt(crc32(body)), 6)
}

function toBase62(value: bigint, width: number): string {
  let text = ''
  for (let rest = value, place = 0; place < width; place += 1, rest /= 62n) {
    text = base62.charAt(Number(rest % 62n)) + text
  }
  return text
}
