import type { CanonicalRequest } from './canonical-request.js'

/** What a key is made of: a text, nothing, or a list of such. */
export type KeyPart = string | undefined | readonly KeyPart[]

/** Who asks whom, and how: the part of a key that is the same for a whole cache. */
export interface KeyIdentity {
  readonly issuer: string
  /** Per grant of the chain: kind, endpoint URL, client id, authentication method, how the request is written. */
  readonly grants: readonly (readonly string[])[]
  readonly subject: string | undefined
}

/** The cache-wide part of a key. */
export function formatIdentity({ issuer, grants, subject }: KeyIdentity): string {
  return `tk1${formatParts([issuer, grants, subject])}`
}

/** The part of a key that a request adds. The last place is kept for a proof-of-possession key (RFC 9449). */
export function formatRequest({ tenant, scope, audience, params }: CanonicalRequest): string {
  return formatParts([tenant, scope, audience, params, undefined])
}

/**
 * A list in which no text can pass for a separator: every text is preceded by its length, every list by its count.
 * Two lists have the same format only if they are the same list.
 */
export function formatParts(parts: readonly KeyPart[]): string {
  const pieces: string[] = []
  collect(parts, pieces)
  // Joined at once: a text built piece by piece would keep its pieces in memory, a million times.
  return pieces.join('')
}

function collect(parts: readonly KeyPart[], pieces: string[]): void {
  pieces.push(String(parts.length), '[')
  for (const part of parts) {
    if (part === undefined) pieces.push('-')
    else if (typeof part === 'string') pieces.push(String(part.length), ':', part)
    else collect(part, pieces)
  }
}

/** SHA-256 of a text's UTF-16 code units, in hex. UTF-8 would fold every lone surrogate into one character. */
export async function digestHex(text: string): Promise<string> {
  const units = new Uint8Array(text.length * 2)
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    units[index * 2] = unit & 0xff
    units[index * 2 + 1] = unit >> 8
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', units))
  let hex = ''
  for (const byte of digest) hex += byte.toString(16).padStart(2, '0')
  return hex
}
