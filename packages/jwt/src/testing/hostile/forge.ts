import type { VerifyErrorCode } from '../../errors.js'
import type { FakeIssuer } from '../fake-issuer.js'
import { createTestKey, encodePart, type TestKey } from '../test-key.js'

/** A token that must be refused, and with what. */
export interface HostileToken {
  readonly id: string
  readonly token: string
  /** What this package refuses it with. */
  readonly code: VerifyErrorCode
  /** Whether it can travel as a Bearer token: the others are no b64token, or too long for a header. */
  readonly isBearer: boolean
}

/** What one class of attacks makes its tokens with. */
export interface Forge {
  readonly issuer: FakeIssuer
  /** A good token, to be spoilt. */
  readonly good: string
  readonly parts: readonly [header: string, payload: string, signature: string]
  /** A key that the issuer never had, under the `kid` of its own. */
  readonly foreign: TestKey
  /** Epoch seconds. */
  readonly now: number
  header(changes?: Readonly<Record<string, unknown>>): string
  claims(changes?: Readonly<Record<string, unknown>>): string
  /** Signs with another key than the issuer's. */
  signBy(key: TestKey, header: string, payload: string | Uint8Array): Promise<string>
  hostile(id: string, token: string, code: VerifyErrorCode): HostileToken
}

export async function createForge(issuer: FakeIssuer): Promise<Forge> {
  const now = Math.floor(issuer.clock.now() / 1_000)
  const good = await issuer.token({ scope: 'a b', sid: 'session-1' })
  const [header = '', payload = '', signature = ''] = good.split('.')
  const read = (part: string): object => JSON.parse(new TextDecoder().decode(fromBase64url(part))) as object
  return {
    issuer,
    good,
    parts: [header, payload, signature],
    foreign: await createTestKey(issuer.algorithm, issuer.kid),
    now,
    header: (changes = {}) => JSON.stringify({ ...read(header), ...changes }),
    claims: (changes = {}) => JSON.stringify({ ...read(payload), ...changes }),
    async signBy(key, headerText, claimsText) {
      const data = `${encodePart(headerText)}.${encodePart(claimsText)}`
      return `${data}.${encodePart(await key.sign(data))}`
    },
    hostile: (id, token, code) => ({
      id,
      token,
      code,
      isBearer: token.length <= 12_000 && /^[A-Za-z0-9\-._~+/]+=*$/.test(token),
    }),
  }
}

/** Bytes of a part, for spoiling it. */
export function fromBase64url(part: string): Uint8Array {
  const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
