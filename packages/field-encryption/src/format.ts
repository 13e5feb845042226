import { decodeBase64url, decodedLength, toBase64url } from './base64url.js'
import { readU32, toHex } from './bytes.js'
import { FieldEncryptionError } from './errors.js'
import type { Reused } from './scratch.js'

/**
 * The byte format `fle1`: magic 0xF1, suite, key ID, salt, commitment, body. This file is the only one that writes or
 * reads a header; the text form is `fle1.`, the header in hex, a dot, and the rest in base64url.
 */
export type Suite = 1 | 2 | 3 | 4
export type Encoding = 'text' | 'bytes'

/** Lengths of salt and commitment; the body of 01-03 is one GCM message, that of 04 a chain of chunks. */
export const suites: Readonly<Record<Suite, { readonly salt: number; readonly commitment: number }>> = {
  1: { salt: 16, commitment: 16 },
  2: { salt: 16, commitment: 32 },
  3: { salt: 16, commitment: 16 },
  4: { salt: 24, commitment: 32 },
}

export const headerBytes = 6
export const tagBytes = 16
/** Frames up to this size are one GCM message; longer ones are suite 04. */
export const maxSingleFrame = 65_536
export const maxLargeFrame = 18_000_000
export const chunkBytes = 16_384

const magic = 0xf1
const subjectBit = 0x40
const textPrefix = 'fle1.'
const textHeader = 16
/** Where the last digit of the suite stands. */
const textSuite = 6
const largestBody = maxLargeFrame + tagBytes * (Math.floor(maxLargeFrame / chunkBytes) + 1)
const largest = headerBytes + suites[4].salt + suites[4].commitment + largestBody
const largestText = textOf(largest)
/** Of 02, which is longer than 01 and 03 by its commitment. */
const largestSingleText = textOf(headerBytes + suites[2].salt + suites[2].commitment + maxSingleFrame + tagBytes)

function textOf(bytes: number): number {
  return textHeader + Math.ceil(((bytes - headerBytes) * 4) / 3)
}

export interface ParsedCiphertext {
  readonly suite: Suite
  readonly subject: boolean
  /** 8 lower-case hex digits. */
  readonly keyId: string
  readonly encoding: Encoding
  /** The binary form: header, salt, commitment, body. */
  readonly bytes: Uint8Array
}

/** Total length in bytes of a ciphertext for a frame of `frameBytes`. */
export function ciphertextLength(suite: Suite, frameBytes: number): number {
  const { salt, commitment } = suites[suite]
  const tags = suite === 4 ? Math.floor(frameBytes / chunkBytes) + 1 : 1
  return headerBytes + salt + commitment + frameBytes + tagBytes * tags
}

/** Offset 0 to 5 of a ciphertext, in both forms. */
export interface Header {
  readonly bytes: Uint8Array
  /** With the dot after it. */
  readonly text: string
}

/** The headers of all ciphertexts under one key. */
export type SuiteHeaders = Readonly<Record<Suite, Header>>

export function headersOf(keyId: Uint8Array): SuiteHeaders {
  const header = (suite: Suite) => headerOf(Uint8Array.of(magic, suite, ...keyId))
  return { 1: header(1), 2: header(2), 3: header(3), 4: header(4) }
}

function headerOf(bytes: Uint8Array): Header {
  return { bytes, text: `${textPrefix}${toHex(bytes.subarray(1))}.` }
}

/** The one text form of a binary ciphertext. */
export function formatText(header: Header, bytes: Uint8Array): string {
  return header.text + toBase64url(bytes, headerBytes)
}

/** True when a value can only have been meant as `fle1`: 0xF1 and a byte below 0x80 is never valid UTF-8. */
export function beginsLikeCiphertext(value: string | Uint8Array): boolean {
  if (typeof value === 'string') return value.startsWith(textPrefix)
  const second = value[1]
  return value[0] === magic && second !== undefined && second < 0x80
}

interface KnownHeader extends Header {
  readonly suite: Suite
  readonly subject: boolean
  readonly keyId: string
}

/** Reads stored values down to their parts. Strict: one ciphertext has one text and one binary form. */
export class Parser {
  readonly #reused: Reused | null
  /** The header of the latest value: those of a column are mostly of one suite and key. */
  #latest: KnownHeader | null = null

  /** With `reused`, what is parsed from text is there until the next call only. */
  constructor(reused: Reused | null = null) {
    this.#reused = reused
  }

  /** @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED`, `…_MALFORMED`, `…_SUITE_UNSUPPORTED`, `…_TOO_LARGE` */
  parse(value: string | Uint8Array): ParsedCiphertext {
    if (!beginsLikeCiphertext(value)) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED')
    if (typeof value !== 'string') return this.#parseBytes(value, 'bytes')
    // The last digit of the suite tells how long its text can be: what is too long is not worth decoding.
    const longest = value.charCodeAt(textSuite) === 0x34 ? largestText : largestSingleText
    if (value.length > longest) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
    const length = headerBytes + decodedLength(Math.max(0, value.length - textHeader))
    const bytes = this.#reused === null ? new Uint8Array(length) : this.#reused.view(length)
    const latest = this.#latest
    if (latest !== null && value.startsWith(latest.text)) bytes.set(latest.bytes)
    else decodeHeader(value, bytes)
    if (!decodeBase64url(value, textHeader, bytes, headerBytes)) throw malformed()
    return this.#parseBytes(bytes, 'text')
  }

  #parseBytes(bytes: Uint8Array, encoding: Encoding): ParsedCiphertext {
    if (bytes.length > largest) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
    const latest = this.#latest
    const known = latest !== null && beginsWith(bytes, latest.bytes) ? latest : readHeader(bytes)
    const { suite, subject, keyId } = known
    const { salt, commitment } = suites[suite]
    const body = bytes.length - headerBytes - salt - commitment
    // A frame has at least its type byte.
    if (body < tagBytes + 1) throw malformed()
    if (suite !== 4 && body > maxSingleFrame + tagBytes)
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOO_LARGE')
    if (suite === 4 && !isChunkedLength(body)) throw malformed()
    this.#latest = known
    return { suite, subject, keyId, encoding, bytes }
  }
}

function malformed(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_MALFORMED')
}

function beginsWith(bytes: Uint8Array, header: Uint8Array): boolean {
  for (let i = 0; i < headerBytes; i++) if (bytes[i] !== header[i]) return false
  return true
}

function readHeader(bytes: Uint8Array): KnownHeader {
  const [, code = 0] = bytes
  const suite = suiteOf(code & ~subjectBit)
  if (suite === null) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_SUITE_UNSUPPORTED')
  if (readU32(bytes, 2) === 0) throw malformed()
  const header = headerOf(bytes.slice(0, headerBytes))
  return { ...header, suite, subject: (code & subjectBit) !== 0, keyId: toHex(header.bytes.subarray(2)) }
}

/** The last chunk of suite 04 is shorter than a full one, possibly empty, so its tag is always there. */
function isChunkedLength(body: number): boolean {
  return body % (chunkBytes + tagBytes) >= tagBytes
}

function suiteOf(code: number): Suite | null {
  return code === 1 || code === 2 || code === 3 || code === 4 ? code : null
}

function decodeHeader(text: string, bytes: Uint8Array): void {
  bytes[0] = magic
  let bad = text.charCodeAt(textHeader - 1) === 0x2e ? 0 : 1
  for (let i = 0; i < 5; i++) {
    const high = hexDigit(text.charCodeAt(5 + 2 * i))
    const low = hexDigit(text.charCodeAt(6 + 2 * i))
    // Bit 7 of the suite byte is never set.
    bad |= (high | low | (i === 0 ? high << 4 : 0)) & 0x80
    bytes[1 + i] = (high << 4) | low
  }
  if (bad !== 0) throw malformed()
}

/** 0x80 for what is not a lower-case hex digit, and for the NaN past the end of the text. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  if (code >= 0x61 && code <= 0x66) return code - 0x57
  return 0x80
}

/**
 * Reads the header of a stored value: which suite, which key, which encoding. Opens nothing.
 *
 * @param value - Text or binary form.
 * @throws {FieldEncryptionError} `COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED`, `…_MALFORMED`, `…_SUITE_UNSUPPORTED`, `…_TOO_LARGE`
 */
export function parseCiphertext(value: string | Uint8Array): {
  readonly suite: Suite
  readonly subject: boolean
  readonly keyId: string
  readonly encoding: Encoding
} {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new TypeError('parseCiphertext: value must be a string or a Uint8Array')
  }
  const { suite, subject, keyId, encoding } = new Parser().parse(value)
  return { suite, subject, keyId, encoding }
}
