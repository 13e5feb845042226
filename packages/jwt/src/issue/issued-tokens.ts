/** A successful token response (RFC 6749 §5.1). */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope?: string
  readonly refresh_token?: string
}

/** What {@link IssuedTokens} tells without opening anything. */
export interface IssuedMembers {
  readonly subject: string
  readonly sessionId: string | undefined
  readonly jti: string
  /** Epoch ms at which the access token expires. */
  readonly expiresAt: number
  /** Whether this answers a retry: same refresh token as the first time, new access token. */
  readonly retried: boolean
}

/** What Node's `inspect` asks an object for. */
const inspectCustom = Symbol.for('nodejs.util.inspect.custom')

/** Tokens on their way to the client. Only {@link toResponse} opens them: `inspect`, JSON and templates show `[redacted]`. */
export class IssuedTokens implements IssuedMembers {
  readonly subject: string
  readonly sessionId: string | undefined
  readonly jti: string
  readonly expiresAt: number
  readonly retried: boolean
  readonly #response: TokenResponse

  constructor(members: IssuedMembers, response: TokenResponse) {
    this.subject = members.subject
    this.sessionId = members.sessionId
    this.jti = members.jti
    this.expiresAt = members.expiresAt
    this.retried = members.retried
    this.#response = Object.freeze({ ...response })
    Object.defineProperty(this, inspectCustom, { value: () => 'IssuedTokens [redacted]' })
    Object.freeze(this)
  }

  /** The body of the token response. Send it with `cache-control: no-store`. */
  toResponse(): TokenResponse {
    return this.#response
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }
}
