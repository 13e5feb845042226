import { assertMembers } from '../check-options.js'
import { JwtError } from '../errors.js'
import { copyGrant, formatAccessToken, overheadChars } from './access-token.js'
import { assertTexts, type Grant } from './grant.js'
import { IssueSeconds } from './issue-seconds.js'
import { IssuedTokens, type TokenResponse } from './issued-tokens.js'
import { type CreateIssuerOptions, type IssuerConfig, readIssuerOptions } from './issuer-options.js'
import { allDone, Families, type RefreshOutcome } from './refresh.js'

/** What a client asks when it refreshes. */
export interface RefreshRequest {
  readonly clientId: string
  /** Narrows this access token only (RFC 6749 §6). Default: the family's scope. */
  readonly scope?: readonly string[]
}

/** Issues the tokens of one issuer. */
export interface Issuer {
  /**
   * An access token alone. What is issued in the second of a revocation of its subject or client is dated after it.
   *
   * @throws {JwtError} `COFFER_JWT_GRANT_REFUSED`, `COFFER_JWT_KEY_RING_UNAVAILABLE`, `COFFER_JWT_KEY_RING_CORRUPT`
   * @throws {TypeError} An unknown or mistyped member of the grant, or a claim that this package writes.
   * @throws {RangeError} An `authenticatedAt` that is not in epoch milliseconds.
   */
  issue(grant: Grant): Promise<IssuedTokens>
  /** An access token and the first refresh token of a new family. @throws As `issue`, and `COFFER_JWT_STORE_UNAVAILABLE`. */
  issueWithRefresh(grant: Grant): Promise<IssuedTokens>
  /**
   * Spends a refresh token for its successor and a new access token.
   *
   * @throws {JwtError} `COFFER_JWT_REFRESH_INVALID`, `COFFER_JWT_REFRESH_REUSED` (the family is revoked now),
   *   `COFFER_JWT_SCOPE_WIDENED`, `COFFER_JWT_STORE_UNAVAILABLE`, and those of `issue`
   * @throws {TypeError} No request, an unknown member, or a scope that is no list of strings; nothing is spent.
   */
  refresh(refreshToken: string, request: RefreshRequest): Promise<IssuedTokens>
  /** Ends the family of a token; one that is unknown, or another client's, changes nothing (RFC 7009 §2.2). */
  revokeToken(refreshToken: string, request: { readonly clientId: string }): Promise<void>
  /** Ends one family and its access tokens. */
  revokeSession(sessionId: string): Promise<void>
  /** Ends every family and access token of a subject issued until now. */
  revokeSubject(subject: string): Promise<void>
  /** Ends every family and access token of a client issued until now. */
  revokeClient(clientId: string): Promise<void>
}

/** A verifier's default limit on the characters of a token. */
const tokenChars = 8_192

/**
 * Makes an issuer of access tokens (RFC 9068), at most one hour long, and of rotating refresh tokens (RFC 9700 §4.14.2).
 *
 * @throws {TypeError} A missing, unknown or mistyped option. @throws {RangeError} One out of range.
 * @example
 * const tokens = createIssuer({ issuer, keys: ring, revocation, refresh: { store, secret } })
 * reply.send((await tokens.issueWithRefresh(grant)).toResponse())
 */
export function createIssuer(options: CreateIssuerOptions): Issuer {
  return new TokenIssuer(readIssuerOptions(options))
}

class TokenIssuer implements Issuer {
  readonly #config: IssuerConfig
  readonly #families: Families | undefined
  readonly #maxPayloadChars: number
  readonly #seconds = new IssueSeconds()
  /** Logins that are not stored yet. */
  readonly #logins = new Set<Login>()

  constructor(config: IssuerConfig) {
    this.#config = config
    this.#families = config.refresh === undefined ? undefined : new Families(config, config.refresh)
    this.#maxPayloadChars = tokenChars - overheadChars(config.signer.algorithm, config.signer.signatureChars)
  }

  async issue(grant: Grant): Promise<IssuedTokens> {
    const access = await this.#access(copyGrant(grant), undefined)
    this.#config.onEvent({ type: 'issued', jti: access.jti, sessionId: undefined })
    return issued(access, { retried: false })
  }

  async issueWithRefresh(grant: Grant): Promise<IssuedTokens> {
    const families = this.#refreshing()
    const granted = copyGrant(grant)
    const family = families.draft()
    const login: Login = { grant: granted, isRevoked: false }
    this.#logins.add(login)
    try {
      const access = await this.#access(granted, family.id)
      // Signed first, stored second: what fails in between leaves nothing that anyone holds.
      const refreshToken = await families.create(family, granted)
      if (login.isRevoked) {
        // The store may have ended the subject's families before this one was among them.
        await families.endSession(family.id)
        throw new JwtError('COFFER_JWT_GRANT_REFUSED', { message: 'the subject or client was revoked meanwhile' })
      }
      this.#config.onEvent({ type: 'issued', jti: access.jti, sessionId: family.id })
      return issued(access, { retried: false, refreshToken })
    } finally {
      this.#logins.delete(login)
    }
  }

  async refresh(refreshToken: string, request: RefreshRequest): Promise<IssuedTokens> {
    assertMembers(request, 'the request of refresh', ['clientId', 'scope'])
    if (request.scope !== undefined) assertTexts(request.scope, 'the scope of refresh')
    const scope = request.scope === undefined ? undefined : [...request.scope]
    const outcome = await this.#refreshing().refresh(refreshToken, request.clientId, scope)
    const { id, grant, retried } = outcome
    const access = await this.#access(narrow(outcome, scope), id)
    this.#config.onEvent({ type: retried ? 'retried' : 'refreshed', jti: access.jti, sessionId: id })
    return issued({ ...access, subject: grant.subject }, { retried, refreshToken: outcome.refreshToken })
  }

  async revokeToken(refreshToken: string, request: { readonly clientId: string }): Promise<void> {
    assertMembers(request, 'the request of revokeToken', ['clientId'])
    await this.#refreshing().revokeToken(refreshToken, request.clientId)
  }

  async revokeSession(sessionId: string): Promise<void> {
    await this.#refreshing().endSession(sessionId)
  }

  async revokeSubject(subject: string): Promise<void> {
    await this.#revokeAll('subject', subject)
  }

  async revokeClient(clientId: string): Promise<void> {
    await this.#revokeAll('client', clientId)
  }

  async #revokeAll(kind: 'subject' | 'client', value: string): Promise<void> {
    const { clock, revocation, issuer } = this.#config
    if (revocation === undefined) throw new TypeError('createIssuer was given no revocation')
    for (const login of this.#logins)
      if (value === (kind === 'subject' ? login.grant.subject : login.grant.clientId)) login.isRevoked = true
    const at = this.#seconds.revoke(`${kind} ${value}`, clock.now())
    // Both are tried: a failure of one must not leave the other undone.
    await allDone([
      (async () => revocation.revoke({ kind, issuer, value, at }))(),
      this.#families?.endAll(kind === 'subject' ? { subject: value } : { client: value }),
    ])
  }

  #refreshing(): Families {
    if (this.#families === undefined) throw new TypeError('createIssuer was given no refresh')
    return this.#families
  }

  async #access(grant: Grant, sessionId: string | undefined): Promise<Access> {
    const { clock, accessTtlMs, issuer, signer } = this.#config
    const now = clock.now()
    const iat = this.#seconds.issue([`subject ${grant.subject}`, `client ${grant.clientId}`], now)
    const exp = iat + Math.floor(accessTtlMs / 1_000)
    const { bytes, jti } = formatAccessToken({ issuer, grant, sessionId, iat, exp }, this.#maxPayloadChars)
    const token = await signer.sign(bytes)
    const scope = grant.scope === undefined || grant.scope.length === 0 ? undefined : grant.scope.join(' ')
    return {
      token,
      jti,
      sessionId,
      subject: grant.subject,
      scope,
      expiresAt: exp * 1_000,
      expiresIn: exp - Math.ceil(now / 1_000),
    }
  }
}

interface Login {
  readonly grant: Grant
  isRevoked: boolean
}

interface Access {
  readonly token: string
  readonly jti: string
  readonly subject: string
  readonly sessionId: string | undefined
  readonly scope: string | undefined
  readonly expiresAt: number
  readonly expiresIn: number
}

function issued(access: Access, with_: { readonly retried: boolean; readonly refreshToken?: string }): IssuedTokens {
  const { subject, sessionId, jti, expiresAt, scope } = access
  const response: TokenResponse = {
    access_token: access.token,
    token_type: 'Bearer',
    expires_in: access.expiresIn,
    ...(scope === undefined ? {} : { scope }),
    ...(with_.refreshToken === undefined ? {} : { refresh_token: with_.refreshToken }),
  }
  return new IssuedTokens({ subject, sessionId, jti, expiresAt, retried: with_.retried }, response)
}

function narrow({ grant, claims }: RefreshOutcome, scope: readonly string[] | undefined): Grant {
  return { ...grant, ...(claims === undefined ? {} : { claims }), ...(scope === undefined ? {} : { scope }) }
}
