import { decodeBase64url } from './base64url.js'
import { JwtError } from './errors.js'
import { type Header, readHeader } from './header.js'
import type { VerifierLimits } from './options.js'
import { type JsonObject, readJson } from './strict-json.js'
import { holdToken, lendPayload, type SignedText } from './token-bytes.js'

/** A token read but not believed: nothing in it is authentic yet. */
export interface ParsedToken extends SignedText {
  readonly headerText: string
  readonly header: Header
  /** Not frozen yet. */
  readonly claims: JsonObject
}

/** Headers that a good signature has vouched for, by their text. */
export type HeaderMemo = Map<string, Header>

/**
 * Reads a compact JWS (RFC 7515 §7.1) in its one spelling: sizes by `length` alone, then three parts, then each part
 * the base64url of its own bytes, then header and payload as strict JSON objects.
 */
export function parseCompact(token: unknown, limits: VerifierLimits, memo: HeaderMemo): ParsedToken {
  if (typeof token !== 'string') throw new JwtError('COFFER_JWT_MALFORMED')
  if (token.length > limits.tokenChars) throw new JwtError('COFFER_JWT_TOO_LARGE')
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first > limits.headerChars) throw new JwtError('COFFER_JWT_TOO_LARGE')
  if (first < 1 || second < first + 2 || token.indexOf('.', second + 1) !== -1)
    throw new JwtError('COFFER_JWT_MALFORMED')
  const headerText = token.slice(0, first)
  const known = memo.get(headerText)
  const headerBytes = known === undefined ? decodePart(headerText) : undefined
  const signed = { token, signedLength: second }
  const payload = holdToken(signed) ? lendPayload(signed, first + 1) : undefined
  if (payload === undefined) throw new JwtError('COFFER_JWT_ENCODING_INVALID')
  const header = headerBytes === undefined ? known : readHeader(parsePart(headerBytes, limits.depth))
  const claims = parsePart(payload, limits.depth)
  return { token, signedLength: second, headerText, header: header as Header, claims }
}

/** One part's bytes, if it is their one spelling. */
export function decodePart(text: string): Uint8Array {
  const bytes = decodeBase64url(text)
  if (bytes === undefined) throw new JwtError('COFFER_JWT_ENCODING_INVALID')
  return bytes
}

/** A part's bytes as a strict JSON object. */
export function parsePart(bytes: Uint8Array, depth: number): JsonObject {
  const value = readJson(bytes, depth)
  if (value === undefined) throw new JwtError('COFFER_JWT_MALFORMED')
  return value
}

/** Most headers that are remembered; an issuer has a handful, one per key. */
const maxHeaders = 64

/** Remembers a header once its signature was good, so that a flood of forgeries cannot churn the memo. */
export function rememberHeader(memo: HeaderMemo, parsed: ParsedToken): void {
  if (memo.has(parsed.headerText)) return
  if (memo.size >= maxHeaders) memo.clear()
  memo.set(parsed.headerText, parsed.header)
}
