import { asciiBytes, decodeAscii, decodeBase64url, writeAscii } from './base64url.js'

/** A token as the signature primitive sees it. */
export interface SignedText {
  /** The compact serialisation; its first `signedLength` characters are what is signed. */
  readonly token: string
  readonly signedLength: number
}

/** Longest token that any limit permits. */
export const maxTokenChars = 65_536

// One token's bytes at a time, in memory that the next token takes over: allocating them costs more than decoding them.
const text = new Uint8Array(maxTokenChars)
/** Longest part that is decoded by table: in a longer one the native decoder earns back what crossing to it costs. */
const maxTableChars = 1_024
const payload = new Uint8Array(maxTableChars)
let signature = new Uint8Array(0)
/** The token whose bytes are in `text` and `signature`. */
let held: string | undefined

/** Whether a token is ASCII and its signature in its one spelling; its bytes are held then. */
export function holdToken({ token, signedLength }: SignedText): boolean {
  if (held === token) return true
  held = undefined
  if (token.length > maxTokenChars || !writeAscii(token, text)) return false
  const length = ((token.length - signedLength - 1) * 3) >> 2
  if (signature.length !== length) signature = new Uint8Array(length)
  if (decodeAscii(text, signedLength + 1, token.length, signature) !== length) return false
  held = token
  return true
}

/** The bytes of the held token's payload, until the next token's are asked for; undefined in any other spelling. */
export function lendPayload({ token, signedLength }: SignedText, begin: number): Uint8Array | undefined {
  if (signedLength - begin > maxTableChars) return decodeBase64url(token.slice(begin, signedLength))
  const length = decodeAscii(text, begin, signedLength, payload)
  return length < 0 ? undefined : payload.subarray(0, length)
}

/** What is signed, until the next token is held. */
export function lendSigned(signed: SignedText): Uint8Array {
  return holdToken(signed)
    ? text.subarray(0, signed.signedLength)
    : asciiBytes(signed.token.slice(0, signed.signedLength))
}

/** The signature, until the next token is held. */
export function lendSignature(signed: SignedText): Uint8Array {
  if (holdToken(signed)) return signature
  return decodeBase64url(signed.token.slice(signed.signedLength + 1)) ?? new Uint8Array(0)
}
