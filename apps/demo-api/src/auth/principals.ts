import type { Transaction } from '../db/transaction.js'
import { parseId } from '../http/identifier.js'
import type { Clock, PolicySession, Principal } from '../http/request-context.js'
import type { FinCodePolicy } from '../policy/policy.js'
import { openSession } from '../policy/subject.js'
import type { Directory } from './directory.js'
import type { Revocations } from './revocations.js'
import { lockSubject, readApiToken, readTenant, readUser, type SubjectState, type TenantState } from './subject-rows.js'

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
  /**
   * The same as of a transaction of the token's tenant, whatever was known before it: rights that it finds stay until it
   * ends, because whoever takes one away waits for it. `null` also when the session has ended.
   *
   * @param changesItself - Whether the transaction goes on to change the bearer's own account.
   */
  findIn(tx: Transaction, token: TokenIdentity, changesItself: boolean): Promise<CurrentPrincipal | null>
  /** Whether the tenant's list and the API token's own list, where they exist, both admit the address. */
  admits(principal: Pick<Principal, 'id' | 'tenantId'>, address: string): Promise<boolean>
}

export interface PrincipalsOptions {
  readonly directory: Directory
  readonly revocations: Pick<Revocations, 'isSessionLive'>
  readonly policy: FinCodePolicy
  readonly clock: Clock
}

export function createPrincipals({ directory, revocations, policy, clock }: PrincipalsOptions): Principals {
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
    async find(token) {
      const tenantId = parseId('ten', token.claims.tenant)
      if (tenantId === null) return null
      const state = await findSubject(tenantId, token.subject)
      return currentOf(token, await directory.tenant(tenantId), state)
    },
    async findIn(tx, token, changesItself) {
      const tenantId = parseId('ten', token.claims.tenant)
      const userId = parseId('usr', token.subject)
      const id = userId ?? parseId('tok', token.subject)
      if (tenantId === null || id === null) return null
      const kind = userId === null ? 'api-token' : 'user'
      await lockSubject(tx, kind, id, changesItself ? 'no key update' : 'share')
      // Statements of their own: the snapshot of the one that locked may be older than the change it has waited for.
      if (token.sessionId !== undefined && !(await revocations.isSessionLive(tx, token.sessionId))) return null
      const state = await (kind === 'user' ? readUser : readApiToken)(tx, tenantId, id)
      return currentOf(token, await readTenant(tx, tenantId), state)
    },
  }

  function currentOf(
    { subject, clientId, scope, sessionId }: TokenIdentity,
    tenant: TenantState | null,
    state: SubjectState | null,
  ): CurrentPrincipal | null {
    if (state === null || tenant === null) return null
    if (state.expiresAt !== null && clock.now() >= state.expiresAt) return null
    const session = openSession(policy, tenant, state)
    const { kind, person } = state
    return {
      principal: {
        kind,
        id: subject,
        person,
        tenantId: tenant.id,
        plan: tenant.plan,
        roles: session.roles,
        // A token's scopes as of now: narrowing them narrows access tokens that are out already.
        scope: scope.filter((value) => state.scopes === null || state.scopes.includes(value)),
        clientId,
        sessionId,
      },
      session,
    }
  }
}
