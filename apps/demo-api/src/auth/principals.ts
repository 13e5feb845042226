import type { PolicySession, Principal } from '../http/request-context.js'
import type { NetworkAllowlist } from '../network/allowlist.js'

/** What a verified access token says about its bearer; the part of `@coffer/jwt`'s VerifiedToken that the look-up reads. */
export interface TokenIdentity {
  readonly subject: string
  readonly clientId: string
  readonly scope: readonly string[]
  readonly sessionId: string | undefined
  readonly claims: { readonly tenant: string }
}

/** The bearer as of this request: who, what the policy lets them do, and from where. */
export interface CurrentPrincipal {
  readonly principal: Principal
  readonly session: PolicySession
  /** Every one of them has to admit the client's address: the tenant's list and the token's own, where they exist. */
  readonly networks: readonly NetworkAllowlist[]
}

/** Finds the bearer of a token. Nothing about rights is taken from the token: roles are read at request time. */
export interface Principals {
  /** `null` when the subject is gone, disabled, revoked, expired, or not of the token's tenant. */
  find(token: TokenIdentity): Promise<CurrentPrincipal | null>
}
