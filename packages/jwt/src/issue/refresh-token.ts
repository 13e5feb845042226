import { decodeBase64url, encodeBase64url } from '../base64url.js'

/**
 * A refresh token: `crt1.` and the base64url of family ID 16, generation u32, secret 32, tag 32 bytes. The tag is an
 * HMAC over what precedes it, so a token that was not made here costs no call of the store.
 */
export interface RefreshToken {
  readonly family: Uint8Array
  readonly generation: number
  readonly secret: Uint8Array
}

const prefix = 'crt1.'
const tokenChars = 117
const bodyBytes = 52
const label = 'coffer-jwt refresh '

type Purpose = 'tag' | 'hash' | 'next'

/** The HMAC keys of one configured secret, derived once. */
export class RefreshKeys {
  readonly #keys: Readonly<Record<Purpose, Promise<CryptoKey>>>

  constructor(secret: Uint8Array<ArrayBuffer>) {
    const root = importHmac(secret)
    const derive = async (purpose: Purpose): Promise<CryptoKey> =>
      importHmac(await hmac(await root, new TextEncoder().encode(label + purpose)))
    this.#keys = { tag: derive('tag'), hash: derive('hash'), next: derive('next') }
  }

  /** The one spelling of a token. */
  async format(token: RefreshToken): Promise<string> {
    const body = bodyOf(token)
    const tag = await hmac(await this.#keys.tag, body)
    return prefix + encodeBase64url(concat(body, tag))
  }

  /** The token, if these keys made it. */
  async parse(text: string): Promise<RefreshToken | undefined> {
    if (text.length !== tokenChars || !text.startsWith(prefix)) return undefined
    const decoded = decodeBase64url(text.slice(prefix.length))
    if (decoded === undefined) return undefined
    const bytes = Uint8Array.from(decoded)
    const body = bytes.slice(0, bodyBytes)
    const isOurs = await crypto.subtle.verify('HMAC', await this.#keys.tag, bytes.slice(bodyBytes), body)
    if (!isOurs) return undefined
    return { family: body.slice(0, 16), generation: new DataView(body.buffer).getUint32(16), secret: body.slice(20) }
  }

  /** What the store holds in place of the secret. */
  async hash(token: RefreshToken): Promise<Uint8Array> {
    return hmac(await this.#keys.hash, concat(token.family, token.secret))
  }

  /** The token after this one: the same for the same salt, so that a retry gets it again and nothing readable is stored. */
  async successor(token: RefreshToken, salt: Uint8Array): Promise<RefreshToken> {
    const generation = token.generation + 1
    const counter = new Uint8Array(4)
    new DataView(counter.buffer).setUint32(0, generation)
    const secret = await hmac(await this.#keys.next, concat(token.family, counter, token.secret, salt))
    return { family: token.family, generation, secret }
  }
}

function bodyOf({ family, generation, secret }: RefreshToken): Uint8Array<ArrayBuffer> {
  const counter = new Uint8Array(4)
  new DataView(counter.buffer).setUint32(0, generation)
  return concat(family, counter, secret)
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function importHmac(secret: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

async function hmac(key: CryptoKey, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, data))
}
