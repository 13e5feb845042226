import { parseId } from '../http/identifier.js'
import type { Clock, PolicySession, Principal } from '../http/request-context.js'
import type { FinCodePolicy } from '../policy/policy.js'
import { openSession } from '../policy/subject.js'
import type { Directory, SubjectState } from './directory.js'

/** What a verified access token says about its bearer; the part of `@coffer/jwt`'s VerifiedToken that the look-up reads. */
export interface TokenIdentity {
  readonly subject: string
  readonly clientId: string
  readonly scope: readonly string[]
  readonly sessionId: string | undefined
  readonly claims: { readonly tenant: string }
}

/** The bearer as of this request: who, and what the policy lets them do. */
export interface CurrentPrincipal {
  readonly principal: Principal
  readonly session: PolicySession
}

/** Finds the bearer of a token. Nothing about rights is taken from the token: roles are read at request time. */
export interface Principals {
  /** `null` when the subject is gone, disabled, revoked, expired, or not of the token's tenant. */
  find(token: TokenIdentity): Promise<CurrentPrincipal | null>
  /** Whether the tenant's list and the API token's own list, where they exist, both admit the address. */
  admits(principal: Pick<Principal, 'id' | 'tenantId'>, address: string): Promise<boolean>
}

export interface PrincipalsOptions {
  readonly directory: Directory
  readonly policy: FinCodePolicy
  readonly clock: Clock
}

export function createPrincipals({ directory, policy, clock }: PrincipalsOptions): Principals {
  async function findSubject(tenantId: string, subject: string): Promise<SubjectState | null> {
    const userId = parseId('usr', subject)
    if (userId !== null) return directory.user(tenantId, userId)
    const tokenId = parseId('tok', subject)
    return tokenId === null ? null : directory.apiToken(tenantId, tokenId)
  }

  return {
    async admits({ tenantId, id }, address) {
      const tenant = await directory.tenant(tenantId)
      const subject = await findSubject(tenantId, id)
      if (tenant === null || subject === null) return false
      return [tenant.networks, subject.networks].every((list) => list === null || list.check(address).allowed)
    },
    async find({ subject, clientId, scope, sessionId, claims }) {
      const tenantId = parseId('ten', claims.tenant)
      if (tenantId === null) return null
      const state = await findSubject(tenantId, subject)
      const tenant = await directory.tenant(tenantId)
      if (state === null || tenant === null) return null
      if (state.expiresAt !== null && clock.now() >= state.expiresAt) return null
      const session = openSession(policy, tenant, state)
      const { kind, person } = state
      return {
        principal: {
          kind,
          id: subject,
          person,
          tenantId,
          plan: tenant.plan,
          roles: session.roles,
          // A token's scopes as of now: narrowing them narrows access tokens that are out already.
          scope: scope.filter((value) => state.scopes === null || state.scopes.includes(value)),
          clientId,
          sessionId,
        },
        session,
      }
    },
  }
}
